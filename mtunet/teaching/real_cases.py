"""Real mammograms that the quiz may ask: views that ship with the app, and those of a folder that the user names.

    FOLDER/cases.csv    one row a finding; rows of one file are one case. Columns, in any order:
      file            the image (DICOM, PNG, JPEG, TIFF), below FOLDER
      morphology      BI-RADS words, several with "-" between, as in CBIS-DDSM (PUNCTATE-PLEOMORPHIC, VASCULAR)
      distribution    CLUSTERED, SEGMENTAL, ...; may be empty
      assessment      BI-RADS 0 to 6, 4A to 4C; may be empty
      pathology       any words, shown after the answer; may be empty
      calcium         mc, bac, both or neither, where all of the view is known; may be missing
      subtlety        1 (subtle) to 5 (obvious); may be missing
      mc_mask, bac_mask   pictures of the image's size, not black where the calcium lies; may be missing. Those of all
                          rows of a file count together
      source          whom to credit, and the licence; may be missing

What a row does not say is not scored: without `calcium`, MC that are described are there, and of BAC nothing is known.
The folder is only read. `python -m mtunet.teaching own FOLDER` checks it and has the quiz ask it from then on.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mtunet.case import Calcification
from mtunet.files import write_whole
from mtunet.phantom.samples import CBIS_SOURCE, SAMPLES, sample_bytes
from mtunet.phantom.spec import BoolArray
from mtunet.store.filing import data_folder
from mtunet.teaching.contents import BOTH_TYPES, Answer
from mtunet.teaching.describing import (
    BENIGN_SHAPES,
    CATEGORIES,
    LAYOUTS,
    MC_SHAPES,
    RECALLS,
    Asked,
    category_of,
)

TABLE: Final = "cases.csv"
NEEDED: Final = ("file", "morphology")
NAMED: Final = "quiz-folder.json"
"""In the data folder: which folder the quiz asks."""


class BadRow(ValueError):
    """A row that is no case. `str()` is the sentence for the person."""


@dataclass(frozen=True)
class RealCase:
    """One view. shapes, layouts: what its radiologists described, by the quiz's words. assessment: BI-RADS digit or "".

    answer: what is in it of the `known` types; of the others nothing is known. sample: key of one that ships; path: of
    the user's own. masks: where known calcium lies, a picture per finding.
    """

    id: str
    answer: Answer
    known: frozenset[Calcification]
    shapes: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    assessment: str = ""
    pathology: str = ""
    level: str = "medium"
    credit: str = ""
    sample: str = ""
    path: Path | None = None
    masks: Mapping[Calcification, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def places_asked(self) -> bool:
        """Of every one of the user's own, so that it says nothing of what is in it."""
        return self.path is not None

    @property
    def file(self) -> str:
        return self.path.name if self.path else next(sample.file for sample in SAMPLES if sample.key == self.sample)

    def read(self) -> bytes:
        """The file as it is. Raises OSError."""
        return self.path.read_bytes() if self.path else sample_bytes(next(s for s in SAMPLES if s.key == self.sample))

    def read_masks(self, shape: tuple[int, int]) -> dict[Calcification, BoolArray]:
        """(rows, columns) bool of each type of which it is known where it lies, empty of one that is known to be
        absent.

        Raises BadRow where a mask is no picture of this shape.
        """
        absent = self.known - self.answer.types
        return {
            kind: _mask(self.masks.get(kind, ()), shape) for kind in Calcification if kind in absent | set(self.masks)
        }

    @property
    def why(self) -> str:
        """One sentence."""
        words = " and ".join(_plain(word) for word in (*self.shapes, *self.layouts))
        told = [f"described as {words}" if words else "", f"BI-RADS {self.assessment}" if self.assessment else ""]
        description = "; ".join(part for part in (*told, self.pathology) if part)
        if not self.known:
            return (
                "Of calcium in this view its source says nothing that could be scored"
                f"{f' ({description})' if description else ''}."
            )
        named = {Answer.NEITHER: "Neither", Answer.BOTH: "Both"}.get(self.answer, self.answer.name)
        return f"{named}, as its radiologists say{f': {description}' if description else ''}."


def real_questions(case: RealCase) -> tuple[Asked, ...]:
    """Those that its row answers in one way. A category is asked where what is described does not speak for another."""
    asked: list[Asked] = []
    reason = "So its radiologists described it."
    if Calcification.ARTERIAL in case.answer.types:  # then a row's words may be of the arteries
        return ()
    options = MC_SHAPES if set(case.shapes) <= set(MC_SHAPES) else BENIGN_SHAPES
    if len(case.shapes) == 1:
        asked.append(Asked("shape", options, case.shapes[0], reason))
    if len(case.layouts) == 1 and case.shapes:
        asked.append(Asked("layout", LAYOUTS, case.layouts[0], reason))
    category = {"2": "2", "3": "3", "4": "4", "5": "4"}.get(case.assessment, "")
    described = category_of(case.shapes[0], case.layouts[0]) if len(case.shapes) == len(case.layouts) == 1 else ""
    if case.shapes and category and described in ("", category):  # without shapes it may be of a mass
        why = f"Its radiologists gave BI-RADS {case.assessment}{f'; {case.pathology}' if case.pathology else ''}."
        asked.append(Asked("recall", RECALLS, "no" if category == "2" else "yes", why))
        asked.append(Asked("category", CATEGORIES, category, why))
    return tuple(asked)


_SHAPES: Final[Mapping[str, str]] = {
    **{name: name for name in (*MC_SHAPES, *BENIGN_SHAPES)},
    "fine_pleomorphic": "pleomorphic",
    "fine_linear_branching": "fine_linear",
    "fine_linear_or_branching": "fine_linear",
    "coarse": "popcorn",
    "large_rodlike": "rod",
    "large_rod_like": "rod",
    "round_and_regular": "round",
    "eggshell": "rim",
    "lucent_center": "rim",
    "lucent_centered": "rim",
    "layering": "milk_of_calcium",
}
"""BI-RADS words, of its 4th edition too (CBIS-DDSM's), by the quiz's."""
_LAYOUTS: Final[Mapping[str, str]] = {
    **{name: name for name in LAYOUTS},
    "grouped": "clustered",
    "diffusely_scattered": "diffuse",
}
_NOTHING: Final = ("", "na", "n/a", "none")


def own_cases() -> tuple[RealCase, ...]:
    """Of the folder that the user has named, those that were read when it was; () without one."""
    folder, asked = _named()
    return tuple(case for case in read_folder(folder)[0] if case.id in asked) if folder else ()


def own_problems() -> tuple[str, ...]:
    """A sentence for every row of the named folder, or the folder, that cannot be asked."""
    folder, _ = _named()
    return read_folder(folder)[1] if folder else ()


def name_folder(folder: Path | None, asked: Sequence[RealCase] = ()) -> None:
    """Have the quiz ask these of this folder from now on; None: no folder any more. Raises OSError."""
    record = {"folder": str(folder.resolve()), "asked": [case.id for case in asked]} if folder else {}
    (data := data_folder()).mkdir(parents=True, exist_ok=True)
    write_whole(data / NAMED, f"{json.dumps(record)}\n".encode())


def _named() -> tuple[Path | None, frozenset[str]]:
    try:
        record = json.loads((data_folder() / NAMED).read_text(encoding="utf-8"))
        return Path(record["folder"]), frozenset(record["asked"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, frozenset()


def read_folder(folder: Path) -> tuple[tuple[RealCase, ...], tuple[str, ...]]:
    """Cases by its table, and a sentence for each row that is none. No image is opened."""
    try:
        return _read(folder.resolve(), (folder / TABLE).stat().st_mtime_ns)
    except OSError:
        return (), (f"There is no {TABLE} in {folder}: `mtunet teaching own --help` says what it holds.",)


@cache
def _read(folder: Path, _when: int, /) -> tuple[tuple[RealCase, ...], tuple[str, ...]]:
    text = io.StringIO((folder / TABLE).read_bytes().decode("utf-8-sig", errors="replace"), newline=None)
    first = text.readline()
    text.seek(0)
    try:
        rows = list(csv.DictReader(text, delimiter=";" if first.count(";") > first.count(",") else ","))
    except csv.Error as problem:
        return (), (f"{TABLE} is no table that can be read: {problem}.",)
    rows = [{_key(name): (value or "").strip() for name, value in row.items() if name} for row in rows]
    lacking = [name for name in NEEDED if rows and name not in rows[0]]
    if lacking or not rows:
        return (), (f"{TABLE} has no {f'column {lacking[0]}' if lacking else 'rows'}.",)
    by_file: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for number, row in enumerate(rows, 2):
        by_file.setdefault(row["file"], []).append((number, row))
    made: list[RealCase] = []
    refused: list[str] = []
    for same in by_file.values():
        try:
            made.append(_case(folder, [row for _, row in same]))
        except BadRow as problem:
            refused.append(f"{TABLE}, line {same[0][0]}: {problem}")
    return tuple(made), tuple(refused)


def _case(folder: Path, rows: list[dict[str, str]]) -> RealCase:
    path = _below(folder, rows[0]["file"], "file")
    words = [word for row in rows for word in _words(row["morphology"])]
    shapes = tuple(dict.fromkeys(_meaning(word, _SHAPES, "morphology") for word in words if word != "vascular"))
    layouts = tuple(
        dict.fromkeys(
            _meaning(word, _LAYOUTS, "distribution") for row in rows for word in _words(row.get("distribution", ""))
        )
    )
    named = {kind: dict.fromkeys(row.get(f"{kind.value}_mask", "") for row in rows) for kind in Calcification}
    masks = {
        kind: tuple(_below(folder, file, f"{kind.value}_mask") for file in files if file)
        for kind, files in named.items()
        if any(files)
    }
    there = set(masks)
    there |= {Calcification.MICRO} if set(shapes) & set(MC_SHAPES) else set()
    there |= {Calcification.ARTERIAL} if "vascular" in words else set()
    calcium = {row.get("calcium", "").lower() for row in rows} - {""}
    answer, known = Answer.of(frozenset(there)), frozenset(there)
    if calcium:
        if len(calcium) > 1 or not calcium <= set(Answer):
            raise BadRow(f"calcium is {', '.join(sorted(calcium))}; possible is one of {', '.join(Answer)}.")
        answer, known = Answer(calcium.pop()), BOTH_TYPES
        if not there <= answer.types:
            raise BadRow(f"calcium is {answer.value}, but morphology or masks say otherwise.")
    digits = {_digit(row.get("assessment", "")) for row in rows} - {""}
    return RealCase(
        id=_id(path, known),
        answer=answer,
        known=known,
        shapes=shapes,
        layouts=layouts,
        assessment=digits.pop() if len(digits) == 1 else "",
        pathology="; ".join(dict.fromkeys(filter(None, (_read_out(row.get("pathology", "")) for row in rows)))),
        level=_level(rows[0].get("subtlety", "")),
        credit=rows[0].get("source", "")[:200],
        path=path,
        masks=masks,
    )


def _id(path: Path, known: frozenset[Calcification]) -> str:
    """The same for the same file; says what is known, so that answers stay what they were without the folder."""
    told = "".join(kind.value for kind in Calcification if kind in known) or "nothing"
    return f"own/{hashlib.sha256(str(path).encode()).hexdigest()[:12]}-{told}"


def known_of(id_: str) -> frozenset[Calcification]:
    """What is known of the case of an answer, by its id."""
    if id_.startswith("own/"):
        told = id_.rpartition("-")[2]
        return frozenset(kind for kind in Calcification if kind.value in told)
    return next((case.known for case in REAL_CASES if case.id == id_), BOTH_TYPES)


def _below(folder: Path, name: str, column: str) -> Path:
    path = (folder / name).resolve()
    if not name or not path.is_relative_to(folder.resolve()):
        raise BadRow(f"{column} names no file below the folder ({name[:60]!r}).")
    if not path.is_file():
        raise BadRow(f"{name[:60]} is not in the folder.")
    return path


def _meaning(word: str, words: Mapping[str, str], column: str) -> str:
    if word not in words:
        raise BadRow(f"{column} {word!r} is not known; possible are {', '.join(sorted(words))}.")
    return words[word]


def _words(text: str) -> Iterator[str]:
    for part in text.replace("/", "-").split("-") if text.lower() not in _NOTHING else ():
        yield _key(part)


def _key(text: str) -> str:
    return text.strip().lower().replace(" ", "_")


def _digit(category: str) -> str:
    if category and not (category[0] in "0123456" and category[1:].upper() in ("", "A", "B", "C", ".0")):
        raise BadRow(f"assessment {category[:20]!r} is no BI-RADS category (0 to 6, 4A to 4C).")
    return category[:1]


def _level(subtlety: str) -> str:
    if subtlety not in ("", "0", "1", "2", "3", "4", "5"):
        raise BadRow(f"subtlety {subtlety[:20]!r} is no number from 1 to 5.")
    return "hard" if subtlety in ("1", "2") else "easy" if subtlety in ("4", "5") else "medium"


def _read_out(text: str) -> str:
    """ "BENIGN_WITHOUT_CALLBACK" as it is read."""
    return text[:80].lower().replace("_", " ")


def _mask(paths: Sequence[Path], shape: tuple[int, int]) -> BoolArray:
    """Of all of them together."""
    whole = np.zeros(shape, np.bool_)
    for path in paths:
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != shape:
            size = "no picture" if mask is None else f"{mask.shape[1]} × {mask.shape[0]} pixels"
            raise BadRow(f"The mask {path.name} is {size}; the image has {shape[1]} × {shape[0]}.")
        whole |= mask > 0
    return whole


def _plain(word: str) -> str:
    return {**MC_SHAPES, **BENIGN_SHAPES, **LAYOUTS}[word].lower()


def _shipped(sample: str, **row: object) -> RealCase:
    fields = {"answer": Answer.NEITHER, "known": frozenset(), **row}
    return RealCase(id=f"real/{sample}", sample=sample, credit=CBIS_SOURCE, **fields)  # type: ignore[arg-type]


REAL_CASES: Final[tuple[RealCase, ...]] = (
    _shipped(
        "calc-p00377-left-cc",
        answer=Answer.MC,
        known=frozenset({Calcification.MICRO}),
        shapes=("pleomorphic",),
        layouts=("clustered",),
        assessment="4",
        pathology="benign on biopsy",
        level="easy",
    ),
    _shipped(
        "calc-p00373-left-mlo",
        answer=Answer.MC,
        known=frozenset({Calcification.MICRO}),
        shapes=("punctate",),
        layouts=("clustered",),
        assessment="4",
        pathology="benign on biopsy",
    ),
    *map(_shipped, ("mass-p00001-left-cc", "mass-p00001-left-mlo", "mass-p00092-left-cc", "mass-p00264-left-mlo")),
)
"""What ships of CBIS-DDSM, by calc_case_description_train_set.csv (P_00377, left CC, abnormalities 1 and 2; P_00373,
left MLO). Its masks do not ship, so no place is asked. Arterial calcification is not marked throughout that data set,
so an answer about BAC is neither right nor wrong. Of the four views of its mass set it says nothing of calcium: they
are shown so that "a real film" does not say "MC", and are not scored."""
