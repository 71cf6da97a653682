// The legend is also the switchboard: a checkbox, a sample of the line and a name per layer. Immediate, without Python.
import { element, svg } from "./dom.js";

export class Legend {
  /** @param {(visible: Record<string, boolean>) => void} changed called when a person switches a layer */
  constructor(changed) {
    this.changed = changed;
    this.visible = {};
    this.element = element("div", { class: "legend", role: "group", "aria-label": "Layers" });
  }

  /** Make the entries: layers that hold nothing in any pane are named, but faint. */
  update(layers, panes) {
    const count = (name) => panes.reduce((sum, pane) => sum + (pane.contours[name]?.length ?? 0), 0);
    const facts = layers.map((layer) => ({
      ...layer,
      count: layer.kind === "contour" ? count(layer.name) : null,
    }));
    const sign = JSON.stringify(facts);
    if (sign === this.sign) return;
    this.sign = sign;
    this.boxes = new Map();
    this.element.replaceChildren(...facts.map((layer) => this.entry(layer)));
    this.set(this.visible);
  }

  entry({ name, label, kind, colour, dashed, count }) {
    const box = element("input", { type: "checkbox", "data-layer": name });
    box.addEventListener("change", () => {
      this.visible = { ...this.visible, [name]: box.checked };
      this.changed(this.visible);
    });
    this.boxes.set(name, box);
    const number = count === null ? [] : [element("span", { class: "count" }, String(count))];
    const faint = count === 0 ? "faint" : "";
    return element("label", { class: faint }, box, swatch(kind, colour, dashed), label, ...number);
  }

  set(visible) {
    this.visible = Object.fromEntries([...this.boxes.keys()].map((name) => [name, visible[name] ?? true]));
    this.boxes.forEach((box, name) => (box.checked = this.visible[name]));
  }
}

function swatch(kind, colour, dashed) {
  const made = svg(
    kind === "map"
      ? `<svg class="swatch" viewBox="0 0 30 14" aria-hidden="true"><rect x="1" y="2" width="28" height="10" rx="3"/></svg>`
      : `<svg class="swatch" viewBox="0 0 30 14" aria-hidden="true"><rect width="30" height="14" rx="3" fill="#14171a"/>
         <path d="M4 7H26" stroke-width="2.4" stroke-linecap="${dashed ? "butt" : "round"}"
         ${dashed ? 'stroke-dasharray="5.5 3"' : ""}/></svg>`,
  );
  const painted = made.querySelector(kind === "map" ? "rect" : "path");
  painted.setAttribute(kind === "map" ? "fill" : "stroke", colour);
  if (kind === "map") painted.setAttribute("fill-opacity", "0.75");
  return made;
}
