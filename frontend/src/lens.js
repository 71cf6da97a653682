// The magnifier: a second small map that follows the pointer and shares the first one's sources.
import OLMap from "ol/Map.js";
import VectorLayer from "ol/layer/Vector.js";
import View from "ol/View.js";
import { element } from "./dom.js";
import { pictureLayer } from "./picture.js";

const SIDE = 240; // screen pixels
const POWER = 3;

export class Lens {
  constructor(pane) {
    this.pane = pane;
    this.element = element("div", { class: "lens", "aria-hidden": "true" });
    this.element.style.setProperty("--side", `${SIDE}px`);
    pane.element.append(this.element);
    this.picture = pictureLayer(pane.facts, () => pane.picture);
    const contours = pane.contours.map(
      (layer) =>
        new VectorLayer({ source: layer.getSource(), style: layer.getStyle(), visible: layer.getVisible() }),
    );
    this.view = new View({
      projection: pane.view.getProjection(),
      center: pane.view.getCenter(),
      resolution: pane.view.getResolution() / POWER,
      minResolution: 1 / 64,
      maxResolution: 64,
    });
    this.map = new OLMap({
      target: this.element,
      controls: [],
      interactions: [],
      layers: [this.picture, ...contours],
      view: this.view,
    });
    this.follow(pane.view.getCenter());
  }

  /** Put the lens over a coordinate of the image. */
  follow(coordinate) {
    const pixel = this.pane.map.getPixelFromCoordinate(coordinate);
    if (!pixel) return;
    this.coordinate = coordinate;
    this.element.style.transform = `translate(${pixel[0] - SIDE / 2}px, ${pixel[1] - SIDE / 2}px)`;
    this.view.setResolution(this.pane.view.getResolution() / POWER);
    this.view.setCenter(coordinate);
  }

  destroy() {
    this.map.setTarget(null);
    this.map.dispose();
    this.element.remove();
  }
}
