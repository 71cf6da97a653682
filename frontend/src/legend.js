// The legend is also the switchboard: a checkbox, a sample of the line and a name per layer. Immediate, without Python.
import { element, svg } from "./dom.js";

export class Legend {
  /** @param {(visible: Record<string, boolean>) => void} changed called when a person switches a layer */
  constructor(changed) {
    this.changed = changed;
    this.wanted = {}; // also of layers that are not here now
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
    this.set({});
  }

  entry({ name, label, kind, colour, dashed, truth, count }) {
    const box = element("input", { type: "checkbox", "data-layer": name });
    box.addEventListener("change", () => {
      this.set({ [name]: box.checked });
      this.changed(this.wanted);
    });
    this.boxes.set(name, box);
    const number = count === null ? [] : [element("span", { class: "count" }, String(count))];
    const faint = count === 0 ? "faint" : "";
    return element("label", { class: faint }, box, swatch(kind, colour, dashed, truth), label, ...number);
  }

  /** Switch the layers that are named; the others stay as they are, shown if nobody said otherwise. */
  set(visible) {
    this.wanted = { ...this.wanted, ...visible };
    this.visible = Object.fromEntries(
      [...this.boxes.keys()].map((name) => [name, this.wanted[name] ?? true]),
    );
    this.boxes.forEach((box, name) => (box.checked = this.visible[name]));
  }
}

/** A sample of the layer: its line as it looks on a dark image, or its colour. */
function swatch(kind, colour, dashed, truth) {
  const dash = dashed ? 'stroke-dasharray="5.5 3"' : "";
  const line = (width, ink) => `<path d="M4 7H26" stroke-width="${width}" stroke="${ink}" ${dash}/>`;
  const rim = truth ? line(5.4, "rgba(255,255,255,0.55)") : "";
  const lines = `<rect width="30" height="14" rx="3" fill="#14171a"/>${rim}${line(truth ? 3.6 : 2.4, "")}`;
  const patch = '<rect x="1" y="2" width="28" height="10" rx="3" fill-opacity="0.75"/>';
  const inside = kind === "map" ? patch : lines;
  const made = svg(`<svg class="swatch" viewBox="0 0 30 14" aria-hidden="true">${inside}</svg>`);
  made.lastElementChild.setAttribute(kind === "map" ? "fill" : "stroke", colour);
  return made;
}
