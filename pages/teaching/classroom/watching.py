"""How a learner's page learns that the class has moved on: its browser asks a small address twice a second.

A fragment that runs by itself would do, but each of its runs costs the server a script run, 13 ms of processor time
where this costs one: with thirty learners that is the difference between most of a core and next to nothing. It
stands apart from the pages of a class, which bring the phantoms: the app's routes are there before any page.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mtunet.store.database import UnusableStore
from mtunet.store.filing import data_folder
from mtunet.store.images import Store
from mtunet.teaching.classroom.records import event_for
from pages.shared.viewer import component

LOOK_MS = 500
_NEVER_KEPT = {"Cache-Control": "no-store"}


def watch(token: str, event: int) -> None:
    """Draws nothing; has the page run again once the room of this learner is no longer at this event."""
    data = {"address": f"mtunet/room/{token}", "event": str(event), "every": LOOK_MS}
    component("room_watch")(key="teaching.room.watch", data=data, on_moved_change=lambda: None)


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
