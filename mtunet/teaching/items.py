"""The quiz's cases: drawn once, kept with what they hold, so that a round can be chosen without drawing anything.

    pool.jsonl    {"phantom_version"} in the first line, then one case per line: {"spec", "contents"}

Made again with `python -m mtunet.teaching pool`. A case is in it only when exactly one answer is right (`contents`).
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np

from mtunet.case import Calcification, Laterality, View
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec, make_phantom
from mtunet.phantom.cohort import spec_of
from mtunet.phantom.spec import Benign, Density, Distribution, Hard, Look, McType
from mtunet.teaching.contents import BOTH_TYPES, Answer, Contents, contents_of

# A phantom's choices as words in an address, and back: who opens the link sees the same case.

MOST_CLUSTERS: Final = 4
MOST_BENIGN: Final = 6
MOST_SEED: Final = 10**12
CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "view": (View.MLO, View.CC),
    "laterality": (Laterality.LEFT, Laterality.RIGHT),
    "density": get_args(Density),
    "look": get_args(Look),
    "clusters": tuple(range(MOST_CLUSTERS + 1)),
    "mc_type": (None, *get_args(McType)),
    "distribution": (None, *get_args(Distribution)),
    "bac_grade": (0, 1, 2, 3),
    "benign": tuple(range(MOST_BENIGN + 1)),
    "benign_kind": (None, *get_args(Benign)),
    "hard": get_args(Hard),
}
"""What may be chosen, besides the seed."""


class BadCase(ValueError):
    """No case can be made of these words. `str()` is the sentence for the person."""


def spec_to_words(spec: PhantomSpec) -> dict[str, str]:
    """Every choice and the generator's version; None is "any"."""
    words = {name: _word(getattr(spec, name)) for name in CHOICES}
    return {"seed": str(spec.seed), **words, "generator": PHANTOM_VERSION}


def spec_from_words(words: Mapping[str, str]) -> PhantomSpec:
    """The inverse; what is not said is as in a plain `PhantomSpec`, other words are not looked at. Raises BadCase."""
    made_by = words.get("generator", PHANTOM_VERSION)
    if made_by != PHANTOM_VERSION:
        raise BadCase(
            f"This link was made with version {made_by[:12]} of the phantom generator; this program has version "
            f"{PHANTOM_VERSION}, which draws another image. Make the case again and share the new link."
        )
    chosen = {name: _meaning(name, words[name]) for name in CHOICES if name in words}
    return PhantomSpec(seed=_seed(words.get("seed", "0")), **chosen)  # type: ignore[arg-type]


def _word(value: object) -> str:
    return "any" if value is None else str(value) or "no"


def _meaning(name: str, word: str) -> object:
    for value in CHOICES[name]:
        if _word(value) == word:
            return value
    allowed = ", ".join(_word(value) for value in CHOICES[name])
    raise BadCase(f"The link asks for {name} = {word[:24]!r}; possible are {allowed}. Choose it again below.")


def _seed(word: str) -> int:
    if word.isascii() and word.isdigit() and int(word[:20]) <= MOST_SEED:
        return int(word)
    raise BadCase(f"The case number must be a whole number from 0 to {MOST_SEED:,}, not {word[:24]!r}.")


POOL: Final = Path(__file__).parent / "pool.jsonl"
FIRST_SEED: Final = 7_000_000_000
"""Far from the seeds of any training cohort: no network has learnt from these phantoms."""
STRATA: Final = ("neither", "mc", "bac", "both", "neither", "c", "bac", "b", "mc", "bac", "neither", "d")
"""Contents in turn; hard case d is both as well where both can be seen."""
LEVELS: Final = ("easy", "medium", "hard")
FAINT: Final = 6.0
CLEAR: Final = 6.5
"""MC's conspicuity: hard below the first, easy only from the second on, to which the generator lifts faint groups."""
SHORT_MM: Final = 10.0
LONG_MM: Final = 15.0
"""BAC's longest stretch: hard below the first, easy only from the second on."""


@dataclass(frozen=True)
class FromRun:
    """An image of a cross-validation that a method was tested on. outcomes: letters of Figure 3's columns, "bd"."""

    run: str
    method: str
    fold: int
    image: str
    outcomes: str


@dataclass(frozen=True)
class Item:
    """One phantom that the quiz may ask. contents: as drawn by the generator of `PHANTOM_VERSION`.

    origin: the run that it is an image of; None for the cases of the pool.
    """

    spec: PhantomSpec
    contents: Contents
    origin: FromRun | None = None

    def __post_init__(self) -> None:
        if self.contents.answer is None:
            raise ValueError(f"The phantom of seed {self.spec.seed} is ambiguous: it is no quiz case.")

    @property
    def id(self) -> str:
        return f"{self.origin.run}/{self.origin.image}" if self.origin else str(self.spec.seed)

    @property
    def known(self) -> frozenset[Calcification]:
        """The types of which it is known whether they are there."""
        return BOTH_TYPES

    @property
    def answer(self) -> Answer:
        """The one right answer."""
        found = self.contents.answer
        assert found is not None
        return found

    @property
    def level(self) -> str:
        """ "easy", "medium" or "hard", by what is known to make a case hard."""
        if self._hard:
            return "hard"
        return "easy" if self._easy else "medium"

    @property
    def _hard(self) -> bool:
        spec, found = self.spec, self.contents
        faint = 0 < found.conspicuity < FAINT or 0 < found.bac_mm < SHORT_MM
        return bool(spec.hard) or faint or (self.answer is Answer.NEITHER and len(found.benign) >= 3)

    @property
    def _easy(self) -> bool:
        found = self.contents
        clear = found.conspicuity >= CLEAR or found.bac_mm >= LONG_MM or not self.answer.types
        return clear and self.spec.density != "d" and self.answer is not Answer.BOTH and len(found.benign) <= 1


@cache
def pool(path: Path = POOL) -> tuple[Item, ...]:
    """Every case that ships. Raises ValueError where the generator is another one than the pool was drawn with."""
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    version = json.loads(first)["phantom_version"]
    if version != PHANTOM_VERSION:
        raise ValueError(
            f"The quiz's cases were drawn by version {version} of the phantom generator, which is {PHANTOM_VERSION} "
            "now. Draw them again: python -m mtunet.teaching pool"
        )
    return tuple(read_item(json.loads(line)) for line in lines)


def find_item(id_: str) -> Item | None:
    """None for a case that is not in the pool (any more). Of every source: `cases.find_case`."""
    return next((item for item in pool() if item.id == id_), None)


def draw_pool(size: int, path: Path = POOL) -> Iterator[Item]:
    """Draw cases until `size` of them have one right answer; each is written as soon as it is drawn."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"phantom_version": PHANTOM_VERSION}) + "\n")
        drawn = 0
        for seed in range(FIRST_SEED, FIRST_SEED + 100 * size):
            item = draw_item(seed)
            if item is None:
                continue
            file.write(json.dumps(write_item(item)) + "\n")
            file.flush()
            drawn += 1
            yield item
            if drawn == size:
                return


def draw_item(seed: int) -> Item | None:
    """The case of a seed; None where more than one answer could be defended."""
    rng = np.random.default_rng(seed)
    look: Look = "ffdm" if seed % 2 else "film"
    spec = spec_of(seed, STRATA[seed % len(STRATA)], look, rng)
    contents = contents_of(make_phantom(spec))
    return None if contents.answer is None else Item(spec, contents)


def write_item(item: Item) -> dict[str, Any]:
    contents = dataclasses.asdict(item.contents)
    rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in contents.items()}
    return {"spec": spec_to_words(item.spec), "contents": rounded}


def read_item(said: dict[str, Any]) -> Item:
    """Raises BadCase, ValueError, TypeError for what is no case."""
    values = dict(said["contents"])
    for name in ("mc_types", "mc_distributions", "benign"):
        values[name] = tuple(values[name])
    values["places"] = {kind: (float(x), float(y)) for kind, (x, y) in values["places"].items()}
    return Item(spec_from_words(said["spec"]), Contents(**values))
