// The whole image, small, with a frame around what is in view; shown only when one has zoomed in.
import { element } from "./dom.js";

const SIDE = 120; // screen pixels, of the longer side

export class Minimap {
  constructor(pane) {
    this.pane = pane;
    const { columns, rows } = pane.facts;
    this.scale = SIDE / Math.max(columns, rows);
    this.canvas = element("canvas", {
      width: Math.round(columns * this.scale),
      height: Math.round(rows * this.scale),
    });
    this.frame = element("i");
    this.element = element(
      "div",
      { class: "minimap", title: "Where you are: click to go there" },
      this.canvas,
      this.frame,
    );
    for (const name of ["pointerdown", "pointermove"]) {
      this.element.addEventListener(name, (event) => this.go(event));
    }
    this.element.addEventListener("dblclick", (event) => event.stopPropagation());
  }

  /** Draw the picture once it has come, and again when its window is another one. */
  draw(bitmap) {
    if (!bitmap || bitmap === this.drawn) return;
    this.drawn = bitmap;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
  }

  update(size, view, fit) {
    const resolution = view.getResolution();
    const [x, y] = view.getCenter();
    const zoomed = resolution < fit * 0.75;
    this.element.classList.toggle("shown", zoomed);
    if (!zoomed) return;
    const [w, h] = size.map((side) => side * resolution * this.scale);
    const { width, height } = this.canvas;
    const left = clamp(x * this.scale - w / 2, 0, width);
    const top = clamp(-y * this.scale - h / 2, 0, height);
    const right = clamp(x * this.scale + w / 2, 0, width);
    const bottom = clamp(-y * this.scale + h / 2, 0, height);
    this.frame.style.transform = `translate(${left}px, ${top}px)`;
    this.frame.style.width = `${right - left}px`;
    this.frame.style.height = `${bottom - top}px`;
  }

  go(event) {
    event.stopPropagation();
    if (!event.buttons) return;
    const box = this.canvas.getBoundingClientRect();
    this.pane.view.setCenter([
      (event.clientX - box.left) / this.scale,
      -(event.clientY - box.top) / this.scale,
    ]);
  }
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}
