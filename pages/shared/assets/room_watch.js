// src/parts/room_watch.js
var watching = /* @__PURE__ */ new WeakMap();
var PATIENCE = 8;
function room_watch_default(component) {
  const root = component.parentElement;
  const known = watching.get(root);
  if (known) {
    known.component = component;
    return;
  }
  const mine = { component, ended: false, told: null, since: 0 };
  watching.set(root, mine);
  const look = async () => {
    const { address, event, every } = mine.component.data;
    try {
      const answer = await fetch(new URL(address, document.baseURI), { cache: "no-store" });
      const now = answer.ok ? await answer.text() : answer.status === 404 ? "gone" : event;
      mine.since += 1;
      if (now !== event && !mine.ended && (now !== mine.told || mine.since > PATIENCE)) {
        Object.assign(mine, { told: now, since: 0 });
        mine.component.setTriggerValue("moved", now);
      }
    } catch {
    }
    if (!mine.ended) mine.timer = setTimeout(look, every);
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
