// A click in the viewer, or the key X for its middle, becomes a place in the image.
const listening = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  const known = listening.get(root);
  if (known) {
    known.component = component;
    return;
  }
  const mine = { component };
  listening.set(root, mine);
  const stop = new AbortController();
  const options = { signal: stop.signal, capture: true };
  let down = [0, 0];
  let waiting;

  const place = (pane, viewer, dx, dy) => {
    const [x, y] = viewer.dataset.centre.split(",").map(Number);
    const zoom = Number(viewer.dataset.zoom);
    const image = mine.component.data.image;
    mine.component.setTriggerValue("placed", { image, x: x + dx / zoom, y: y + dy / zoom });
  };
  const over = (event, name) =>
    event.composedPath().find((one) => one instanceof Element && one.classList.contains(name));

  document.addEventListener(
    "pointerdown",
    (event) => {
      down = [event.clientX, event.clientY];
    },
    options,
  );
  document.addEventListener("dblclick", () => clearTimeout(waiting), options);
  document.addEventListener(
    "click",
    (event) => {
      const pane = over(event, "pane");
      const viewer = over(event, "mtunet-viewer");
      if (!pane || !viewer || over(event, "minimap") || viewer.dataset.measure === "true") return;
      if (Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 5) return; // the image was moved
      clearTimeout(waiting);
      if (event.detail > 1) return; // a double click zooms
      const frame = pane.getBoundingClientRect();
      const dx = event.clientX - frame.left - frame.width / 2;
      const dy = event.clientY - frame.top - frame.height / 2;
      const [centre, zoom] = [viewer.dataset.centre, viewer.dataset.zoom];
      waiting = setTimeout(() => place(pane, { dataset: { centre, zoom } }, dx, dy), 260);
    },
    options,
  );
  document.addEventListener(
    "keydown",
    (event) => {
      const pane = over(event, "pane");
      const viewer = over(event, "mtunet-viewer");
      if (!pane || !viewer || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key.toLowerCase() !== "x") return;
      event.preventDefault();
      place(pane, viewer, 0, 0);
    },
    options,
  );
  return () => {
    clearTimeout(waiting);
    stop.abort();
    listening.delete(root);
  };
}
