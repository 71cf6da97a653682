// The whole viewer: toolbar, panes side by side, legend; and what the panes share (window, layers, linked views).
import css from "./style.css";
import { element } from "./dom.js";
import { hang, showAlone } from "./hanging.js";
import { onKey, onKeyUp } from "./keys.js";
import { Legend } from "./legend.js";
import { linkViews, showPointer } from "./link.js";
import { recall, remember } from "./memory.js";
import { Pane } from "./pane.js";
import { Toolbar } from "./toolbar.js";
import { FULL, Window } from "./window.js";

export class Viewer {
  constructor(root) {
    this.root = root;
    this.panes = [];
    this.linked = true;
    this.alone = null; // the hung view that is enlarged
    this.hiding = false; // all marks, so that the bare image is seen
    this.pageKeys = []; // that are not the viewer's here
    this.asked = {}; // what Python last asked for, so that only changes are obeyed
    this.stop = new AbortController();
    this.window = new Window((finished) => this.windowChanged(finished));
    this.toolbar = new Toolbar(this);
    this.stage = element("div", { class: "stage" });
    this.legend = new Legend((visible) => this.layersChanged(visible));
    root.replaceChildren(element("style", {}, css), this.toolbar.element, this.stage, this.legend.element);
    root.addEventListener("keydown", (event) => onKey(this, event), { signal: this.stop.signal });
    root.addEventListener("keyup", (event) => onKeyUp(this, event), { signal: this.stop.signal });
    document.addEventListener("fullscreenchange", () => this.toolbar.refresh(), { signal: this.stop.signal });
  }

  /** Obey a message from Python: panes are kept, with zoom and window, unless their image is another one. */
  update(component) {
    this.component = component;
    const data = component.data;
    this.key = data.key;
    this.hung = Boolean(data.hanging);
    this.canMark = Boolean(data.marking);
    this.pageKeys = data.pageKeys ?? [];
    this.inMm = this.hung && data.panes.every(({ spacing }) => spacing);
    this.root.classList.toggle("hanging", this.hung);
    this.matchPanes(data.panes, data.hanging);
    this.legend.update(data.layers, data.panes);
    const kept = this.asked.visible ? undefined : recall(this.key, "visible"); // from before it was taken off the page
    if (this.isNew("visible", data.visible)) this.legend.set(kept ?? data.visible);
    this.panes.forEach((pane, n) => pane.update(data.panes[n], data.layers, this.visible));
    this.choose(data);
    if (this.pageKeys.length && this.isNew("image", data.panes[0].sha256)) this.takeFocus();
    this.toolbar.refresh();
    this.report();
  }

  matchPanes(wanted, hanging) {
    const before = this.panes;
    this.panes = wanted.map((facts) => before.find((pane) => pane.shows(facts)) ?? new Pane(this, facts));
    const gone = before.filter((pane) => !this.panes.includes(pane));
    gone.forEach((pane) => pane.destroy());
    if (this.panes.every((pane) => !before.includes(pane))) {
      this.current = this.panes[0];
      this.hiding = false; // an image without marks must not look like one without findings
      this.window.set(...(recall(this.key, this.panes[0].facts.sha256 + " window") ?? FULL), true);
    }
    if (!this.panes.includes(this.current)) this.current = this.panes[0];
    if (!this.panes.includes(this.alone)) this.alone = null;
    if (gone.length || this.panes.length !== before.length) {
      this.root.dataset.state = "loading";
      if (hanging) hang(this.stage, this.panes, hanging);
      else this.stage.replaceChildren(...this.panes.map((pane) => pane.element));
      this.stage.dataset.panes = this.panes.length;
      const enlarged = hanging && this.panes.find(({ facts }) => facts.id === hanging.alone);
      if (enlarged) this.toggleAlone(enlarged);
    }
  }

  /** Obey Python's choice when it is a new one; a finding that was clicked here is already in view. */
  choose({ selected, selectedPane, focus }) {
    const pane =
      this.panes.find((p) => p.facts.id === selectedPane) ?? this.panes.find((p) => p.has(selected));
    const chosen = this.isNew("selected", [selected, selectedPane]);
    if (chosen) this.mark(pane, selected);
    const elsewhere = chosen && pane?.has(selected) && selected !== this.clicked && pane !== this.alone;
    if (this.hung && elsewhere) this.setAlone(pane);
    if (this.isNew("focus", focus) && focus) (pane ?? this.current).centre(...focus);
    else if (chosen && pane?.has(selected) && selected !== this.clicked) pane.centreOn(selected);
    if (chosen) this.clicked = null;
  }

  /** Highlight a finding in every pane that shows its image. */
  mark(pane, number) {
    this.panes.forEach((p) => p.highlight(p.sameImage(pane) ? number : null));
  }

  /** So that keys reach the image at once; from nobody who writes something. */
  takeFocus() {
    if (!document.activeElement?.matches("input, textarea, [contenteditable]"))
      this.panes[0].element.focus({ preventScroll: true });
  }

  isNew(name, value) {
    const text = JSON.stringify(value ?? null);
    if (this.asked[name] === text) return false;
    this.asked[name] = text;
    return true;
  }

  /** A finding was clicked: mark it at once, then tell Python. */
  select(pane, number) {
    this.clicked = number;
    this.mark(pane, number);
    this.report();
    this.component.setTriggerValue("selected", { number, pane: pane.facts.id });
  }

  /** Enlarge a hung view, or show all again when it is the enlarged one. */
  toggleAlone(pane) {
    if (this.hung && this.panes.length > 1) this.setAlone(pane === this.alone ? null : pane);
  }

  setAlone(pane) {
    this.alone = pane;
    showAlone(this.stage, this.panes, pane);
    this.panes.filter((one) => !pane || one === pane).forEach((one) => one.fit());
    if (pane) this.current = pane;
    this.toolbar.refresh();
    this.report();
  }

  toggleMarking() {
    if (!this.canMark) return;
    const on = !this.current.marking;
    this.panes.forEach((pane) => pane.setMarking(on));
    this.toolbar.refresh();
    this.report();
  }

  /** A box was drawn: the tool is put away, and Python is told. */
  marked(pane, box) {
    this.toggleMarking();
    this.component.setTriggerValue("box", { pane: pane.facts.id, box });
  }

  windowChanged(finished) {
    this.panes.forEach((pane) => pane.windowChanged(finished));
    if (finished && this.panes.length)
      remember(this.key, this.panes[0].facts.sha256 + " window", [this.window.low, this.window.high]);
    this.toolbar.refresh();
    this.report();
  }

  layersChanged(wanted) {
    remember(this.key, "visible", wanted);
    this.panes.forEach((pane) => pane.setVisible(this.visible));
    this.report();
  }

  /** Which layers are drawn; while all marks are hidden, none. */
  get visible() {
    const { visible } = this.legend;
    return this.hiding ? Object.fromEntries(Object.keys(visible).map((name) => [name, false])) : visible;
  }

  hideMarks(on) {
    this.hiding = on;
    this.panes.forEach((pane) => pane.setVisible(this.visible));
    this.toolbar.refresh();
    this.report();
  }

  /** A pane moved: the others follow. */
  moved(pane) {
    if (this.linked) linkViews(pane, this.panes);
    this.report();
  }

  pointed(pane, coordinate) {
    if (this.linked) showPointer(pane, coordinate, this.panes);
  }

  toggleLink() {
    this.linked = !this.linked;
    if (this.linked) this.moved(this.current);
    this.toolbar.refresh();
  }

  toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.();
  }

  /** The breast; from there the whole image, and back. */
  fit() {
    const framed =
      !this.hung && this.current.atFit && !this.current.framed && Boolean(this.current.facts.breast);
    this.panes.forEach((pane) => pane.fit(true, framed));
  }

  toggleLens() {
    const on = !this.current.lens;
    this.panes.forEach((pane) => pane.setLens(on));
    this.toolbar.refresh();
    this.report();
  }

  toggleMeasure() {
    const on = !this.current.measuring;
    this.panes.forEach((pane) => pane.setMeasuring(on));
    this.toolbar.refresh();
    this.report();
  }

  /** What the page, and a test, may read off the element. */
  report() {
    const data = this.root.dataset;
    data.wl = `${Math.round(this.window.low)}/${Math.round(this.window.high)}`;
    data.inverted = this.window.inverted;
    data.hiding = this.hiding;
    data.lens = Boolean(this.current?.lens);
    data.measure = Boolean(this.current?.measuring);
    data.marking = Boolean(this.current?.marking);
    data.alone = this.alone?.facts.marker ?? "";
    data.layers = Object.entries(this.visible)
      .filter(([, shown]) => shown)
      .map(([name]) => name)
      .join(" ");
    if (!this.current) return;
    data.zoom = this.current.zoom.toFixed(4);
    data.centre = this.current.position.map((v) => v.toFixed(1)).join(",");
    data.selected = this.current.selected ?? "";
    data.exact = this.panes.every((pane) => pane.isExact);
    if (this.panes.every((pane) => pane.element.hidden || pane.isDrawn)) data.state = "ready";
  }

  destroy() {
    this.stop.abort();
    this.panes.forEach((pane) => pane.destroy());
  }
}
