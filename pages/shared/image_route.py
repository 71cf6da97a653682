"""Our own HTTP routes beside Streamlit's: the viewer's bundle, the images and the probability maps.

Streamlit resends everything inside a message that changes; a picture behind an address is fetched once and kept by the
browser. The addresses are made of a content hash, so what they answer never changes and may be cached for ever; nothing
of a path is ever taken from the query.

Imports neither streamlit nor torch, so the handlers run in the server's worker threads and can be tested on their own.
"""

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mtunet.store.filing import data_folder
from pages.shared.turns import Busy, Turns

ASSETS = Path(__file__).parent / "assets"
WHITE = 65535
"""Value of Mammogram.pixels 1.0 in the stored 16-bit images."""
SCALES = (1, 2, 4)
"""The picture is served whole, at half and at a quarter of its sides: a viewer takes the one it needs."""
KINDS = ("mc", "bac", "breast")
MAP_SIDE = 2048
"""Longest side of a coloured probability layer, pixels."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ASSET = re.compile(r"viewer-[0-9a-f]{12}\.js")
KEPT = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
"""Headers of what its address decides."""
_ASK_AGAIN = {**KEPT, "Cache-Control": "private, no-cache"}
"""For what a person may delete: the browser asks each time, and is told in a few bytes that it has it already."""
_MEDIA = {"jpg": "image/jpeg", "png": "image/png"}
_HEAT_RGB = {"mc": (255, 214, 10), "bac": (255, 69, 58), "breast": (100, 210, 255)}

T = TypeVar("T")


class Cache(Generic[T]):
    """Last-used values up to a number of bytes; one maker at a time per key, so parallel requests share the work."""

    def __init__(self, limit: int, size: Callable[[T], int]) -> None:
        self._limit, self._size = limit, size
        self._kept: OrderedDict[object, T] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._making: dict[object, threading.Lock] = {}

    @property
    def bytes(self) -> int:
        """Bytes kept now."""
        return self._bytes

    def get(self, key: object, make: Callable[[], T]) -> T:
        """The value under `key`, made if it is not kept. What `make` raises is raised and not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            making = self._making.setdefault(key, threading.Lock())
        try:
            with making:
                with self._lock:
                    if key in self._kept:
                        return self._kept[key]
                value = make()
                self._keep(key, value)
                return value
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _keep(self, key: object, value: T) -> None:
        size = self._size(value)
        if size > self._limit:
            return
        with self._lock:
            self._kept[key] = value
            self._bytes += size
            while self._bytes > self._limit:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= self._size(oldest)


_arrays: Cache[npt.NDArray[np.generic]] = Cache(192 * 2**20, lambda a: int(a.nbytes))
_pictures: Cache[bytes] = Cache(96 * 2**20, len)
_turns = Turns()


class _NotHere(Exception):
    """No such thing is stored."""


def asset(request: Request) -> Response:
    """The viewer's bundle; its name holds its hash, so it may be kept for ever."""
    name = request.path_params["name"]
    if not _ASSET.fullmatch(name) or name not in {p.name for p in ASSETS.glob("viewer-*.js")}:
        return _nothing()
    return _answer(request, lambda: (ASSETS / name).read_bytes(), "text/javascript; charset=utf-8", name)


def image(request: Request) -> Response:
    """One image, windowed from its 16 bits to 8: ?low=&high= (0..65535), ?format=jpg|png, ?scale=1|2|4, ?flip=1.

    A value at or below `low` becomes 0, at or above `high` 255, between them linearly, rounded to the nearest.
    The window may reach outside 0..65535. flip: mirrored left to right. JPEG is for overviews, PNG has every grey level
    exact.
    """
    sha256 = request.path_params["sha256"]
    if not _SHA256.fullmatch(sha256):
        return _nothing()
    query = request.query_params
    kind = query.get("format", "jpg")
    low, high = _integer(query.get("low", "0")), _integer(query.get("high", str(WHITE)))
    scale = _integer(query.get("scale", "1"))
    if kind not in _MEDIA or scale not in SCALES or low is None or high is None:
        return _refused(f"format is jpg or png, low and high are whole numbers, scale is one of {SCALES}.")
    if not -WHITE <= low < high <= 2 * WHITE:
        return _refused(f"The window must satisfy {-WHITE} ≤ low < high ≤ {2 * WHITE}.")
    path = data_folder() / "images" / f"{sha256}.png"
    if not path.is_file():  # deleted, though it may still be in memory
        return _nothing()
    flip = query.get("flip") == "1"
    name = f"{sha256}-{low}-{high}-{scale}-{kind}{'-flip' if flip else ''}"

    def make() -> bytes:
        with _turns.turn():
            return _encode(_turned(window(_shrunk(path, scale), low, high), flip), kind)

    return _answer(request, lambda: _pictures.get((str(path), name), make), _MEDIA[kind], name)


def probability_map(request: Request) -> Response:
    """A probability map as a coloured transparent PNG (≤ 2048 a side), or with ?x=&y= the probability at that pixel.

    ?flip=1: mirrored left to right, the pixel too.
    """
    sha256, model, kind = (request.path_params[k] for k in ("sha256", "model", "kind"))
    if not _SHA256.fullmatch(sha256) or not _MODEL.fullmatch(model) or kind not in KINDS:
        return _nothing()
    path = data_folder() / "maps" / sha256 / model / f"{kind}.png"
    if not path.is_file():
        return _nothing()
    if "x" in request.query_params or "y" in request.query_params:
        return _probability_at(request, path)
    flip = request.query_params.get("flip") == "1"
    name = f"{sha256}-{model}-{kind}{'-flip' if flip else ''}"

    def make() -> bytes:
        with _turns.turn():
            return _encode(_turned(heat(_grey(path), kind), flip), "png")

    return _answer(request, lambda: _pictures.get((str(path), name), make), "image/png", name)


def thumbnail(request: Request) -> Response:
    """The small picture with its findings that the worklist shows."""
    sha256 = request.path_params["sha256"]
    path = data_folder() / "thumbnails" / f"{sha256}.png"
    if not _SHA256.fullmatch(sha256) or not path.is_file():
        return _nothing()
    return _answer(request, path.read_bytes, "image/png", f"{sha256}-{path.stat().st_mtime_ns}")


ROUTES = [
    Route("/mtunet/assets/{name}", asset),
    Route("/mtunet/image/{sha256}", image),
    Route("/mtunet/thumbnail/{sha256}", thumbnail),
    Route("/mtunet/map/{sha256}/{model}/{kind}", probability_map),
]


def mounted(routes: Sequence[Route], base: str) -> list[Route]:
    """Our routes under the path that the app is served at. What else begins as they do is nothing: Streamlit would
    answer with its page."""
    all_ = (*routes, Route("/mtunet/{rest:path}", absent))
    return [Route(f"{base}{route.path}", route.endpoint, methods=list(route.methods or ())) for route in all_]


def absent(_: Request) -> Response:
    return _nothing()


def window(pixels: npt.NDArray[np.uint16], low: int, high: int) -> npt.NDArray[np.uint8]:
    """(rows, columns) uint16 → uint8: `low` and below 0, `high` and above 255, linear between, rounded half to even."""
    values = (np.arange(WHITE + 1, dtype=np.float64) - low) * (255.0 / (high - low))
    table = np.rint(np.clip(values, 0.0, 255.0)).astype(np.uint8)
    return table[pixels]


def heat(probability: npt.NDArray[np.uint8], kind: str) -> npt.NDArray[np.uint8]:
    """(rows, columns) 0..255 → (rows, columns, 4) BGRA in the colour of `kind`, at most 2048 a side.

    Shrunk by the maximum of each block, so that a speck of a few pixels does not fade away.
    """
    step = -(-max(probability.shape) // MAP_SIDE)
    if step > 1:
        grown = cv2.dilate(probability, np.ones((step, step), np.uint8), anchor=(0, 0))
        probability = np.ascontiguousarray(grown[::step, ::step])
    red, green, blue = _HEAT_RGB[kind]
    layer = np.empty((*probability.shape, 4), np.uint8)
    layer[:] = (blue, green, red, 0)
    layer[..., 3] = probability
    return layer


def _probability_at(request: Request, path: Path) -> Response:
    x, y = (_integer(request.query_params.get(k, "")) for k in ("x", "y"))
    try:
        values = _grey(path)
    except _NotHere:
        return _nothing()
    rows, columns = values.shape
    if x is None or y is None or not (0 <= x < columns and 0 <= y < rows):
        return _refused(f"x and y are whole numbers inside {columns} × {rows} pixels.")
    if request.query_params.get("flip") == "1":
        x = columns - 1 - x
    body = json.dumps({"probability": round(float(values[y, x]) / 255.0, 3)})
    return Response(body, media_type="application/json", headers=KEPT)


def _shrunk(path: Path, scale: int) -> npt.NDArray[np.uint16]:
    """The stored 16-bit image, averaged over scale × scale pixels."""

    def load() -> npt.NDArray[np.generic]:
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
        if pixels is None or pixels.ndim != 2 or pixels.dtype != np.uint16:
            raise _NotHere
        return np.asarray(pixels)

    def shrink() -> npt.NDArray[np.generic]:
        rows, columns = whole.shape
        size = (max(1, -(-columns // scale)), max(1, -(-rows // scale)))
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))

    whole = _arrays.get((str(path), 1), load)
    small = whole if scale == 1 else _arrays.get((str(path), scale), shrink)
    return small.astype(np.uint16, copy=False)


def _grey(path: Path) -> npt.NDArray[np.uint8]:
    def load() -> npt.NDArray[np.generic]:
        values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
        if values is None or values.ndim != 2 or values.dtype != np.uint8:
            raise _NotHere
        return np.asarray(values)

    return _arrays.get(str(path), load).astype(np.uint8, copy=False)


def _turned(pixels: npt.NDArray[np.uint8], flip: bool) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[:, ::-1]) if flip else pixels


def _encode(pixels: npt.NDArray[np.uint8], kind: str) -> bytes:
    how = [cv2.IMWRITE_JPEG_QUALITY, 92] if kind == "jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    done, encoded = cv2.imencode(f".{kind}", pixels, how)
    if not done:
        raise RuntimeError(f"The picture could not be written as {kind}.")
    return encoded.tobytes()


def _answer(request: Request, make: Callable[[], bytes], media: str, name: str) -> Response:
    """The bytes with headers to keep them, 304 when the browser has them, 404 when there are none."""
    tag = f'"{hashlib.sha256(name.encode()).hexdigest()[:24]}"'
    try:
        content = make()
    except _NotHere:
        return _nothing()
    except Busy:
        return _later()
    headers = {**(KEPT if media.startswith("text/javascript") else _ASK_AGAIN), "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    try:
        _turns.sends(len(content))
    except Busy:
        return _later()
    return Response(content, media_type=media, headers=headers, background=BackgroundTask(_turns.sent, len(content)))


def _nothing() -> Response:
    return Response("Not found.", status_code=404, media_type="text/plain", headers=_uncached())


def _later() -> Response:
    headers = {**_uncached(), "Retry-After": "1"}
    return Response("Too many pictures at once.", status_code=429, media_type="text/plain", headers=headers)


def _refused(sentence: str) -> Response:
    return Response(sentence, status_code=400, media_type="text/plain", headers=_uncached())


def _uncached() -> dict[str, str]:
    return {**KEPT, "Cache-Control": "no-store"}


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,7}", text) else None
