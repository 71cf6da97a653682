// Entry of the bundle: one call per message from Streamlit, one Viewer per element on the page.
import { Viewer } from "./viewer.js";

const living = new WeakMap();

/**
 * Draw, or update in place, the viewer inside `root`.
 * @param {HTMLElement} root the component's element
 * @param {{data: object, setTriggerValue: Function}} component what Streamlit hands to a component
 */
export function show(root, component) {
  if (!root.isConnected) return; // unmounted while the bundle was on its way
  let viewer = living.get(root);
  if (!viewer) {
    viewer = new Viewer(root);
    living.set(root, viewer);
    root.addEventListener(
      "mtunet-unmount",
      () => {
        viewer.destroy();
        living.delete(root);
      },
      { once: true },
    );
  }
  viewer.update(component);
}
