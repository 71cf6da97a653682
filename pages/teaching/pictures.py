"""The pictures that ship, behind addresses: fetched as they are once they come into view, and kept by the browser.

Streamlit's own picture would be decoded, made a JPEG and sent anew at every run of the page.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from PIL import Image
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from mtunet.teaching import PICTURES
from pages.shared.image_route import KEPT, absent


def picture(request: Request) -> Response:
    """One picture as it ships; an address names its content (`?v=`), so what it answers may be kept for ever."""
    folder = PICTURES.get(request.path_params["folder"])
    files = {path.name: path for path in folder.glob("*.webp")} if folder else {}
    path = files.get(request.path_params["name"])
    if path is None:
        return absent(request)
    return FileResponse(path, media_type="image/webp", headers=KEPT)


ROUTES = [Route("/mtunet/teaching/{folder}/{name}", picture)]


def figure_html(folder: str, path: Path, alt: str, caption: str) -> str:
    """A picture over its caption; a sentence in its place where the file is missing. folder: of PICTURES."""
    if not path.exists():
        made_by = "pictures" if folder == "lesson" else "mistakes"
        return (
            f"<figure><strong>The picture {escape(path.name)} is missing from this installation: "
            f"python -m mtunet.teaching {made_by} makes it.</strong></figure>"
        )
    width, height, version = _facts(path, path.stat().st_mtime_ns)
    return (
        f'<figure><img src="mtunet/teaching/{folder}/{escape(path.name)}?v={version}" alt="{escape(alt, quote=True)}" '
        f'width="{width}" height="{height}" loading="lazy" decoding="async">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


@cache
def _facts(path: Path, _when: int, /) -> tuple[int, int, str]:
    """Width and height in pixels, so that nothing jumps when it comes; the content's hash."""
    data = path.read_bytes()
    with Image.open(path) as opened:
        return (*opened.size, hashlib.sha256(data).hexdigest()[:12])


def rows_html(rows: Sequence[tuple[str, str]]) -> str:
    """Pictures (or what else stands left) beside words, a row each; one below the other where it is narrow."""
    cells = "".join(f"<div>{left}</div><div>{right}</div>" for left, right in rows)
    return f'{STYLE}<div class="teaching-rows">{cells}</div>'


STYLE: Final = """
<style>
.teaching-rows { display: grid; grid-template-columns: minmax(0, 7fr) minmax(0, 5fr); gap: 1.4rem 1.6rem;
  align-items: center; }
.teaching-rows.even { grid-template-columns: repeat(2, minmax(0, 1fr)); align-items: start; }
.teaching-rows ul { margin: 0; padding-left: 1.2rem; }
.teaching-rows li { margin: 0 0 0.5rem; }
.teaching-rows figure { margin: 0; }
.teaching-rows img { width: 100%; height: auto; display: block; border-radius: 0.4rem; background: #000; }
.teaching-rows figcaption, .teaching-rows small { font-size: 0.875rem; opacity: 0.75; }
.teaching-rows figcaption { text-align: center; padding-top: 0.35rem; }
.teaching-rows small a { color: inherit; text-decoration: underline; }
@media (max-width: 640px) {
  .teaching-rows, .teaching-rows.even { grid-template-columns: minmax(0, 1fr); }
}
</style>
"""
