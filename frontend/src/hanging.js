// Hanging: views in a grid, chest wall to chest wall and at one scale. A layout says which of them, and where.
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

/** Image pixels per screen pixel at which every view that is shown is whole, all at the scale of this pane's. */
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

/** The layouts that a person chooses; `grid` is as the page hangs the views. */
export const LAYOUTS = { row: "1×4", grid: "2×2", cc: "CC", mlo: "MLO" };
const SIDES = { R: 0, L: 1 };
const FAMILIES = { cc: ["CC", "XCCL", "XCCM", "FB"], mlo: ["MLO", "ML", "LM", "LMO"] };

/** Whether these panes have anything for a layout of this name. */
export function has(panes, name) {
  if (name === "row" || name === "grid") return now(panes).length > 2;
  return now(panes).filter((pane) => FAMILIES[name].includes(pane.facts.place[1])).length > 1;
}

/**
 * Which panes are shown, and where: {rows, columns, cells: [{pane, slot}], empty: [{slot, words}]}.
 * alone: a pane that is enlarged, or null. prior: whether an earlier study hangs under this one. hanging: the page's.
 */
export function arrange(panes, { name, alone: enlarged, prior }, hanging) {
  const then = prior ? panes.filter((pane) => pane.facts.prior) : [];
  const alone = enlarged ?? (now(panes).length === 1 ? now(panes)[0] : null);
  if (alone) {
    const mate = then.length
      ? panes.find((pane) => isPrior(pane) !== isPrior(alone) && samePlace(pane, alone))
      : null;
    const pair = mate ? [alone, mate].sort((a, b) => isPrior(a) - isPrior(b)) : [alone];
    return table([pair.map((pane) => ({ pane }))]);
  }
  const chosen = has(panes, name) ? name : "grid";
  const current = now(panes);
  if (chosen === "grid" && !then.length) {
    const cells = current.map((pane) => ({ pane, slot: pane.facts.slot }));
    return { rows: hanging.rows, columns: hanging.columns, cells, empty: hanging.empty };
  }
  const rows = chosen === "row" || chosen === "grid" ? inRows(current) : inPairs(current, FAMILIES[chosen]);
  return table(then.length ? rows.flatMap((row) => [row, under(row, then)]) : rows);
}

const now = (panes) => panes.filter((pane) => !pane.facts.prior);
const isPrior = (pane) => Boolean(pane.facts.prior);
const samePlace = (one, other) =>
  one.facts.place.every((word, n) => word === other.facts.place[n]) && one.facts.place.every(Boolean);
const order = ({ facts: { place, slot } }) =>
  (FAMILIES.cc.includes(place[1]) ? 0 : FAMILIES.mlo.includes(place[1]) ? 10 : 20) +
  (SIDES[place[0]] ?? slot[1]);

function inRows(panes) {
  const sorted = [...panes].sort((a, b) => order(a) - order(b));
  const rows = [];
  for (let n = 0; n < sorted.length; n += 4) rows.push(sorted.slice(n, n + 4).map((pane) => ({ pane })));
  return rows;
}

/** Right and left beside one another; a second exposure of a view comes in a row of its own. */
function inPairs(panes, family) {
  const rows = [];
  for (const pane of panes.filter(({ facts }) => family.includes(facts.place[1]))) {
    const side = SIDES[pane.facts.place[0]] ?? 0;
    let row = rows.find((one) => !one[side]);
    if (!row) rows.push((row = [null, null]));
    row[side] = { pane };
  }
  return rows.map((row) => row.map((cell, side) => cell ?? { words: `No ${["right", "left"][side]} one` }));
}

function under(row, then) {
  const free = [...then];
  return row.map(({ pane }) => {
    const found = pane ? free.findIndex((one) => samePlace(one, pane)) : -1;
    if (found >= 0) return { pane: free.splice(found, 1)[0] };
    return { words: pane ? `${pane.facts.marker}: not in the study of ${then[0].facts.prior}` : "" };
  });
}

function table(rows) {
  const placed = rows.flatMap((row, r) => row.map((cell, c) => ({ ...cell, slot: [r, c] })));
  return {
    rows: rows.length,
    columns: Math.max(...rows.map((row) => row.length)),
    cells: placed.filter(({ pane }) => pane),
    empty: placed.filter(({ pane }) => !pane),
  };
}

/** Put panes, and words in the places that stay empty, into the grid. */
export function hang(stage, { rows, columns, cells, empty }) {
  stage.classList.add("hung");
  stage.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
  const place = (made, [row, column]) =>
    Object.assign(made.style, { gridRow: row + 1, gridColumn: column + 1 });
  cells.forEach(({ pane, slot }) => place(pane.element, slot));
  const gaps = empty.map(({ slot, words }) => {
    const made = element("div", { class: "empty" }, words);
    place(made, slot);
    return made;
  });
  stage.replaceChildren(...cells.map(({ pane }) => pane.element), ...gaps);
}
