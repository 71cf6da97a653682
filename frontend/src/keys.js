// The keyboard, while the viewer has the focus. Events stop here: Streamlit has shortcuts of its own (C, R).

/** What the help lists: keys, meaning. */
export const KEYS = [
  [["Wheel, + −"], "zoom"],
  [["Drag, arrows"], "move"],
  [["Double click"], "zoom in there"],
  [["0"], "the breast; again: the whole image"],
  [["1"], "one to one"],
  [["Right drag"], "window (across), level (up, down)"],
  [["[", "]"], "level"],
  [["{", "}"], "window"],
  [["R"], "reset window and level"],
  [["I"], "invert"],
  [["L"], "magnifier"],
  [["M"], "measure"],
  [["Space"], "hide all marks, while held or until pressed again"],
  [["E"], "enlarge this view, all views"],
  [["B"], "box round something missed"],
  [["F"], "full screen"],
  [["H"], "this list"],
  [["Esc"], "leave a tool"],
];

const STEP = 0.03;
const HELD = 350; // ms: a longer press hides the marks only while it lasts

const ACTIONS = {
  ArrowLeft: (viewer) => viewer.current.panBy(-1, 0),
  ArrowRight: (viewer) => viewer.current.panBy(1, 0),
  ArrowUp: (viewer) => viewer.current.panBy(0, -1),
  ArrowDown: (viewer) => viewer.current.panBy(0, 1),
  "+": (viewer) => viewer.current.zoomBy(1.5),
  "=": (viewer) => viewer.current.zoomBy(1.5),
  "-": (viewer) => viewer.current.zoomBy(1 / 1.5),
  0: (viewer) => viewer.fit(),
  1: (viewer) => viewer.current.centre(...viewer.current.position, 1),
  "[": (viewer) => viewer.window.nudge(0, -STEP),
  "]": (viewer) => viewer.window.nudge(0, STEP),
  "{": (viewer) => viewer.window.nudge(-STEP, 0),
  "}": (viewer) => viewer.window.nudge(STEP, 0),
  i: (viewer) => viewer.window.invert(),
  r: (viewer) => viewer.window.reset(),
  l: (viewer) => viewer.toggleLens(),
  m: (viewer) => viewer.toggleMeasure(),
  e: (viewer) => viewer.toggleAlone(viewer.current),
  b: (viewer) => viewer.toggleMarking(),
  f: (viewer) => viewer.toggleFullScreen(),
  h: (viewer) => viewer.toolbar.toggleHelp(),
  Escape: leave,
};

/**
 * Obey a key; sliders and checkboxes keep the arrows, Tab and the browser's own combinations go their way, and so do
 * the keys that are the page's own (Escape only when there is nothing here to leave).
 */
export function onKey(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
  if (isPages(viewer, event.key) && !(event.key === "Escape" && isBusy(viewer))) return;
  event.stopPropagation();
  const inControl = event.target.matches("input, button");
  if (inControl && (event.key.startsWith("Arrow") || event.key === " " || event.key === "Enter")) return;
  if (event.key === " ") return pressSpace(viewer, event);
  const act = ACTIONS[named(event.key)];
  if (!act) return;
  event.preventDefault();
  act(viewer);
}

function pressSpace(viewer, event) {
  event.preventDefault();
  if (event.repeat) return;
  viewer.pressed = event.timeStamp;
  viewer.hideMarks(!viewer.hiding);
}

/** Space that was held: the marks come back. */
export function onKeyUp(viewer, event) {
  if (event.key !== " " || viewer.pressed === undefined) return;
  if (event.timeStamp - viewer.pressed > HELD) viewer.hideMarks(false);
  viewer.pressed = undefined;
}

/** Whether a key belongs to the page that the viewer stands on. */
export function isPages(viewer, key) {
  return viewer.pageKeys.includes(named(key));
}

function named(key) {
  return key.length === 1 ? key.toLowerCase() : key;
}

function isBusy({ current, alone, toolbar }) {
  return current.measuring || current.marking || current.lens || alone || toolbar.isHelping;
}

function leave(viewer) {
  if (viewer.current.measuring) viewer.toggleMeasure();
  if (viewer.current.marking) viewer.toggleMarking();
  else if (viewer.alone) viewer.toggleAlone(viewer.alone);
  if (viewer.current.lens) viewer.toggleLens();
  viewer.toolbar.toggleHelp(false);
}
