// The tools above the panes: each button says what it does and its key; window and level as sliders with numbers.
import { element, svg } from "./dom.js";
import { has, LAYOUTS } from "./hanging.js";
import { ICONS } from "./icons.js";
import { keyOf } from "./keys.js";

export class Toolbar {
  constructor(viewer) {
    this.viewer = viewer;
    const shared = viewer.window;
    this.buttons = {};
    this.width = this.slider(
      "Window",
      "Range of greys shown (contrast). Also: drag with the right button, across",
      1,
      100,
    );
    this.level = this.slider(
      "Level",
      "Grey in the middle of the window (brightness). Also: drag with the right button, up or down, or [ and ]",
      0,
      100,
    );
    this.element = element(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": "Image tools" },
      group(
        this.button("fit", "Whole image", "fit", () => viewer.fit()),
        this.button("native", "One image pixel per screen pixel", "native", () =>
          viewer.current.centre(...viewer.current.position, 1),
        ),
        this.button("zoomIn", "Zoom in", "zoom_in", () => viewer.current.zoomBy(1.5)),
        this.button("zoomOut", "Zoom out", "zoom_out", () => viewer.current.zoomBy(1 / 1.5)),
      ),
      group(this.width.element, this.level.element),
      group(
        this.button("reset", "The window of the file; again: its next one", "reset", () => shared.reset()),
        this.button("calcium", "A window for calcium", "calcium", () => shared.calcium()),
        this.button("invert", "Invert greys", "invert", () => shared.invert()),
      ),
      group(
        this.button("lens", "Magnifier", "lens", () => viewer.toggleLens()),
        this.button("measure", "Measure: click two points; again to clear", "measure", () =>
          viewer.toggleMeasure(),
        ),
        this.button("link", "Move the panes together", "", () => viewer.toggleLink()),
      ),
      group(
        this.button("grid", "All views", "alone", () => viewer.toggleAlone(viewer.alone)),
        this.button("mark", "Draw a box round something the model missed", "mark", () =>
          viewer.toggleMarking(),
        ),
      ),
      group(
        ...Object.entries(LAYOUTS).map(([name, words]) =>
          this.button(name, `Layout ${words}`, `layout_${name}`, () => viewer.setLayout(name), words),
        ),
        this.button(
          "prior",
          "The earlier study under this one",
          "prior",
          () => viewer.togglePrior(),
          "Prior",
        ),
      ),
      element("span", { class: "space" }),
      group(
        this.helpButton(),
        this.button("panel", "The reader's panel", "panel", () => viewer.desk.fold()),
        this.button("full", "Full screen", "full", () => viewer.toggleFullScreen()),
      ),
    );
  }

  /** action: what it is called among the keys. words: in place of an icon. */
  button(name, label, action, act, words = "") {
    const made = element(
      "button",
      { type: "button", "aria-label": label, "data-tool": name === "grid" && words ? "all" : name },
      words || svg(ICONS[name]),
    );
    if (words) made.classList.add("words");
    made.addEventListener("click", act);
    Object.assign(made, { action, label });
    this.buttons[made.dataset.tool] = made;
    return made;
  }

  slider(name, title, min, max) {
    const input = element("input", { type: "range", min, max, step: "0.5", "aria-label": name, title });
    const output = element("output");
    const label = element("span", { class: "name" }, name);
    const { window: shared } = this.viewer;
    const set = (finished) => {
      shared.setWidthAndLevel(this.width.input.value / 100, this.level.input.value / 100, finished);
    };
    input.addEventListener("input", () => set(false));
    input.addEventListener("change", () => set(true));
    return { input, output, element: element("label", { class: "slider", title }, label, input, output) };
  }

  helpButton() {
    this.help = element("div", { class: "help" });
    const made = this.button("help", "Keys and mouse", "help", () => this.toggleHelp());
    return element("span", { class: "holder" }, made, this.help);
  }

  get isHelping() {
    return this.help.classList.contains("shown");
  }

  toggleHelp(on = !this.isHelping) {
    if (on) this.help.replaceChildren(keyList(this.viewer));
    this.help.classList.toggle("shown", on);
    this.refresh();
  }

  /** Show the state of what can be on or off, and the numbers. */
  refresh() {
    const { viewer } = this;
    const { width, level, inverted } = viewer.window;
    this.show(this.width, width * 100);
    this.show(this.level, level * 100);
    this.press("invert", inverted);
    this.press("lens", Boolean(viewer.current?.lens));
    this.press("measure", Boolean(viewer.current?.measuring));
    this.press("link", viewer.linked);
    this.press("full", Boolean(document.fullscreenElement));
    this.press("help", this.isHelping);
    this.press("mark", Boolean(viewer.current?.marking));
    this.press("grid", false);
    for (const made of Object.values(this.buttons)) {
      const key = made.action && keyOf(viewer, made.action);
      made.title = key ? `${made.label} (${key})` : made.label;
    }
    for (const name of Object.keys(LAYOUTS)) {
      const made = this.buttons[name === "grid" ? "all" : name];
      made.hidden = !viewer.desk || !viewer.hung || !has(viewer.panes, name);
      made.setAttribute("aria-pressed", !viewer.alone && viewer.layout.name === name);
    }
    this.buttons.prior.hidden = !viewer.panes.some(({ facts }) => facts.prior);
    this.press("prior", viewer.layout.prior);
    this.buttons.link.hidden = viewer.panes.length < 2;
    this.buttons.grid.hidden = !viewer.alone;
    this.buttons.mark.hidden = this.buttons.panel.hidden = !viewer.desk;
    this.press("panel", Boolean(viewer.desk) && !viewer.desk.element.hidden);
  }

  show({ input, output }, percent) {
    if (Number(input.value) !== Math.round(percent * 2) / 2) input.value = percent;
    input.style.setProperty("--filled", `${((percent - input.min) / (input.max - input.min)) * 100}%`);
    output.textContent = `${Math.round(percent)} %`;
  }

  press(name, on) {
    this.buttons[name].setAttribute("aria-pressed", on);
  }
}

function group(...children) {
  return element("span", { class: "group" }, ...children);
}

/** What the keys do here; those of the page are said by the page. */
function keyList(viewer) {
  const rows = viewer.keys.filter(([action]) => keyOf(viewer, action));
  return element(
    "dl",
    {},
    ...rows.flatMap(([, , written, words]) => [element("dt", {}, written), element("dd", {}, words)]),
  );
}
