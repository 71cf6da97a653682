"""mini-MIAS: 322 films with circles round clusters of calcifications. For evaluation of detection only.

Facts (the data set's own `Info.txt`): 1024×1024 pixels of 0.2 mm; columns REFNUM, BACKGROUND, CLASS, SEVERITY, X, Y,
RADIUS; the origin is the *bottom-left* corner; a circle encloses a cluster, not a speck; films 2n-1 and 2n are one
woman's right and left breast; three CALC rows have no circle because calcifications are everywhere.
Two slips of the table are known: those three rows say "NOTE 3" but mean its note 4, and mdb059 has neither circle
nor note.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mtunet.case import Box, Calcification, Laterality, UnreadableImage, View
from mtunet.imaging import reading
from training.data.labelled import DataSetMissing, Known, LabelledView, Lesion, Say, Unusable, sample_of

SIDE: Final = 1024
SPACING_MM: Final = 0.2
FILMS: Final = 322
TRUTH: Final = "circles round clusters (mini-MIAS)"
DENSITY: Final = {"F": "fatty", "G": "fatty-glandular", "D": "dense-glandular"}
_ENDINGS: Final = (".pgm", ".png", ".tif", ".tiff", ".bmp", ".jpg")
_GET: Final = (
    "Get it at http://peipa.essex.ac.uk/info/mias.html (Suckling et al. 1994); its licence allows research only."
)


@dataclass(frozen=True)
class MiasRow:
    """One row: a class, and its circle (x, y, radius) in pixels from the bottom left, or None."""

    kind: str
    circle: tuple[int, int, int] | None


@dataclass(frozen=True)
class MiasFilm:
    name: str
    tissue: str
    findings: tuple[MiasRow, ...]

    @property
    def number(self) -> int:
        return int(self.name[3:])


def card(root: Path) -> str:
    """What of mini-MIAS is under `root`; raises DataSetMissing."""
    films, files = _films(root), _files(root)
    calcified = [film for film in films if _known(film) in (Known.LESIONS, Known.PRESENT)]
    circles = sum(len(_circles(film)) for film in films)
    nowhere = [film.name for film in calcified if _known(film) is Known.PRESENT]
    there = [film for film in films if film.name in files]
    of_them = [film for film in calcified if film.name in files]
    lines = [
        f"films in Info.txt: {len(films)}" + (f" (the published table has {FILMS})" if len(films) != FILMS else ""),
        f"with calcifications: {len(calcified)} films, {circles} circles",
        f"without a circle because they are everywhere: {', '.join(nowhere) or 'none'}",
        f"normal, so known to have no MC: {sum(_known(film) is Known.ABSENT for film in films)}",
        "BAC: unknown in every film",
        f"images found: {len(there)} of {len(films)}, {len(of_them)} of the {len(calcified)} with calcifications",
    ]
    if len(there) < len(films):
        lines.append(f"Incomplete: expected mdbNNN.pgm (or .png) for each film. {_GET}")
    return "\n".join(lines)


def samples(root: Path, say: Say) -> Iterator[LabelledView]:
    """Every film that is there; MC as circles, absent in normal films, else unknown. Sentences go to `say`."""
    films, files = _films(root), _files(root)
    if not files:
        raise DataSetMissing(f"Expected images such as mdb001.pgm under {root}, found none. {_GET}")
    for film in films:
        if film.name not in files:
            continue
        try:
            yield _view(film, files[film.name])
        except (UnreadableImage, Unusable) as problem:
            say(f"{film.name} is left out: {problem}")


def _films(root: Path) -> tuple[MiasFilm, ...]:
    paths = sorted(path for path in root.rglob("*") if path.name.lower() == "info.txt") if root.is_dir() else []
    if not paths:
        raise DataSetMissing(f"Expected mini-MIAS's table Info.txt under {root}, found no file of that name. {_GET}")
    text = paths[0].read_text("latin-1")
    films: dict[str, MiasFilm] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3 or not re.fullmatch(r"mdb\d{3}", words[0]):
            continue
        numbers = [int(word) for word in words[4:7] if word.isdigit()]
        circle = (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None
        before = films.get(words[0], MiasFilm(words[0], words[1], ()))
        films[words[0]] = MiasFilm(words[0], words[1], (*before.findings, MiasRow(words[2], circle)))
    if not films:
        raise DataSetMissing(f"{paths[0]} holds no row such as 'mdb001 G CIRC B 535 425 197'. {_GET}")
    return tuple(films.values())


def _files(root: Path) -> dict[str, Path]:
    paths = [path for ending in _ENDINGS for path in sorted(root.rglob(f"mdb*{ending}"))]
    return {path.stem.lower(): path for path in reversed(paths)}


def _known(film: MiasFilm) -> Known:
    kinds = {finding.kind for finding in film.findings}
    if "CALC" in kinds:
        return Known.LESIONS if all(f.circle for f in film.findings if f.kind == "CALC") else Known.PRESENT
    return Known.ABSENT if kinds == {"NORM"} else Known.UNKNOWN


def _circles(film: MiasFilm) -> list[tuple[int, int, int]]:
    return [f.circle for f in film.findings if f.kind == "CALC" and f.circle]


def _view(film: MiasFilm, path: Path) -> LabelledView:
    mammogram = reading.read(path.read_bytes(), path.name)
    if mammogram.shape != (SIDE, SIDE):
        rows, columns = mammogram.shape
        raise Unusable(f"expected {SIDE}×{SIDE} pixels, on which the circles are given, found {rows}×{columns}")
    mc = _known(film)
    known = {Calcification.MICRO: mc, Calcification.ARTERIAL: Known.UNKNOWN}
    masks = {Calcification.MICRO: np.zeros((SIDE, SIDE), bool)} if mc is Known.ABSENT else {}
    patient = f"mini-mias-{(film.number + 1) // 2:03d}"
    return LabelledView(
        sample=sample_of(mammogram, film.name, patient, masks, known, SPACING_MM),
        known=known,
        lesions={Calcification.MICRO: tuple(disc(circle) for circle in _circles(film))},
        truth=TRUTH,
        spacing="published",
        laterality=Laterality.RIGHT if film.number % 2 else Laterality.LEFT,
        view=View.MLO,
        density=DENSITY.get(film.tissue, ""),
    )


def disc(circle: tuple[int, int, int]) -> Lesion:
    """The lesion of a row's (x, y, radius): rows are counted from the bottom there, from the top in the image."""
    x, y, radius = circle[0], SIDE - circle[1], circle[2]
    box = Box(max(y - radius, 0), max(x - radius, 0), min(y + radius + 1, SIDE), min(x + radius + 1, SIDE))
    rows, columns = np.mgrid[box.top : box.bottom, box.left : box.right]
    return Lesion(Calcification.MICRO, "circle", box, (rows - y) ** 2 + (columns - x) ** 2 <= radius**2)
