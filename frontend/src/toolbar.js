// The tools above the panes: each button says what it does and its key; window and level as sliders with numbers.
import { element, svg } from "./dom.js";
import { ICONS } from "./icons.js";
import { KEYS } from "./keys.js";

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
        this.button("fit", "Whole image", "0", () => viewer.fit()),
        this.button("native", "One image pixel per screen pixel", "1", () =>
          viewer.current.centre(...viewer.current.position, 1),
        ),
        this.button("zoomIn", "Zoom in", "+", () => viewer.current.zoomBy(1.5)),
        this.button("zoomOut", "Zoom out", "−", () => viewer.current.zoomBy(1 / 1.5)),
      ),
      group(this.width.element, this.level.element),
      group(
        this.button("reset", "Reset window and level", "R", () => shared.reset()),
        this.button("invert", "Invert greys", "I", () => shared.invert()),
      ),
      group(
        this.button("lens", "Magnifier", "L", () => viewer.toggleLens()),
        this.button("measure", "Measure: click two points; again to clear", "M", () =>
          viewer.toggleMeasure(),
        ),
        this.button("link", "Move the panes together", null, () => viewer.toggleLink()),
      ),
      group(
        this.button("grid", "All views", "E", () => viewer.toggleAlone(viewer.alone)),
        this.button("mark", "Draw a box round something the model missed", "B", () => viewer.toggleMarking()),
      ),
      element("span", { class: "space" }),
      group(
        this.helpButton(),
        this.button("full", "Full screen", "F", () => viewer.toggleFullScreen()),
      ),
    );
  }

  button(name, label, key, act) {
    const title = key ? `${label} (${key})` : label;
    const made = element(
      "button",
      { type: "button", title, "aria-label": label, "data-tool": name },
      svg(ICONS[name]),
    );
    made.addEventListener("click", act);
    this.buttons[name] = made;
    return made;
  }

  slider(name, title, min, max) {
    const input = element("input", { type: "range", min, max, step: "0.5", "aria-label": name, title });
    const output = element("output");
    const { window: shared } = this.viewer;
    const set = (finished) => {
      shared.setWidthAndLevel(this.width.input.value / 100, this.level.input.value / 100, finished);
    };
    input.addEventListener("input", () => set(false));
    input.addEventListener("change", () => set(true));
    return { input, output, element: element("label", { class: "slider", title }, name, input, output) };
  }

  helpButton() {
    const list = element(
      "dl",
      {},
      ...KEYS.flatMap(([keys, what]) => [element("dt", {}, keys), element("dd", {}, what)]),
    );
    this.help = element("div", { class: "help" }, list);
    const made = this.button("help", "Keys and mouse", "H", () => this.toggleHelp());
    return element("span", { class: "holder" }, made, this.help);
  }

  toggleHelp(on = !this.help.classList.contains("shown")) {
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
    this.press("help", this.help.classList.contains("shown"));
    this.press("mark", Boolean(viewer.current?.marking));
    this.press("grid", false);
    this.buttons.link.hidden = viewer.panes.length < 2;
    this.buttons.grid.hidden = !viewer.alone;
    this.buttons.mark.hidden = !viewer.canMark;
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
