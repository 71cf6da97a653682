// src/parts/room_watch.js
var watching = /* @__PURE__ */ new WeakMap();
function room_watch_default(component) {
  const root = component.parentElement;
  const known = watching.get(root);
  if (known) {
    known.component = component;
    return;
  }
  const mine = { component, ended: false };
  watching.set(root, mine);
  const look = async () => {
    const { address, event, every } = mine.component.data;
    let wait = every;
    try {
      const answer = await fetch(new URL(address, document.baseURI), { cache: "no-store" });
      const now = answer.ok ? await answer.text() : answer.status === 404 ? "gone" : event;
      if (now !== event && !mine.ended) {
        mine.component.setTriggerValue("moved", now);
        wait = 4 * every;
      }
    } catch {
    }
    if (!mine.ended) mine.timer = setTimeout(look, wait);
  };
  mine.timer = setTimeout(look, component.data.every);
  return () => {
    mine.ended = true;
    clearTimeout(mine.timer);
    watching.delete(root);
  };
}
export {
  room_watch_default as default
};
