// The scale bar: a round number of millimetres, or of pixels when the file does not say how large a pixel is.
import { element } from "./dom.js";

const LONGEST = 130; // screen pixels

/** The largest 1, 2 or 5 × 10ⁿ that is at most `limit`. */
export function roundLength(limit) {
  const power = 10 ** Math.floor(Math.log10(limit));
  return ([5, 2, 1].find((n) => n * power <= limit * 1.000001) ?? 1) * power;
}

export class ScaleBar {
  constructor(spacing) {
    this.unit = spacing ? spacing[1] : 1;
    this.name = spacing ? "mm" : "pixels";
    this.text = element("span");
    this.bar = element("i");
    const why = spacing ? "Scale" : "The file does not say how large a pixel is, so lengths are in pixels";
    this.element = element("div", { class: "scale", title: why }, this.bar, this.text);
  }

  /** @param {number} resolution image pixels per screen pixel */
  update(resolution) {
    const length = roundLength(LONGEST * resolution * this.unit);
    this.bar.style.width = `${length / resolution / this.unit}px`;
    this.text.textContent = `${Number(length.toPrecision(2))} ${this.name}`;
  }
}
