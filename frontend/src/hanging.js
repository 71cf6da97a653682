// Hanging: the views of a study in a grid, chest wall to chest wall and at one scale; one of them can be enlarged.
import { element } from "./dom.js";

/** Depth from the chest wall and height over the breast's middle are what views share: [depth, height] ⇄ map coordinate. */
export function toDepth({ facts, pitch }, [x, y]) {
  const depth = facts.wall === "right" ? facts.columns - x : x;
  return [depth * pitch, (y + middleRow(facts)) * pitch];
}

/** What one wants to see of an image, (left, top, right, bottom) in pixels: the breast where it is known, else all. */
export function wanted({ breast, columns, rows }) {
  return breast ?? [0, 0, columns, rows];
}

function middleRow(facts) {
  const [, top, , bottom] = wanted(facts);
  return (top + bottom) / 2;
}

export function fromDepth({ facts, pitch }, [depth, height]) {
  const x = depth / pitch;
  return [facts.wall === "right" ? facts.columns - x : x, height / pitch - middleRow(facts)];
}

/** Image pixels per screen pixel at which every view of the grid is whole, all at the scale of this pane's. */
export function sharedFit(pane, panes, [width, height]) {
  const whole = ({ facts, pitch }) => {
    const [left, top, right, bottom] = wanted(facts);
    return (
      pitch * Math.max((right - left) / Math.max(1, width - 8), (bottom - top) / Math.max(1, height - 8))
    );
  };
  return Math.max(...panes.map(whole)) / pane.pitch;
}

/** Where to look so that the image's chest wall lies at the edge of the pane. */
export function wallCentre({ facts }, resolution, [width]) {
  const half = (width / 2) * resolution;
  const x = { right: facts.columns - half, left: half }[facts.wall] ?? facts.columns / 2;
  return [x, -middleRow(facts)];
}

/** Put panes, and words in the places that stay empty, into the grid. */
export function hang(stage, panes, { columns, rows, empty }) {
  stage.classList.add("hung");
  stage.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
  const place = (made, [row, column]) =>
    Object.assign(made.style, { gridRow: row + 1, gridColumn: column + 1 });
  panes.forEach((pane) => place(pane.element, pane.facts.slot));
  const gaps = empty.map(({ slot, words }) => {
    const made = element("div", { class: "empty" }, words);
    place(made, slot);
    return made;
  });
  stage.replaceChildren(...panes.map((pane) => pane.element), ...gaps);
}

/** Show one pane alone (null: all of them). */
export function showAlone(stage, panes, alone) {
  stage.classList.toggle("alone", Boolean(alone));
  panes.forEach((pane) => (pane.element.hidden = Boolean(alone) && pane !== alone));
  panes.forEach((pane) => pane.map.updateSize());
}
