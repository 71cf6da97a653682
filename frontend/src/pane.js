// One pane: one image with its contours, in an OpenLayers map whose unit is the image's pixel.
import { defaults as interactions } from "ol/interaction/defaults.js";
import OLMap from "ol/Map.js";
import Projection from "ol/proj/Projection.js";
import VectorSource from "ol/source/Vector.js";
import View from "ol/View.js";
import { element, svg } from "./dom.js";
import { sharedFit, wallCentre, wanted } from "./hanging.js";
import { heatLayer } from "./heat.js";
import { ICONS } from "./icons.js";
import { contourAt, contourLayer, markLayer, setContours } from "./layers.js";
import { Lens } from "./lens.js";
import { Marking } from "./marking.js";
import { Measure } from "./measure.js";
import { recall, remember } from "./memory.js";
import { Minimap } from "./minimap.js";
import { Overlay } from "./overlay.js";
import { Picture, pictureLayer } from "./picture.js";
import { Probe } from "./probe.js";
import { ScaleBar } from "./scale.js";
import { FULL, windowByDrag, WindowFilter } from "./window.js";

const MOVE = 250; // milliseconds of an animated move
const MARGIN = 0.2; // of the image's sides: how far one can pan beyond its edge

export class Pane {
  constructor(viewer, facts) {
    Object.assign(this, { viewer, facts, contours: [], heats: [], selected: null });
    this.stop = new AbortController();
    this.element = element("div", { class: "pane", tabindex: "0", role: "group" });
    this.filter = new WindowFilter();
    this.base = new Picture(facts.image, FULL, () => this.arrived());
    this.pictureLayer = pictureLayer(facts, () => this.picture);
    this.mark = markLayer();
    this.makeMap();
    this.scale = new ScaleBar(facts.spacing);
    this.minimap = new Minimap(this);
    this.overlay = new Overlay(facts);
    this.probe = new Probe((words) => this.overlay.probability(words));
    const label = "Enlarge this view, or show all again";
    const enlarge = { type: "button", class: "enlarge", title: `${label} (E)`, "aria-label": label };
    this.enlarge = element("button", enlarge, svg(ICONS.full));
    this.element.append(
      this.filter.element,
      ...this.overlay.elements,
      this.scale.element,
      this.minimap.element,
      this.enlarge,
    );
    this.listen();
  }

  makeMap() {
    const { id, sha256, columns, rows } = this.facts;
    this.extent = [0, -rows, columns, 0];
    this.projection = new Projection({ code: `image:${id}:${sha256}`, units: "pixels", extent: this.extent });
    const { hung } = this.viewer;
    const [x, y] = hung ? [columns * 3, rows] : [columns * MARGIN, rows * MARGIN]; // a narrow view hangs at one side
    this.view = new View({
      projection: this.projection,
      center: [columns / 2, -rows / 2],
      extent: [-x, -rows - y, columns + x, y],
      showFullExtent: true,
      constrainOnlyCenter: hung,
      resolution: Math.max(columns, rows) / 500,
      minResolution: 1 / 24,
      maxResolution: Math.max(columns, rows) / 60,
      smoothResolutionConstraint: false,
      smoothExtentConstraint: false,
    });
    this.map = new OLMap({
      target: this.element,
      controls: [],
      interactions: interactions({ keyboard: false, altShiftDragRotate: false, pinchRotate: false }),
      layers: [this.pictureLayer, this.mark],
      view: this.view,
    });
  }

  listen() {
    const options = { signal: this.stop.signal };
    this.map.on("change:size", () => this.sized());
    this.view.on(["change:center", "change:resolution"], () => this.viewChanged());
    this.map.on("pointermove", (event) => this.pointed(event));
    this.map.on("pointerdrag", (event) => this.lens?.follow(event.coordinate));
    this.map.on("singleclick", (event) => this.clicked(event));
    this.element.addEventListener("pointerleave", () => this.left(), options);
    this.enlarge.addEventListener("click", () => this.viewer.toggleAlone(this), options);
    this.element.addEventListener("focusin", () => (this.viewer.current = this), options);
    this.element.addEventListener("pointerdown", () => this.element.focus({ preventScroll: true }), options);
    windowByDrag(this.element, this.viewer.window, this.stop.signal);
  }

  // What Python says ------------------------------------------------------------------------------------------------

  shows(facts) {
    return ["id", "sha256", "columns", "rows", "image"].every((name) => facts[name] === this.facts[name]);
  }

  sameImage(pane) {
    return Boolean(pane) && pane.facts.sha256 === this.facts.sha256;
  }

  /** New contours or words for the same image: layers are changed in place, so zoom and window stay. */
  update(facts, layers, visible) {
    this.facts = facts;
    this.element.dataset.wall = this.viewer.hung ? facts.wall : "";
    this.element.setAttribute("aria-label", `Mammogram ${facts.title} ${facts.marker}. ${facts.help}`);
    this.overlay.update(facts);
    const sign = JSON.stringify([layers, facts.maps]);
    if (sign !== this.sign) {
      this.sign = sign;
      this.setLens(false);
      this.makeLayers(layers, facts.maps);
    }
    for (const layer of this.contours) {
      const look = layers.find(({ name }) => name === layer.get("name"));
      setContours(layer.getSource(), facts.contours[look.name] ?? [], look);
    }
    this.highlight(this.selected);
    this.setVisible(visible);
    this.windowChanged(true);
  }

  makeLayers(layers, maps) {
    [...this.contours, ...this.heats].forEach((layer) => this.map.removeLayer(layer));
    const close = (resolution) => resolution < this.fitResolution / 1.5;
    this.contours = layers
      .filter(({ kind }) => kind === "contour")
      .map((look) => contourLayer(look, new VectorSource(), close));
    this.heats = layers
      .filter(({ name }) => maps[name])
      .map(({ name }) => heatLayer(name, maps[name], this.extent, this.projection));
    [...this.heats, ...this.contours].forEach((layer) => this.map.addLayer(layer));
  }

  setVisible(visible) {
    for (const layer of [...this.contours, ...this.heats])
      layer.setVisible(visible[layer.get("name")] ?? true);
    this.mark.setVisible(!this.viewer.hiding);
    if (this.lens) {
      this.setLens(false);
      this.setLens(true);
    }
  }

  has(number) {
    return number != null && Boolean(this.finding(number));
  }

  finding(number) {
    for (const layer of this.contours) {
      const found = layer
        .getSource()
        .getFeatures()
        .find((feature) => feature.get("number") === number);
      if (found) return found;
    }
    return undefined;
  }

  highlight(number) {
    this.selected = number ?? null;
    const source = this.mark.getSource();
    source.clear(true);
    if (this.has(number)) source.addFeature(this.finding(number));
    source.changed();
  }

  // Where one looks -------------------------------------------------------------------------------------------------

  /** Screen pixels per image pixel. */
  get zoom() {
    return 1 / this.view.getResolution();
  }

  /** The centre of the view as (x, y) in the image's pixel coordinates. */
  get position() {
    const [x, y] = this.view.getCenter();
    return [x - 0.5, -y - 0.5];
  }

  /** mm per image pixel; 1 where hung views cannot be compared in mm. */
  get pitch() {
    return this.viewer.inMm ? this.facts.spacing[1] : 1;
  }

  /** What a fit shows, (left, top, right, bottom) in pixels of the image. */
  get seen() {
    return this.framed ? [0, 0, this.facts.columns, this.facts.rows] : wanted(this.facts);
  }

  /** Screen pixels that the breast is high. */
  get breastHeight() {
    const [, top, , bottom] = wanted(this.facts);
    return (bottom - top) * this.zoom;
  }

  get fitResolution() {
    const [width, height] = this.map.getSize() ?? [1, 1];
    if (this.viewer.sharesScale) return sharedFit(this, this.viewer.shown, [width, height]);
    const [left, top, right, bottom] = this.seen;
    return Math.max((right - left) / Math.max(1, width - 16), (bottom - top) / Math.max(1, height - 16));
  }

  /** The breast as large as it can be shown; framed: the whole image with the air around it. */
  fit(animated = false, framed = false) {
    this.framed = framed;
    const hung = this.viewer.sharesScale;
    const [left, top, right, bottom] = this.seen;
    const middle = [(left + right) / 2, -(top + bottom) / 2];
    const centre = hung ? wallCentre(this, this.fitResolution, this.map.getSize() ?? [1, 1]) : middle;
    this.go(centre, this.fitResolution, animated);
  }

  zoomBy(factor) {
    const resolution = this.view.getConstrainedResolution(this.view.getResolution() / factor);
    this.go(this.view.getCenter(), resolution, true);
  }

  panBy(dx, dy) {
    const step = this.view.getResolution() * 80;
    const [x, y] = this.view.getCenter();
    this.go([x + dx * step, y - dy * step], this.view.getResolution(), true);
  }

  /** Centre (x, y), in the image's pixel coordinates, with `zoom` screen pixels per image pixel. */
  centre(x, y, zoom) {
    this.go([x + 0.5, -(y + 0.5)], zoom ? 1 / zoom : this.view.getResolution(), true);
  }

  /** Bring a finding to the middle, large enough to see its shape, and never further out than one already is. */
  centreOn(number) {
    const [left, bottom, right, top] = this.finding(number).getGeometry().getExtent();
    const [width, height] = this.map.getSize() ?? [1, 1];
    const whole = Math.max((right - left) / width, (top - bottom) / height) * 2.5;
    const wanted = Math.max(0.5, whole);
    const now = this.view.getResolution();
    this.go([(left + right) / 2, (top + bottom) / 2], now < wanted && now > whole ? now : wanted, true);
  }

  /** [left, bottom, right, top] on the map → the same in screen pixels of this pane. */
  onScreen([left, bottom, right, top]) {
    const [width, height] = this.map.getSize() ?? [0, 0];
    const [x, y] = this.view.getCenter();
    const resolution = this.view.getResolution();
    const across = (value) => (value - x) / resolution + width / 2;
    const down = (value) => (y - value) / resolution + height / 2;
    return [across(left), down(bottom), across(right), down(top)];
  }

  go(center, resolution, animated) {
    if (!this.map.getSize()?.[0]) {
      this.later = () => this.go(center, resolution, false);
      return;
    }
    this.view.cancelAnimations();
    if (animated) this.view.animate({ center, resolution, duration: MOVE });
    else {
      this.view.setResolution(resolution);
      this.view.setCenter(center);
    }
  }

  sized() {
    const [width, height] = this.map.getSize() ?? [0, 0];
    if (!width || !height) return;
    const kept = recall(this.viewer.key, this.memo);
    if (!this.placed && kept) this.go(...kept, false);
    else if (!this.placed || this.atFit) this.fit(false, this.framed);
    this.placed = true;
    this.later?.();
    this.later = null;
    this.viewChanged();
  }

  get memo() {
    return `${this.facts.id} ${this.facts.sha256} view`;
  }

  viewChanged() {
    const resolution = this.view.getResolution();
    const size = this.map.getSize();
    if (!this.placed || !size?.[0]) return;
    this.atFit = Math.abs(resolution / this.fitResolution - 1) < 0.002;
    remember(this.viewer.key, this.memo, this.atFit ? undefined : [this.view.getCenter(), resolution]);
    this.scale.update(resolution);
    this.minimap.update(size, this.view, this.fitResolution);
    this.overlay.status(this.zoom, this.viewer.window);
    this.viewer.moved(this);
  }

  // The picture -----------------------------------------------------------------------------------------------------

  /** The picture that is drawn now: the exact one of this window if it has come, else the full range. */
  get picture() {
    return this.exact ?? this.base;
  }

  get isDrawn() {
    return Boolean(this.base.error || (this.placed && this.picture.at(this.view.getResolution())));
  }

  /** Is what one sees windowed by the server from 16 bits, at the size that is needed? */
  get isExact() {
    return this.hasWindow(this.picture) && this.picture.isReady(this.neededResolution);
  }

  hasWindow(picture) {
    const { low, high } = this.viewer.window;
    return Boolean(picture) && picture.low === low && picture.high === high;
  }

  windowChanged(finished) {
    if (!this.hasWindow(this.coming)) this.drop("coming");
    if (!this.hasWindow(this.exact)) this.drop("exact");
    const { low, high, isFull } = this.viewer.window;
    if (finished && !isFull && !this.exact && !this.coming) {
      this.coming = new Picture(this.facts.image, [low, high], () => this.arrived());
      this.coming.at(this.neededResolution);
    }
    this.redraw();
  }

  get neededResolution() {
    return (this.view.getResolution() ?? 1) / window.devicePixelRatio;
  }

  drop(name) {
    this[name]?.close();
    this[name] = null;
  }

  /** A size of a picture came: change over when it is the one that is needed. */
  arrived() {
    if (this.coming?.error) this.drop("coming");
    if (this.coming?.isReady(this.neededResolution)) [this.exact, this.coming] = [this.coming, null];
    else this.coming?.at(this.neededResolution);
    this.overlay.fail(this.base.error);
    this.redraw();
    this.viewer.report();
  }

  /** Show the picture in the window wanted; the map is drawn again only when the picture itself is another one. */
  redraw() {
    const { picture } = this;
    const css = this.filter.css([picture.low, picture.high], this.viewer.window);
    for (const canvas of [this.pictureLayer.canvas, this.minimap.canvas, this.lens?.picture.canvas]) {
      if (canvas && canvas.style.filter !== css) canvas.style.filter = css;
    }
    this.minimap.draw(picture.overview);
    this.overlay.busy(Boolean(this.coming) || !this.isDrawn);
    this.overlay.status(this.zoom, this.viewer.window);
    const drawn = picture.at(this.neededResolution);
    if (drawn && drawn === this.drawn && !this.lens) return;
    this.drawn = drawn;
    this.pictureLayer.changed();
    this.lens?.picture.changed();
  }

  // The pointer -----------------------------------------------------------------------------------------------------

  pointed(event) {
    this.lens?.follow(event.coordinate);
    this.viewer.pointed(this, event.coordinate);
    if (event.dragging) return;
    const busy = this.measuring || this.marking;
    const found = busy ? null : this.at(event.coordinate);
    this.probe.ask(this.facts.maps, this.pixelAt(event.coordinate));
    this.element.classList.toggle("on-finding", found?.get("number") != null);
    this.overlay.hover(found, event.pixel, this.map.getSize());
  }

  /** The image's pixel under a coordinate, [column, row]; null outside. */
  pixelAt([x, y]) {
    const [column, row] = [Math.floor(x), Math.floor(-y)];
    const { columns, rows } = this.facts;
    return column >= 0 && row >= 0 && column < columns && row < rows ? [column, row] : null;
  }

  at(coordinate) {
    return contourAt(this.contours, coordinate, 4 * this.view.getResolution());
  }

  clicked(event) {
    if (this.measuring || this.marking) return;
    const number = this.at(event.coordinate)?.get("number");
    if (number != null) this.viewer.select(this, number);
    else if (this.viewer.hung && !this.viewer.alone && this.atFit) this.viewer.toggleAlone(this);
  }

  left() {
    this.overlay.hover(null);
    this.probe.ask({}, null);
    this.viewer.pointed(this, null);
  }

  setCross(coordinate) {
    this.overlay.cross(coordinate && this.map.getPixelFromCoordinate(coordinate));
  }

  setLens(on) {
    const at = this.lens?.coordinate;
    this.lens?.destroy();
    this.lens = on ? new Lens(this) : null;
    if (this.lens && at) this.lens.follow(at);
    if (this.lens) this.redraw();
  }

  get measuring() {
    return Boolean(this.measure);
  }

  setMeasuring(on) {
    this.measure?.destroy();
    this.measure = on ? new Measure(this) : null;
  }

  setMarking(on) {
    this.marking?.destroy();
    this.marking = on ? new Marking(this, (...drawn) => this.viewer.marked(this, ...drawn)) : null;
  }

  destroy() {
    this.stop.abort();
    this.probe.ask({}, null);
    this.setLens(false);
    this.drop("coming");
    this.drop("exact");
    this.base.close();
    this.map.setTarget(null);
    this.map.dispose();
    this.element.remove();
  }
}
