// The keyboard, while the viewer has the focus. Events stop here: Streamlit has shortcuts of its own (C, R).

/** What the help lists: keys, meaning. */
export const KEYS = [
  ["Wheel, + −", "zoom"],
  ["Drag, arrows", "move"],
  ["Double click", "zoom in there"],
  ["0   1", "whole image, one to one"],
  ["Right drag", "window (across), level (up, down)"],
  ["[  ]", "level"],
  ["{  }", "window"],
  ["R   I", "reset window, invert"],
  ["L   M", "magnifier, measure"],
  ["E", "enlarge this view, all views"],
  ["B", "box round something missed"],
  ["F   H", "full screen, this list"],
  ["Esc", "leave a tool"],
];

const STEP = 0.03;

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

/** Obey a key; sliders and checkboxes keep the arrows, Tab and the browser's own combinations go their way. */
export function onKey(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
  event.stopPropagation();
  const inControl = event.target.matches("input, button");
  if (inControl && (event.key.startsWith("Arrow") || event.key === " " || event.key === "Enter")) return;
  const act = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act(viewer);
}

function leave(viewer) {
  if (viewer.current.measuring) viewer.toggleMeasure();
  if (viewer.current.marking) viewer.toggleMarking();
  else if (viewer.alone) viewer.toggleAlone(viewer.alone);
  if (viewer.current.lens) viewer.toggleLens();
  viewer.toolbar.toggleHelp(false);
}
