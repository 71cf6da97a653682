"""Anybody's images and masks: `images/NAME.png` with `masks/mc/NAME.png`, `masks/bac/NAME.png`, or a CSV manifest.

A mask that is not there means *unknown*. "Known absent" is said by an all-black mask, or by has_mc=0 or has_bac=0 in
the manifest. `manifest.csv` has the column `image` and any of: mc_mask, bac_mask, has_mc, has_bac, patient_id, view,
side, pixel_mm, density, split. Its paths are relative to it. split is train, validation (or val) or test; where no row
is in validation, patients are drawn from train for it, and where a row says nothing, its patient is drawn for a part.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtunet.case import Calcification, Laterality, Mammogram, UnreadableImage, View
from mtunet.imaging import reading
from training.data.labelled import (
    DataSetMissing,
    Known,
    LabelledView,
    Mask,
    Say,
    Spacing,
    Unusable,
    parts,
    sample_of,
)
from training.data.masks import align, read_mask

MANIFEST: Final = "manifest.csv"
ENDINGS: Final = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".pgm", ".bmp", ".dcm")
TRUTH: Final = "masks given with the images"
COLUMNS: Final = frozenset(
    {"image", "mc_mask", "bac_mask", "has_mc", "has_bac", "patient_id", "view", "side", "pixel_mm", "density", "split"}
)
YES_NO: Final = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False, "": None}
SPLITS: Final = {"train": "train", "validation": "validation", "val": "validation", "test": "test", "": ""}
_CBIS_PATIENT: Final = re.compile(r"P_\d{5}")
_VIEW_WORDS: Final = re.compile(
    r"(?<![a-z])(?:(l|r|left|right)?[\s_-]*(cc|mlo|ml|lm|xccl)|(left|right|l|r))(?![a-z])", re.IGNORECASE
)
_LAYOUT: Final = (
    "images/NAME.png (or .tif, .jpg, .pgm, .dcm) with masks/mc/NAME.png and masks/bac/NAME.png, "
    "or manifest.csv with a column named image"
)


@dataclass(frozen=True)
class ManifestRow:
    """One image and what is said of it.

    masks: per type the file that was named or found. has: per type what the manifest says, None when nothing.
    patient: who the image is grouped with; guessed: from the file's name, because nobody says it.
    """

    name: str
    image: Path
    masks: Mapping[Calcification, Path]
    has: Mapping[Calcification, bool | None]
    patient: str
    guessed: bool
    pixel_mm: float | None = None
    laterality: Laterality | None = None
    view: View | None = None
    density: str = ""
    split: str = ""


def card(root: Path) -> str:
    """What is under `root`; raises DataSetMissing. Opens the manifest only."""
    entries, notes = _entries(root)
    lines = [
        f"images: {len(entries)} of {len({entry.patient for entry in entries})} patients",
        *(_type_line(entries, kind) for kind in Calcification),
        _parts_line(entries),
    ]
    guessed = sum(entry.guessed for entry in entries)
    if guessed:
        lines.append(
            f"Patients of {guessed} images are guessed from their names. If a woman's views are named differently, "
            "give patient_id in manifest.csv: else she is in training and in test at once."
        )
    gone = [
        entry for entry in entries if not entry.image.is_file() or not all(m.is_file() for m in entry.masks.values())
    ]
    if gone:
        lines.append(f"Incomplete: {len(gone)} entries name a file that is not there, {gone[0].name} first.")
    return "\n".join([*lines, *notes])


def samples(root: Path, say: Say) -> Iterator[LabelledView]:
    """Every image with a known type; sentences on the others go to `say`."""
    entries, notes = _entries(root)
    for note in notes:
        say(note)
    divided = any(entry.split == "validation" for entry in entries)
    for entry in entries:
        try:
            view = replace(_view(entry), divided=divided)
        except (UnreadableImage, Unusable) as problem:
            say(f"{entry.name} is left out: {problem}")
        else:
            if view.sample.masks:
                yield view
            else:
                say(f"{entry.name} is left out: neither type's pixels are known.")


def patient_in(name: str) -> str:
    """Whose image it is by its name: CBIS-DDSM's patient, else the name without words for side and view."""
    cbis = _CBIS_PATIENT.search(name)
    if cbis:
        return f"cbis-{cbis[0]}"
    return re.sub(r"[\s_-]+", "-", _VIEW_WORDS.sub(" ", name)).strip("- ").lower() or name.lower()


def _entries(root: Path) -> tuple[list[ManifestRow], list[str]]:
    """All entries, and sentences on what beside them was not understood."""
    manifest = root / MANIFEST
    if manifest.is_file():
        return _listed(manifest), []
    images = _pictures(root / "images")
    if not images:
        raise DataSetMissing(f"Expected {_LAYOUT} under {root}, found {_what_is_in(root)}.")
    masks = {kind: _pictures(root / "masks" / kind.value) for kind in Calcification}
    if not any(masks.values()):
        raise DataSetMissing(f"Expected {_LAYOUT} under {root}, found {len(images)} images but no mask.")
    entries = []
    used: set[Path] = set()
    for name, image in images.items():
        own = {
            kind: pictures[stem]
            for kind, pictures in masks.items()
            for stem in (f"{name}_mask", f"{name}_{kind.value}", name)
            if stem in pictures
        }
        used |= set(own.values())
        entries.append(ManifestRow(name, image, own, dict.fromkeys(Calcification), patient_in(name), guessed=True))
    spare = [path.name for pictures in masks.values() for path in pictures.values() if path not in used]
    notes = [f"{len(spare)} masks belong to no image, {spare[0]} first."] if spare else []
    return entries, notes


def _pictures(folder: Path) -> dict[str, Path]:
    """Stem → file; raises DataSetMissing when two files share a stem, because a mask could be either's."""
    pictures: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() in ENDINGS and path.is_file():
            if path.stem in pictures:
                raise DataSetMissing(
                    f"Expected one file per name in {folder}, found {pictures[path.stem].name} and {path.name}. "
                    "Rename one of them."
                )
            pictures[path.stem] = path
    return pictures


def _what_is_in(root: Path) -> str:
    if not root.is_dir():
        return "no such folder"
    names = sorted(path.name for path in root.iterdir())
    return f"{', '.join(names[:5])}{' and more' if len(names) > 5 else ''}" if names else "an empty folder"


def _listed(manifest: Path) -> list[ManifestRow]:
    table = csv.DictReader(io.StringIO(_text(manifest), newline=""))
    header = [name.strip().lower() for name in table.fieldnames or ()]
    for mark, marks in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            raise DataSetMissing(
                f"Expected commas between the columns of {manifest}, found {marks} in row 1. Save it with commas, and "
                "numbers with a decimal point."
            )
    strange = [name for name in header if name not in COLUMNS]
    if "image" not in header or strange:
        raise DataSetMissing(
            f"Expected the column image and any of {', '.join(sorted(COLUMNS - {'image'}))} in {manifest}, "
            f"found: {', '.join(header) or 'nothing'}. Rename or remove {', '.join(strange) or 'nothing'}."
        )
    table.fieldnames = header
    entries = []
    for number, row in enumerate(table, start=2):
        if any(beyond := row.pop(None, [])):  # where `csv` puts cells without a column
            raise DataSetMissing(
                f"Expected in row {number} of {manifest} a cell for each of {len(header)} columns, found "
                f"{len(header) + len(beyond)}. Write numbers with a decimal point, and quote a cell that holds a comma."
            )
        entries.append(_entry({key: (cell or "").strip() for key, cell in row.items()}, manifest, number))
    twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
    if twice or not entries:
        fault = f"{twice[0]} in several" if twice else "none"
        raise DataSetMissing(f"Expected one row per image in {manifest}, found {fault}.")
    return entries


def _text(manifest: Path) -> str:
    data = manifest.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        row = data.count(b"\n", 0, problem.start) + 1
        raise DataSetMissing(
            f'Expected {manifest} in UTF-8, found another encoding in row {row}. Save it as "CSV UTF-8", as Excel '
            "calls it."
        ) from None


def _entry(cells: Mapping[str, str], manifest: Path, number: int) -> ManifestRow:
    read = partial(_understood, cells, f"row {number} of {manifest}")
    image = read("image", _named)
    patient = cells.get("patient_id", "")
    return ManifestRow(
        name=Path(image).with_suffix("").as_posix(),
        image=manifest.parent / image,
        masks={
            kind: manifest.parent / cells[f"{kind.value}_mask"]
            for kind in Calcification
            if cells.get(f"{kind.value}_mask")
        },
        has={kind: read(f"has_{kind.value}", lambda cell: YES_NO[cell.lower()]) for kind in Calcification},
        patient=patient or patient_in(Path(image).stem),
        guessed=not patient,
        pixel_mm=read("pixel_mm", _millimetres),
        laterality=read("side", lambda cell: Laterality(cell[0].upper()) if cell else None),
        view=read("view", lambda cell: View(cell.upper()) if cell else None),
        density=cells.get("density", ""),
        split=read("split", lambda cell: SPLITS[cell.lower()]),
    )


def _understood(cells: Mapping[str, str], row: str, column: str, understand: Callable[[str], Any]) -> Any:
    try:
        return understand(cells.get(column, ""))
    except (ValueError, KeyError):
        raise DataSetMissing(
            f"Expected in {row} an image, has_mc and has_bac as 0 or 1, pixel_mm in millimetres, side L or R, a view "
            f"such as CC, and split train, validation or test, found {column} {cells.get(column, '')!r}."
            + " Write a decimal point, not a comma."
            * (column == "pixel_mm" and "," in cells["pixel_mm"])
        ) from None


def _named(cell: str) -> str:
    if not cell:
        raise ValueError
    return cell


def _millimetres(cell: str) -> float | None:
    value = float(cell) if cell else None
    if value is not None and not 0 < value < 10:
        raise ValueError
    return value


def _type_line(entries: list[ManifestRow], kind: Calcification) -> str:
    masks = sum(kind in entry.masks for entry in entries)
    absent = sum(entry.has[kind] is False and kind not in entry.masks for entry in entries)
    somewhere = sum(entry.has[kind] is True and kind not in entry.masks for entry in entries)
    return (
        f"{kind.value}: {masks} with a mask, {absent} known absent, {somewhere} present without a mask, "
        f"{len(entries) - masks - absent - somewhere} unknown (not absent: an all-black mask or "
        f"has_{kind.value}=0 says that)"
    )


def _parts_line(entries: list[ManifestRow]) -> str:
    counts = Counter(entry.split for entry in entries)
    named = ", ".join(f"{counts[part]} in {part}" for part in ("train", "validation", "test"))
    return f"parts: {named}, {counts['']} whose patients are drawn for one"


def _view(entry: ManifestRow) -> LabelledView:
    if not entry.image.is_file():
        raise Unusable(f"expected its image at {entry.image}, found none")
    mammogram = reading.read(entry.image.read_bytes(), entry.image.name)
    notes: list[str] = []
    known: dict[Calcification, Known] = {}
    masks: dict[Calcification, Mask] = {}
    for kind in Calcification:
        known[kind], mask = _label(entry, kind, mammogram, notes)
        if mask is not None:
            masks[kind] = mask
    spacing: Spacing = "manifest" if entry.pixel_mm else "file" if mammogram.spacing_mm else "assumed"
    return LabelledView(
        sample=sample_of(mammogram, entry.name, entry.patient, masks, known, entry.pixel_mm),
        known=known,
        lesions={kind: parts(mask, kind) for kind, mask in masks.items()},
        truth=TRUTH,
        spacing=spacing,
        laterality=entry.laterality or mammogram.laterality,
        view=entry.view or mammogram.view,
        density=entry.density,
        split=entry.split,
        notes=tuple(notes),
    )


def _label(
    entry: ManifestRow, kind: Calcification, mammogram: Mammogram, notes: list[str]
) -> tuple[Known, Mask | None]:
    """What is known of one type, and its mask on the image's grid; raises Unusable when mask and manifest disagree."""
    has = entry.has[kind]
    if kind not in entry.masks:
        nothing = np.zeros(mammogram.shape, bool)
        return {True: (Known.PRESENT, None), False: (Known.ABSENT, nothing), None: (Known.UNKNOWN, None)}[has]
    mask = read_mask(entry.masks[kind])
    if has is not None and has != mask.any():
        raise Unusable(f"has_{kind.value} is {int(has)}, but its mask shows {'some' if mask.any() else 'nothing'}")
    aligned = align(mask, mammogram.pixels, None)
    if not aligned.sure:
        sizes = " against ".join(f"{rows}×{columns}" for rows, columns in (mask.shape, mammogram.shape))
        raise Unusable(f"expected its {kind.value} mask in the image's size or resized evenly, found {sizes}")
    if aligned.note:
        notes.append(f"{kind.value}: {aligned.note}")
    return (Known.MASK if aligned.mask.any() else Known.ABSENT), aligned.mask
