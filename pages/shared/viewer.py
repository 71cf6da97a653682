"""The image viewer: mammograms with contours; pan, zoom and window at full resolution, layers, magnifier, measure.

One call per page run. The pixels travel by address (`image_route`), the contours as component data that Streamlit
resends only when they change, and the program (OpenLayers, built from `frontend/`) is loaded once from our own route.
What a person does in the viewer stays in the browser; only a click on a finding starts a rerun, and where a study is
read not even that: its decisions go to an address of their own (`pages.case.desk`).
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import streamlit as st

from mtunet.case import NOT_FOR_CLINICAL_USE, Calcification, Finding
from mtunet.detection.outlines import contours
from mtunet.output.drawing import FIGURE_3, LAYERS, Palette
from pages.shared.image_route import ASSETS
from pages.shared.keys import for_browser
from pages.shared.words import networks_words

# The programs that run in the browser: all are built from `frontend/`, each brought onto a page by one function.


def component(name: str, html: str = "<span></span>") -> Any:
    """The built part `name` as a Streamlit component, to be called with `key` and `data`. html: what it draws into.

    Its few lines travel inside the page; the large viewer is fetched by address, see `bundle`.
    """
    return _mounted(name, html)


@functools.cache
def _mounted(name: str, html: str) -> Any:
    style = ASSETS / f"{name}.css"
    css = style.read_text() if style.exists() else None
    program = (ASSETS / f"{name}.js").read_text()
    return st.components.v2.component(f"mtunet_{name}", html=html, css=css, js=program)


@functools.cache
def bundle() -> str:
    """File name of the built viewer, which holds the hash of its content."""
    built = sorted(path.name for path in ASSETS.glob("viewer-*.js"))
    if len(built) != 1:
        raise RuntimeError(f"Expected one built viewer in pages/shared/assets, found {len(built)}: see frontend/.")
    return built[0]


Points = Sequence[tuple[float, float]]
"""A closed outline, (x, y) in pixel coordinates: (0, 0) is the centre of the top-left pixel."""

SIMPLIFY = 0.7
"""A contour may stray this far, in pixels, from the one that was found: nobody sees it, and it is a third as large."""

HELP = "Arrows move, plus and minus zoom, 0 shows the breast, I inverts, L is a magnifier, ? lists all keys."
TYPE_WORDS = {Calcification.MICRO: "Microcalcifications", Calcification.ARTERIAL: "Arterial calcification"}
MAP_LABELS = {
    "map_mc": "MC probability",
    "map_bac": "BAC probability",
    "map_breast": "Breast found",
}
MAP_COLOURS = {"map_mc": "#ffd60a", "map_bac": "#ff453a", "map_breast": "#64d2ff"}


@dataclass(frozen=True)
class LayerStyle:
    """How one layer of contours looks and what the legend calls it. colour: as #rrggbb. dashed: as truth is, and what
    tells types apart without colour."""

    colour: str
    dashed: bool
    label: str


@dataclass(frozen=True)
class Outline:
    """A contour that belongs to something.

    number: the finding's; a click on it is reported. None for contours that cannot be chosen (truth).
    note: what is shown when the pointer is on it.
    """

    points: Points
    number: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Pane:
    """One image in the viewer.

    id: unique among the panes; keeps zoom across reruns.
    sha256: the image's name in `DATA/images`.
    columns, rows: of the whole image, pixels.
    spacing_mm: (row, column); None when the file does not say, and then lengths are in pixels.
    contours: per layer of the palette, outlines in pixel coordinates.
    marker: orientation, "R MLO".
    maps: per kind ("mc", "bac", "breast") the folder of its probability map, "<model>-<weights sha[:12]>".
    flipped: shown mirrored left to right; everything given and reported stays in the image's own coordinates.
    breast: (left, top, right, bottom) of what is worth seeing, pixels of the image: it fills the pane. None: all of it.
    wall: the edge, "left" or "right", at which the chest wall is shown; "" when it is not known. For hung panes.
    slot: (row, column) of a hung pane in the grid.
    place: side and view, "R" and "MLO", "" where not known: layouts and priors are hung by them.
    windows: name, low and high, 0 to 1, of the windows that the file names; the first is how the picture is shown.
    prior: of an image of an earlier study, how much earlier; it hangs under the same view of this one.
    """

    id: str
    title: str
    sha256: str
    columns: int
    rows: int
    spacing_mm: tuple[float, float] | None
    contours: Mapping[str, Sequence[Outline | Points]] = field(default_factory=dict)
    marker: str = ""
    maps: Mapping[str, str] = field(default_factory=dict)
    flipped: bool = False
    breast: tuple[float, float, float, float] | None = None
    wall: str = ""
    slot: tuple[int, int] = (0, 0)
    place: tuple[str, str] = ("", "")
    prior: str = ""
    windows: Sequence[tuple[str, float, float]] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError(f"Pane.sha256 must be 64 hexadecimal digits, not {self.sha256!r}.")
        if self.columns < 1 or self.rows < 1:
            raise ValueError(f"A pane needs an image of at least 1 × 1 pixels, not {self.columns} × {self.rows}.")
        if self.spacing_mm is not None and min(self.spacing_mm) <= 0:
            raise ValueError(f"Pane.spacing_mm must be positive millimetres, not {self.spacing_mm}.")


@dataclass(frozen=True)
class Hanging:
    """Panes in a grid, chest wall to chest wall and at one scale; a click enlarges one.

    empty: what is said in the places that have no pane. alone: the id of the pane that is enlarged at first.
    """

    rows: int
    columns: int
    empty: Mapping[tuple[int, int], str] = field(default_factory=dict)
    alone: str | None = None


@dataclass(frozen=True)
class ViewerEvent:
    """What happened in the viewer since the last run, and in which pane: the number of the finding that was clicked."""

    selected: int | None = None
    pane: str | None = None


@dataclass(frozen=True)
class Reading:
    """A study that is read in the viewer, which then has the reader's panel and keys, and takes the window's height.

    facts: as `pages.case.reading.desk_facts` makes them. go: called with the id of the study that is wanted next.
    sign: called with the name of who reads. usual: called to go back to the usual model and its own thresholds.
    """

    facts: Mapping[str, Any]
    go: Callable[[str], None]
    sign: Callable[[str], None]
    usual: Callable[[str], None]


def viewer(
    panes: Sequence[Pane],
    *,
    key: str,
    height: int,
    visible: Mapping[str, bool],
    palette: Palette = FIGURE_3,
    more: Mapping[str, LayerStyle] = MappingProxyType({}),
    focus: tuple[float, float, float] | None = None,
    selected: int | None = None,
    selected_pane: str | None = None,
    hanging: Hanging | None = None,
    reading: Reading | None = None,
    page_keys: Sequence[str] = (),
) -> ViewerEvent:
    """Show images side by side, moving together.

    height: of the whole viewer, screen pixels; of a study that is read, the least.
    visible: per layer, whether it is shown at first; a person's own switches hold until this changes. Layers that are
        not named are shown; probability maps ("map_mc", "map_bac", "map_breast") are not.
    palette: of truth and findings. more: by name, layers beside these, or another look of one of them; they are
        listed in this order.
    focus: (x, y, zoom) in pixel coordinates and screen pixels per image pixel; obeyed when it changes.
    selected: number of the finding to mark; brought into view when it changes, unless it was clicked in the viewer.
    selected_pane: the pane `selected` and `focus` belong to; by default the first that has such a finding.
    hanging: hang the panes in a grid instead of side by side.
    reading: a reader decides in the viewer; a click on a finding then stays there.
    page_keys: keys (lower case, or as the browser calls them: "Enter") that are the page's own, also while the viewer
        has the focus. Where there are some, the page is played by keys: a new image takes the focus.
    """
    if not panes:
        raise ValueError("The viewer needs at least one pane.")
    if len({pane.id for pane in panes}) != len(panes):
        raise ValueError(f"Panes need different ids, not {[pane.id for pane in panes]}.")
    data = {
        "bundle": f"mtunet/assets/{bundle()}",
        "key": key,
        "height": height,
        "layers": _layers(panes, palette, more),
        "panes": [_facts(pane) for pane in panes],
        "visible": dict.fromkeys(MAP_LABELS, False) | {name: bool(shown) for name, shown in visible.items()},
        "focus": None if focus is None else [float(v) for v in focus],
        "selected": selected,
        "selectedPane": selected_pane,
        "hanging": None if hanging is None else _grid(hanging),
        "pageKeys": list(page_keys),
        "keys": for_browser(reading=reading is not None),
        "desk": None if reading is None else dict(reading.facts),
    }
    mounted = component("load_viewer", _ROOT)
    if reading is not None:
        told = {"go": reading.go, "sign": reading.sign, "usual": reading.usual, "redraw": lambda _: None}
        mounted(key=key, data=data, **{f"on_{name}_change": _telling(key, name, act) for name, act in told.items()})
        return ViewerEvent()
    state = mounted(key=key, data=data, on_selected_change=lambda: None)
    if clicked := state.get("selected"):
        return ViewerEvent(int(clicked["number"]), str(clicked["pane"]))
    return ViewerEvent()


_ROOT = f'<div class="mtunet-viewer" data-state="loading" data-notice="{NOT_FOR_CLINICAL_USE}"></div>'
"""In full screen nothing of the page is left to say the notice, so the viewer does."""


def _telling(key: str, name: str, act: Callable[[str], None]) -> Callable[[], None]:
    """Before the page runs again, what the browser said under this name is obeyed."""
    return lambda: act(str(st.session_state[key][name] or ""))


def mirrored(pane: Pane, points: Points) -> list[tuple[float, float]]:
    """Points of a flipped pane as they are shown, or back."""
    return [(pane.columns - 1 - x, y) for x, y in points]


def outlines(findings: Sequence[Finding]) -> dict[str, list[Outline]]:
    """Findings as contours of the layers "mc" and "bac", numbered, each with what the pointer shows."""
    layers: dict[str, list[Outline]] = {kind.value: [] for kind in Calcification}
    for finding in findings:
        layers[finding.type.value].append(Outline(finding.contour, finding.number, _note(finding)))
    return layers


def known_layers(
    masks: Mapping[Calcification, npt.NDArray[np.bool_]], benign: npt.NDArray[np.bool_] | None, source: str
) -> dict[str, list[Outline]]:
    """What is known of a view, as layers "truth_mc", "truth_bac" and, where benign calcium is known, "benign".
    Masks: (rows, columns) bool on the file's grid."""
    layers = {
        f"truth_{kind.value}": [Outline(points, note=f"Known: {source}") for points in contours(mask)]
        for kind, mask in masks.items()
    }
    if benign is not None:
        layers["benign"] = [Outline(points, note="Known: benign") for points in contours(benign)]
    return layers


def simplified(points: Points) -> list[float]:
    """[x0, y0, x1, y1, …] rounded to tenths of a pixel, straying ≤ SIMPLIFY pixels and ≤ a twentieth of its size."""
    ring = np.asarray(points, np.float32).reshape(-1, 1, 2)
    if len(ring) > 4:
        size = float(np.ptp(ring, axis=0).max())
        ring = cv2.approxPolyDP(ring, min(SIMPLIFY, size / 20), True)
    return [round(float(v), 1) for v in ring.ravel()]


def _layers(panes: Sequence[Pane], palette: Palette, more: Mapping[str, LayerStyle]) -> list[dict[str, Any]]:
    styles = {name: LayerStyle(stroke.hex, bool(stroke.dash), LAYERS[name]) for name, stroke in palette.items()}
    styles.update(more)
    used = {name for pane in panes for name in pane.contours}
    if unknown := used - set(styles):
        raise ValueError(f"The palette has no line for {sorted(unknown)}.")
    lines = [_line(name, style) for name, style in styles.items() if name in used]
    mapped = {f"map_{kind}" for pane in panes for kind in pane.maps}
    maps = [
        {"name": name, "label": label, "kind": "map", "colour": MAP_COLOURS[name], "dashed": False, "width": 0}
        for name, label in MAP_LABELS.items()
        if name in mapped
    ]
    return lines + maps


def _line(name: str, style: LayerStyle) -> dict[str, Any]:
    # Truth is drawn beneath and wider, so that both show where they agree.
    truth = name.startswith("truth_")
    line = {"name": name, "label": style.label, "kind": "contour", "truth": truth}
    return line | {"colour": style.colour, "dashed": style.dashed, "width": 4.4 if truth else 1.7}


def _facts(pane: Pane) -> dict[str, Any]:
    query = "?flip=1" if pane.flipped else ""
    return {
        "id": pane.id,
        "title": pane.title,
        "marker": pane.marker,
        "sha256": pane.sha256,
        "columns": pane.columns,
        "rows": pane.rows,
        "spacing": None if pane.spacing_mm is None else [float(v) for v in pane.spacing_mm],
        "image": f"mtunet/image/{pane.sha256}{query}",
        "maps": {f"map_{k}": f"mtunet/map/{pane.sha256}/{folder}/{k}{query}" for k, folder in pane.maps.items()},
        "contours": {
            name: [_contour(outline, pane) for outline in outlines] for name, outlines in pane.contours.items()
        },
        "help": HELP,
        "wall": pane.wall,
        "breast": _seen(pane),
        "slot": list(pane.slot),
        "place": list(pane.place),
        "prior": pane.prior,
        "flipped": pane.flipped,
        "windows": [list(window) for window in pane.windows],
    }


def _seen(pane: Pane) -> list[float] | None:
    """The box of the breast as it is shown."""
    if pane.breast is None:
        return None
    left, top, right, bottom = pane.breast
    return [pane.columns - right, top, pane.columns - left, bottom] if pane.flipped else [left, top, right, bottom]


def _grid(hanging: Hanging) -> dict[str, Any]:
    empty = [{"slot": list(slot), "words": words} for slot, words in hanging.empty.items()]
    return {"rows": hanging.rows, "columns": hanging.columns, "empty": empty, "alone": hanging.alone}


def _contour(outline: Outline | Points, pane: Pane) -> list[Any]:
    """[[x0, y0, …], number, note]: as short as JSON allows, there may be thousands."""
    known = outline if isinstance(outline, Outline) else Outline(outline)
    shown = mirrored(pane, known.points) if pane.flipped else known.points
    return [simplified(shown), known.number, known.note]


def _note(finding: Finding) -> str:
    parts = [f"probability {finding.probability:.2f}"]
    parts.append(f"{finding.area_px} pixels" if finding.area_mm2 is None else f"{finding.area_mm2:.2f} mm²")
    if finding.length_mm is not None:
        parts.append(f"{finding.length_mm:.1f} mm long")
    if finding.specks:
        parts.append(f"{finding.specks} specks" if finding.specks > 1 else "1 speck")
    parts += [words] if (words := networks_words(finding)) else []
    return f"{TYPE_WORDS[finding.type]}\n{', '.join(parts)}"
