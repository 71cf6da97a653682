// Window and level. Live changes are an SVG filter over the picture the browser has; when the change is finished the
// server is asked for the picture windowed from its 16 bits, because 8 bits stretched show bands.
import { svg } from "./dom.js";

export const WHITE = 65535;
/** [low, high]: the whole range, the window an image opens with. */
export const FULL = [0, WHITE];
/** Dense specks apart from the tissue about them. */
const CALCIUM = [0.4 * WHITE, WHITE].map(Math.round);
const NARROWEST = WHITE / 200;
let filters = 0;

export class Window {
  /** @param {(finished: boolean) => void} changed called at each change; finished when the person let go */
  constructor(changed) {
    [this.low, this.high] = FULL;
    this.inverted = false;
    this.changed = changed;
    this.named = []; // [name, low, high] of the file's windows: the first is how its picture is shown
  }

  /** Width and level (centre) as fractions of the whole range. */
  get width() {
    return (this.high - this.low) / WHITE;
  }

  get level() {
    return (this.high + this.low) / 2 / WHITE;
  }

  /** What a window is called that is not of a person's hand; undefined for others. */
  get name() {
    const at = this.ofTheFile;
    if (at >= 0) return this.named[at]?.[0] ?? "window of the file";
    return this.low === CALCIUM[0] && this.high === CALCIUM[1] ? "calcium" : undefined;
  }

  get isFull() {
    return this.low === FULL[0] && this.high === FULL[1];
  }

  /** Which of the file's windows it is; -1 for none. */
  get ofTheFile() {
    return this.choices.findIndex(([low, high]) => this.low === low && this.high === high);
  }

  get choices() {
    return [
      FULL,
      ...this.named.slice(1).map(([, low, high]) => [low, high].map((end) => Math.round(end * WHITE))),
    ];
  }

  set(low, high, finished) {
    [this.low, this.high] = [low, high];
    this.changed(finished);
  }

  setWidthAndLevel(width, level, finished) {
    const half = Math.max(NARROWEST, Math.min(1, width) * WHITE) / 2;
    const centre = Math.max(0, Math.min(1, level)) * WHITE;
    this.set(Math.round(centre - half), Math.round(centre + half), finished);
  }

  /** Change by fractions, and ask for the exact picture when the changes pause. */
  nudge(width, level, pause = 250) {
    this.setWidthAndLevel(this.width + width, this.level + level, false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.changed(true), pause);
  }

  finish() {
    clearTimeout(this.timer);
    this.changed(true);
  }

  /** As the file says; again: by its next window. */
  reset() {
    const next = this.inverted ? 0 : (this.ofTheFile + 1) % this.choices.length;
    this.inverted = false;
    this.set(...this.choices[next], true);
  }

  /** A window for calcium, or the file's again. */
  calcium() {
    const on = this.low === CALCIUM[0] && this.high === CALCIUM[1];
    this.set(...(on ? FULL : CALCIUM), true);
  }

  invert() {
    this.inverted = !this.inverted;
    this.changed(true);
  }
}

/** An SVG filter that turns a picture windowed one way into another window. */
export class WindowFilter {
  constructor() {
    this.id = `mtunet-window-${++filters}`;
    const lines = ["R", "G", "B"].map((channel) => `<feFunc${channel} type="linear"/>`).join("");
    this.element = svg(
      `<svg width="0" height="0" style="position:absolute" aria-hidden="true"><filter id="${this.id}" x="0" y="0"
      width="1" height="1" color-interpolation-filters="sRGB"><feComponentTransfer>${lines}</feComponentTransfer>
      </filter></svg>`,
    );
    this.lines = [...this.element.querySelectorAll("[type=linear]")];
  }

  /** CSS for a picture windowed [low, high] to look as `wanted` (a Window) says. */
  css([low, high], wanted) {
    let slope = (high - low) / (wanted.high - wanted.low);
    let intercept = (low - wanted.low) / (wanted.high - wanted.low);
    if (wanted.inverted) [slope, intercept] = [-slope, 1 - intercept];
    if (slope === 1 && intercept === 0) return "none";
    for (const line of this.lines) {
      line.setAttribute("slope", slope);
      line.setAttribute("intercept", intercept);
    }
    return `url(#${this.id})`;
  }
}

/** Dragging with the right button: across is width, up is brighter. */
export function windowByDrag(surface, shared, signal) {
  let last = null;
  const options = { signal, capture: true };
  const on = (name, act) => surface.addEventListener(name, act, options);
  on("contextmenu", (event) => event.preventDefault());
  on("pointerdown", (event) => {
    if (event.button !== 2) return;
    last = [event.clientX, event.clientY];
    surface.setPointerCapture(event.pointerId);
    event.stopPropagation();
  });
  on("pointermove", (event) => {
    if (!last) return;
    const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
    last = [event.clientX, event.clientY];
    shared.setWidthAndLevel(shared.width + dx / 500, shared.level + dy / 500, false);
    event.stopPropagation();
  });
  const release = (event) => {
    if (!last) return;
    last = null;
    shared.finish();
    event.stopPropagation();
  };
  on("pointerup", release);
  on("pointercancel", release);
}
