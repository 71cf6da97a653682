// The whole viewer: toolbar, panes side by side, legend; and what the panes share (window, layers, linked views).
import css from "./style.css";
import { Desk } from "./desk.js";
import { element } from "./dom.js";
import { arrange, hang } from "./hanging.js";
import { hearKeys } from "./keys.js";
import { Legend } from "./legend.js";
import { linkViews, showPointer } from "./link.js";
import { recall, remember } from "./memory.js";
import { Pane } from "./pane.js";
import { Toolbar } from "./toolbar.js";
import { FULL, Window } from "./window.js";

const LAYOUT = "mtunet.layout";
const PRIOR = "mtunet.prior";

export class Viewer {
  constructor(root) {
    this.root = root;
    this.panes = [];
    this.shown = []; // those of them that the layout shows
    this.linked = true;
    this.layout = {
      name: localStorage.getItem(LAYOUT) ?? "grid",
      alone: null,
      prior: localStorage.getItem(PRIOR) !== "no",
    };
    this.hiding = false; // all marks, so that the bare image is seen
    this.keys = []; // [action, keys, how they are written, words]
    this.desk = null; // of a study that is read here
    this.pageKeys = []; // that are not the viewer's here
    this.asked = {}; // what Python last asked for, so that only changes are obeyed
    this.stop = new AbortController();
    this.window = new Window((finished) => this.windowChanged(finished));
    this.toolbar = new Toolbar(this);
    this.stage = element("div", { class: "stage" });
    this.legend = new Legend((visible) => this.layersChanged(visible));
    this.room = element("div", { class: "room" }, this.stage);
    root.replaceChildren(element("style", {}, css), this.toolbar.element, this.room, this.legend.element);
    hearKeys(this, root, this.stop.signal);
    root.addEventListener("click", (event) => this.handBack(event), { signal: this.stop.signal });
    document.addEventListener("fullscreenchange", () => this.toolbar.refresh(), { signal: this.stop.signal });
  }

  /** Obey a message from Python: panes are kept, with zoom and window, unless their image is another one. */
  update(component) {
    this.component = component;
    const data = component.data;
    this.key = data.key;
    this.hung = Boolean(data.hanging);
    this.keys = data.keys ?? [];
    this.pageKeys = data.pageKeys ?? [];
    if (data.desk && !this.desk) {
      this.desk = new Desk(this);
      this.desk.layers.append(this.legend.element);
      this.room.append(this.desk.element);
    }
    this.inMm = this.hung && data.panes.every(({ spacing }) => spacing);
    this.root.classList.toggle("hanging", this.hung);
    this.matchPanes(data.panes, data.hanging);
    this.legend.update(data.layers, data.panes);
    this.colours = Object.fromEntries(data.layers.map(({ name, colour }) => [name, colour]));
    const kept = this.asked.visible ? undefined : recall(this.key, "visible"); // from before it was taken off the page
    if (this.isNew("visible", data.visible)) this.legend.set(kept ?? data.visible);
    this.window.named = data.panes[0].windows;
    this.panes.forEach((pane, n) => pane.update(data.panes[n], data.layers, this.visible));
    this.desk?.update(data.desk);
    if (!this.desk) this.choose(data);
    if ((this.desk || this.pageKeys.length) && this.isNew("image", data.panes[0].sha256)) this.takeFocus();
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
    this.hanging = hanging;
    if (gone.length || this.panes.length !== before.length) {
      this.root.dataset.state = "loading";
      this.stage.dataset.panes = this.panes.length;
      const enlarged = hanging && this.panes.find(({ facts }) => facts.id === hanging.alone);
      this.arrange({ alone: enlarged ?? null });
    }
  }

  /** The view that is enlarged, or null. */
  get alone() {
    return this.layout.alone;
  }

  /** Whether several views hang at one scale, with their chest walls at the edges. */
  get sharesScale() {
    return this.hung && this.shown.length > 1;
  }

  /** Show the panes in another layout: `change` says what of it is other than now. */
  arrange(change = {}) {
    this.layout = { ...this.layout, ...change };
    if (!this.hung) {
      this.shown = this.panes;
      this.stage.replaceChildren(...this.panes.map((pane) => pane.element));
      return;
    }
    const plan = arrange(this.panes, this.layout, this.hanging);
    this.shown = plan.cells.map(({ pane }) => pane);
    hang(this.stage, plan);
    if (!this.shown.includes(this.current)) this.current = this.shown[0];
    this.panes.forEach((pane) => pane.map.updateSize());
    this.shown.forEach((pane) => pane.fit());
    this.toolbar.refresh();
    this.report();
  }

  /** One of the layouts that a person chooses; it holds until another is chosen. */
  setLayout(name) {
    if (!this.hung) return;
    localStorage.setItem(LAYOUT, name);
    this.arrange({ name, alone: null });
  }

  togglePrior() {
    if (!this.panes.some(({ facts }) => facts.prior)) return;
    const prior = !this.layout.prior;
    localStorage.setItem(PRIOR, prior ? "yes" : "no");
    this.arrange({ prior });
  }

  /** The view of this number, from 0, alone, or all again. */
  toggleView(number) {
    const pane = this.panes.filter(({ facts }) => !facts.prior)[number];
    if (pane) this.toggleAlone(pane);
  }

  /** Obey Python's choice when it is a new one; a finding that was clicked here is already in view. */
  choose({ selected, selectedPane, focus }) {
    const pane =
      this.panes.find((p) => p.facts.id === selectedPane) ?? this.panes.find((p) => p.has(selected));
    const chosen = this.isNew("selected", [selected, selectedPane]);
    if (chosen) this.mark(pane, selected);
    if (this.isNew("focus", focus) && focus) (pane ?? this.current).centre(...focus);
    else if (chosen && pane?.has(selected) && selected !== this.clicked) this.bringIntoView(pane, selected);
    if (chosen) this.clicked = null;
  }

  /** A finding in the middle; a hung view is enlarged for it. */
  bringIntoView(pane, number) {
    if (this.hung && this.panes.length > 1 && pane !== this.alone) this.arrange({ alone: pane });
    this.current = pane;
    pane.centreOn(number);
  }

  /** Highlight a finding in every pane that shows its image. */
  mark(pane, number) {
    this.panes.forEach((p) => p.highlight(p.sameImage(pane) ? number : null));
  }

  /** So that keys reach the image at once; from nobody who writes something, unless that is done. */
  takeFocus(written = false) {
    const inside = this.root.getRootNode().activeElement ?? document.activeElement;
    if (written || !inside?.matches("input, textarea, [contenteditable]"))
      this.current.element.focus({ preventScroll: true });
  }

  /** After a button was pressed by hand, Space and Enter are the image's again. */
  handBack(event) {
    if (this.desk && event.detail && event.composedPath()[0].closest?.("button")) this.takeFocus(true);
  }

  isNew(name, value) {
    const text = JSON.stringify(value ?? null);
    if (this.asked[name] === text) return false;
    this.asked[name] = text;
    return true;
  }

  /** A finding was clicked: ask for a verdict there, or mark it at once and tell Python. */
  select(pane, number) {
    if (this.desk) return this.desk.clicked(pane, number);
    this.clicked = number;
    this.mark(pane, number);
    this.report();
    this.component.setTriggerValue("selected", { number, pane: pane.facts.id });
  }

  /** Enlarge a hung view, or show all again when it is the enlarged one. */
  toggleAlone(pane) {
    if (!this.hung || this.panes.length < 2) return;
    this.arrange({ alone: pane === this.alone ? null : pane });
    if (this.alone) this.current = pane;
    this.report();
  }

  toggleMarking() {
    if (!this.desk) return;
    const on = !this.current.marking;
    if (!this.desk.close() || on) this.panes.forEach((pane) => pane.setMarking(on));
    this.toolbar.refresh();
    this.report();
  }

  /** A box was drawn: it stays while the reader is asked what is in it. */
  marked(pane, box, extent) {
    this.panes.filter((one) => one !== pane).forEach((one) => one.setMarking(false));
    this.desk.boxed(pane, box, extent);
    this.toolbar.refresh();
    this.report();
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

  /** One layer, by its key. */
  toggleLayer(name) {
    if (!(name in this.legend.visible)) return;
    this.legend.set({ [name]: !this.legend.visible[name] });
    this.layersChanged(this.legend.wanted);
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
    this.desk?.card.place();
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
    data.layout = this.layout.name;
    data.shown = this.shown.length;
    data.layers = Object.entries(this.visible)
      .filter(([, shown]) => shown)
      .map(([name]) => name)
      .join(" ");
    if (!this.current) return;
    data.zoom = this.current.zoom.toFixed(4);
    data.centre = this.current.position.map((v) => v.toFixed(1)).join(",");
    data.selected = this.current.selected ?? "";
    data.breast = Math.max(...this.shown.map((pane) => pane.breastHeight)).toFixed(0);
    data.exact = this.shown.every((pane) => pane.isExact);
    if (this.shown.every((pane) => pane.isDrawn)) data.state = "ready";
  }

  destroy() {
    this.stop.abort();
    this.desk?.destroy();
    this.panes.forEach((pane) => pane.destroy());
  }
}
