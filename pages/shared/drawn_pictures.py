"""Pictures of phantoms behind addresses: each is drawn once its browser asks for it, so that no page waits for it.

A phantom takes a second to draw, and a gallery shows fifteen; a list has a thousand rows and shows a dozen. What
a page says of how a picture is drawn is kept under a name made of what the picture shows; the server draws a few at a
time, and none that its browser no longer wants.
"""

import asyncio
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from html import escape
from typing import Final

import cv2
import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mtunet.output.drawing import RGB
from pages.shared.image_route import KEPT, Cache, absent

AT_ONCE: Final = 2
MOST_ASKED: Final = 20_000
"""Of pictures that may yet be asked for; a page that is drawn anew says again how its own are drawn."""

_drawn: Cache[bytes] = Cache(64 * 2**20, len)
_asked: OrderedDict[str, Callable[[], RGB]] = OrderedDict()
_lock = threading.Lock()
_turns = asyncio.Semaphore(AT_ONCE)


def address_of(shows: str, draw: Callable[[], RGB]) -> str:
    """Where a browser finds the picture. shows: all that decides what is drawn. draw: runs in another thread."""
    name = hashlib.sha256(shows.encode()).hexdigest()[:32]
    with _lock:
        _asked[name] = draw
        _asked.move_to_end(name)
        while len(_asked) > MOST_ASKED:
            _asked.popitem(last=False)
    return f"mtunet/drawn/{name}"


def figure_html(shows: str, draw: Callable[[], RGB], alt: str, caption: str, *, shape: str = "auto") -> str:
    """A picture over its caption; shows and draw as of its address. shape: width / height as CSS says it, so that
    nothing jumps when the picture comes."""
    return (
        f'<figure class="drawn"><img src="{address_of(shows, draw)}" alt="{escape(alt, quote=True)}" decoding="async" '
        f'style="aspect-ratio:{shape}"><figcaption>{escape(caption)}</figcaption></figure>{_STYLE}'
    )


def as_png(rgb: RGB) -> bytes:
    """rgb: (rows, columns, 3) uint8."""
    return bytes(cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes())


async def picture(request: Request) -> Response:
    """404 for what no page has spoken of since the server began; the page that shows it says it again."""
    name = request.path_params["name"]
    draw = _asked.get(name)
    if draw is None:
        return absent(request)
    async with _turns:
        if await request.is_disconnected():
            return Response(status_code=204)
        data = await run_in_threadpool(_drawn.get, name, lambda: as_png(draw()))
    return Response(data, media_type="image/png", headers=KEPT)


ROUTES = [Route("/mtunet/drawn/{name}", picture)]
_STYLE: Final = """<style>
figure.drawn { margin: 0; position: relative; }
figure.drawn::before { content: "Drawing …"; position: absolute; inset: 3rem 0 auto;
  text-align: center; opacity: 0.75; }
figure.drawn img { position: relative; width: 100%; height: auto; min-height: 8rem; display: block;
  border-radius: 0.4rem; background: #80808030; }
figure.drawn figcaption { font-size: 0.875rem; opacity: 0.75; text-align: center; padding-top: 0.35rem; }
</style>"""
