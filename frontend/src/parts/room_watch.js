// Asks a small address each second whether the class has moved on.
const watching = new WeakMap();

export default function (component) {
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
        wait = 4 * every; // the page is being drawn again
      }
    } catch {} // the server is away; the next look asks again
    if (!mine.ended) mine.timer = setTimeout(look, wait);
  };
  mine.timer = setTimeout(look, component.data.every);
  return () => {
    mine.ended = true;
    clearTimeout(mine.timer);
    watching.delete(root);
  };
}
