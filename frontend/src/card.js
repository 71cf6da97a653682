// The verdict, asked where one looks: a small card beside the finding, or beside a box that was drawn.
import { element } from "./dom.js";

const GAP = 14; // screen pixels between a finding and its card

export class Card {
  constructor(stage) {
    this.stage = stage;
    this.element = element("div", { class: "card", role: "group", "aria-label": "Verdict", hidden: true });
  }

  /** What it stands beside. extent: [left, bottom, right, top] in coordinates of the pane's map. */
  show(pane, extent, ...inside) {
    Object.assign(this, { pane, extent });
    this.element.replaceChildren(...inside);
    this.element.hidden = false;
    if (this.element.parentElement !== this.stage) this.stage.append(this.element);
    this.place();
  }

  hide() {
    this.pane = null;
    this.element.hidden = true;
  }

  /** Beside the finding and on the stage: at its right, its left, under or over it; else in a corner. */
  place() {
    if (!this.pane) return;
    const { pane, stage, element: card } = this;
    if (card.parentElement !== stage) stage.append(card); // a layout puts other panes on the stage
    const frame = pane.element.getBoundingClientRect();
    const whole = stage.getBoundingClientRect();
    card.style.visibility = frame.width ? "" : "hidden";
    const [left, bottom, right, top] = pane.onScreen(this.extent);
    const dx = frame.left - whole.left;
    const dy = frame.top - whole.top;
    const box = { left: left + dx, right: right + dx, top: top + dy, bottom: bottom + dy };
    const { offsetWidth: width, offsetHeight: height } = card;
    const middle = { x: (box.left + box.right - width) / 2, y: (box.top + box.bottom - height) / 2 };
    const places = [
      [box.right + GAP, middle.y],
      [box.left - GAP - width, middle.y],
      [middle.x, box.bottom + GAP],
      [middle.x, box.top - GAP - height],
    ];
    const inside = ([x, y]) => [clamp(x, whole.width - width), clamp(y, whole.height - height)];
    const clear = ([x, y]) =>
      x >= box.right || x + width <= box.left || y >= box.bottom || y + height <= box.top;
    const at = places.map(inside).find(clear) ?? [whole.width - width - 8, whole.height - height - 8];
    card.style.transform = `translate(${at[0]}px, ${at[1]}px)`;
  }
}

function clamp(value, most) {
  return Math.max(8, Math.min(most - 8, value));
}
