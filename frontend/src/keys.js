// The keyboard. Which key does what stands in Python (`pages/shared/keys.py`) and comes with the data; here is what each
// does. While a study is read, keys work wherever the focus is, but in a text field; else while the viewer has it.

const STEP = 0.03;
const HELD = 350; // ms: a longer press hides the marks only while it lasts

const ACTIONS = {
  left: (viewer) => viewer.current.panBy(-1, 0),
  right: (viewer) => viewer.current.panBy(1, 0),
  up: (viewer) => viewer.current.panBy(0, -1),
  down: (viewer) => viewer.current.panBy(0, 1),
  zoom_in: (viewer) => viewer.current.zoomBy(1.5),
  zoom_out: (viewer) => viewer.current.zoomBy(1 / 1.5),
  fit: (viewer) => viewer.fit(),
  native: (viewer) => viewer.current.centre(...viewer.current.position, 1),
  darker: (viewer) => viewer.window.nudge(0, -STEP),
  brighter: (viewer) => viewer.window.nudge(0, STEP),
  narrower: (viewer) => viewer.window.nudge(-STEP, 0),
  wider: (viewer) => viewer.window.nudge(STEP, 0),
  invert: (viewer) => viewer.window.invert(),
  reset: (viewer) => viewer.window.reset(),
  calcium: (viewer) => viewer.window.calcium(),
  lens: (viewer) => viewer.toggleLens(),
  measure: (viewer) => viewer.toggleMeasure(),
  alone: (viewer) => viewer.toggleAlone(viewer.current),
  view_1: (viewer) => viewer.toggleView(0),
  view_2: (viewer) => viewer.toggleView(1),
  view_3: (viewer) => viewer.toggleView(2),
  view_4: (viewer) => viewer.toggleView(3),
  layout_row: (viewer) => viewer.setLayout("row"),
  layout_grid: (viewer) => viewer.setLayout("grid"),
  layout_cc: (viewer) => viewer.setLayout("cc"),
  layout_mlo: (viewer) => viewer.setLayout("mlo"),
  prior: (viewer) => viewer.togglePrior(),
  mark: (viewer) => viewer.toggleMarking(),
  hide_marks: () => {}, // pressed and let go: see below
  hide_mc: (viewer) => viewer.toggleLayer("mc"),
  hide_bac: (viewer) => viewer.toggleLayer("bac"),
  full: (viewer) => viewer.toggleFullScreen(),
  panel: (viewer) => viewer.desk.fold(),
  help: (viewer) => viewer.toolbar.toggleHelp(),
  leave,
  next_finding: (viewer) => viewer.desk.step(1),
  previous_finding: (viewer) => viewer.desk.step(-1),
  agree: (viewer) => viewer.desk.judge(0),
  other_type: (viewer) => viewer.desk.judge(1),
  nothing: (viewer) => viewer.desk.judge(2),
  recall: (viewer) => viewer.desk.decide("recall"),
  no_recall: (viewer) => viewer.desk.decide("no_recall"),
  recall_next: (viewer) => viewer.desk.decide("recall", true),
  no_recall_next: (viewer) => viewer.desk.decide("no_recall", true),
  note: (viewer) => viewer.desk.write(),
  undo: (viewer) => viewer.desk.undo(),
  next_study: (viewer) => viewer.desk.go("below"),
  previous_study: (viewer) => viewer.desk.go("above"),
};

const TEXT =
  "textarea, select, [contenteditable=true], input:not([type=range], [type=checkbox], [type=radio])";
const CONTROL =
  "input, button, a, summary, [role=button], [role=radio], [role=slider], [role=tab], [role=switch]";

/** Hear the keys for as long as `signal` lasts. */
export function hearKeys(viewer, root, signal) {
  const everywhere = { signal, capture: true }; // before Streamlit, which has shortcuts of its own (C, R)
  root.addEventListener("keydown", (event) => viewer.desk || onKey(viewer, event), { signal });
  root.addEventListener("keyup", (event) => viewer.desk || onKeyUp(viewer, event), { signal });
  document.addEventListener("keydown", (event) => viewer.desk && onKey(viewer, event), everywhere);
  document.addEventListener("keyup", (event) => viewer.desk && onKeyUp(viewer, event), everywhere);
}

/** What a key does here, "" for nothing. */
export function actionOf(viewer, event) {
  const letter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
  const key = letter ? (event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()) : event.key;
  const found = viewer.keys.find(([, keys]) => keys.includes(key));
  return found?.[0] ?? "";
}

/** How the key of an action is written, "" for one that has none here. */
export function keyOf(viewer, action) {
  const found = viewer.keys.find(
    ([name, keys]) => name === action && !keys.some((key) => isPages(viewer, key)),
  );
  return found?.[2] ?? "";
}

/**
 * Obey a key. Text fields keep theirs, controls keep arrows, Space and Enter, the browser its own combinations, and so
 * does the page (Escape only when there is nothing here to leave).
 */
function onKey(viewer, event) {
  const inside = event.composedPath()[0];
  if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
  if (
    inside.matches?.(TEXT) ||
    (viewer.desk && inside.closest?.("[aria-modal=true], [role=menu], [role=listbox]"))
  )
    return;
  const leaves = event.key === "Escape" && isBusy(viewer);
  if (isPages(viewer, event.key) && !leaves) return;
  const action = actionOf(viewer, event);
  if (viewer.desk && (!action || (action === "leave" && !leaves))) return;
  const controls = event.key.startsWith("Arrow") || event.key === " " || event.key === "Enter";
  const keeps = controls && inside.matches?.(CONTROL);
  if (viewer.desk && keeps) return; // a slider of the page hears its arrows
  event.stopImmediatePropagation();
  if (keeps) return;
  if (!action) return;
  event.preventDefault();
  if (action === "hide_marks") pressSpace(viewer, event);
  else ACTIONS[action](viewer);
}

function pressSpace(viewer, event) {
  if (event.repeat) return;
  viewer.pressed = event.timeStamp;
  viewer.hideMarks(!viewer.hiding);
}

/** Space that was held: the marks come back. */
function onKeyUp(viewer, event) {
  if (event.key !== " " || viewer.pressed === undefined) return;
  if (event.timeStamp - viewer.pressed > HELD) viewer.hideMarks(false);
  viewer.pressed = undefined;
}

/** Whether a key belongs to the page that the viewer stands on. */
function isPages(viewer, key) {
  return viewer.pageKeys.includes(key.length === 1 ? key.toLowerCase() : key);
}

function isBusy({ current, alone, toolbar, desk }) {
  return (
    current.measuring || current.marking || current.lens || alone || toolbar.isHelping || desk?.card.pane
  );
}

/** The tools first, then what lies over the image, then the enlarged view. */
function leave(viewer) {
  const { measuring, marking, lens } = viewer.current;
  const busy = measuring || marking || lens || viewer.toolbar.isHelping;
  viewer.toolbar.toggleHelp(false);
  if (measuring) viewer.toggleMeasure();
  if (marking) viewer.toggleMarking();
  if (lens) viewer.toggleLens();
  if (busy || viewer.desk?.close()) return;
  if (viewer.alone) viewer.toggleAlone(viewer.alone);
}
