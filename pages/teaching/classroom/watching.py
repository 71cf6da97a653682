"""How a learner's page learns that the class has moved on: its browser asks a small address each second.

A fragment that runs by itself would do, but each of its runs costs the server a script run, 13 ms of processor time
where this costs one: with thirty learners that is the difference between a third of a core and next to nothing.
"""

import functools
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mtunet.store.database import UnusableStore
from mtunet.store.filing import data_folder
from mtunet.store.images import Store
from mtunet.teaching.classroom.records import event_for

LOOK_MS = 1000
_NEVER_KEPT = {"Cache-Control": "no-store"}


def watch(token: str, event: int) -> None:
    """Draws nothing; has the page run again once the room of this learner is no longer at this event."""
    below = str(st.get_option("server.baseUrlPath") or "").strip("/")
    address = f"{f'/{below}' if below else ''}/mtunet/room/{token}"
    data = {"address": address, "event": str(event), "every": LOOK_MS}
    _component()(key="teaching.room.watch", data=data, on_moved_change=lambda: None)


def moved(request: Request) -> Response:
    """The number of the last event in the room of a learner's token; 404 when there is no such room any more.

    By the token and not by the room's code, which could be found by trying.
    """
    try:
        with Store.open(data_folder()) as store:
            event = event_for(store, request.path_params["token"])
    except UnusableStore:
        return Response("", status_code=503, headers=_NEVER_KEPT)
    return Response(str(event or ""), status_code=200 if event else 404, headers=_NEVER_KEPT, media_type="text/plain")


ROUTES = [Route("/mtunet/room/{token}", moved)]


@functools.cache
def _component() -> Any:
    return st.components.v2.component("mtunet_room_watch", html="<span></span>", js=_SCRIPT)


_SCRIPT = """
const watching = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  const known = watching.get(root);
  if (known) { known.component = component; return; }
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
  return () => { mine.ended = true; clearTimeout(mine.timer); watching.delete(root); };
}
"""
