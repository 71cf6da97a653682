// A box round something the model missed: drawn once, then handed to Python, which asks what it is and keeps it.
import Draw, { createBox } from "ol/interaction/Draw.js";
import VectorSource from "ol/source/Vector.js";
import { Stroke, Style } from "ol/style.js";

const LINE = new Style({ stroke: new Stroke({ color: "#ffffff", width: 2, lineDash: [6, 4] }) });
const SMALLEST = 3; // screen pixels: a click is no box

export class Marking {
  /** @param {(box: [number, number, number, number]) => void} done left, top, right, bottom in the image's pixels */
  constructor(pane, done) {
    this.pane = pane;
    this.draw = new Draw({
      source: new VectorSource(),
      type: "Circle",
      geometryFunction: createBox(),
      freehand: true,
      style: LINE,
    });
    this.draw.on("drawend", ({ feature }) => {
      const box = this.box(feature.getGeometry().getExtent());
      if (box) done(box);
    });
    pane.map.addInteraction(this.draw);
    pane.element.classList.add("measuring");
  }

  box([x0, y0, x1, y1]) {
    const { columns, rows } = this.pane.facts;
    const least = SMALLEST * this.pane.view.getResolution();
    if (x1 - x0 < least || y1 - y0 < least) return null;
    const clamp = (value, most) => Math.max(0, Math.min(most, Math.round(value)));
    const box = [clamp(x0, columns), clamp(-y1, rows), clamp(x1, columns), clamp(-y0, rows)];
    return box[0] < box[2] && box[1] < box[3] ? box : null;
  }

  destroy() {
    this.pane.map.removeInteraction(this.draw);
    this.pane.element.classList.remove("measuring");
  }
}
