// A box round something the model missed: drawn once, then the desk asks what it is and has it kept.
import Draw, { createBox } from "ol/interaction/Draw.js";
import VectorLayer from "ol/layer/Vector.js";
import VectorSource from "ol/source/Vector.js";
import { Stroke, Style } from "ol/style.js";

const LINE = new Style({ stroke: new Stroke({ color: "#ffffff", width: 2, lineDash: [6, 4] }) });
const SMALLEST = 3; // screen pixels: a click is no box

export class Marking {
  /** @param {(box: number[], extent: number[]) => void} done the box as left, top, right, bottom in the pixels of the
   *  image itself, and its place on the map */
  constructor(pane, done) {
    this.pane = pane;
    const source = new VectorSource();
    this.layer = new VectorLayer({ source, style: LINE, zIndex: 60 });
    this.draw = new Draw({
      source,
      type: "Circle",
      geometryFunction: createBox(),
      freehand: true,
      style: LINE,
    });
    this.draw.on("drawend", ({ feature }) => {
      const extent = feature.getGeometry().getExtent();
      const box = this.box(extent);
      if (!box) return setTimeout(() => source.clear());
      this.draw.setActive(false); // one box at a time: it stays until it is kept or put away
      done(box, extent);
    });
    pane.map.addLayer(this.layer);
    pane.map.addInteraction(this.draw);
    pane.element.classList.add("measuring");
  }

  box([x0, y0, x1, y1]) {
    const { columns, rows, flipped } = this.pane.facts;
    const least = SMALLEST * this.pane.view.getResolution();
    if (x1 - x0 < least || y1 - y0 < least) return null;
    const clamp = (value, most) => Math.max(0, Math.min(most, Math.round(value)));
    const box = [clamp(x0, columns), clamp(-y1, rows), clamp(x1, columns), clamp(-y0, rows)];
    if (flipped) [box[0], box[2]] = [columns - box[2], columns - box[0]];
    return box[0] < box[2] && box[1] < box[3] ? box : null;
  }

  destroy() {
    this.pane.map.removeInteraction(this.draw);
    this.pane.map.removeLayer(this.layer);
    this.pane.element.classList.remove("measuring");
  }
}
