// Panes that move together. Panes of one image share coordinates exactly; hung views share depth from the chest wall;
// others share the place in the image. Each shows as many mm per screen pixel as the others.
import { fromDepth, toDepth } from "./hanging.js";

let following = false; // setting a follower's view makes it report a move of its own: not to be followed back

/** Bring the other panes to where `leader` looks. */
export function linkViews(leader, panes) {
  if (following || panes.length < 2) return;
  following = true;
  const resolution = leader.view.getResolution();
  const centre = leader.view.getCenter();
  for (const pane of panes) {
    if (pane === leader || !pane.view.getCenter()) continue;
    pane.view.setResolution(resolution * pitchRatio(leader, pane));
    pane.view.setCenter(across(leader, pane, centre));
  }
  following = false;
}

/** The same place in the other panes of this image: under their magnifier, or marked by a small cross. */
export function showPointer(leader, coordinate, panes) {
  for (const pane of panes) {
    const there =
      pane !== leader && coordinate && leader.sameImage(pane) ? across(leader, pane, coordinate) : null;
    pane.setCross(pane.lens ? null : there);
    if (there) pane.lens?.follow(there);
  }
}

function across(from, to, [x, y]) {
  if (from.viewer.hung) return fromDepth(to, toDepth(from, [x, y]));
  return [(x * to.facts.columns) / from.facts.columns, (y * to.facts.rows) / from.facts.rows];
}

function pitchRatio(from, to) {
  if (from.viewer.hung) return from.pitch / to.pitch;
  if (from.facts.spacing && to.facts.spacing) return from.facts.spacing[1] / to.facts.spacing[1];
  return to.facts.rows / from.facts.rows;
}
