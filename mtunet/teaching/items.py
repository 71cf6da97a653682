"""The quiz's cases: drawn once, kept with what they hold, so that a round can be chosen without drawing anything.

    pool.jsonl    {"phantom_version"} in the first line, then one case per line: {"spec", "contents", "two_views",
                  "contrast", "grade"}

Made again with `python -m mtunet.teaching pool`. A case is in it only when exactly one answer is right (`contents`).
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from pydantic import TypeAdapter

from mtunet.case import Calcification, Laterality, View
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec, make_phantom
from mtunet.phantom.cohort import spec_of
from mtunet.phantom.spec import Benign, Density, Distribution, Hard, Look, McType
from mtunet.teaching.contents import BOTH_TYPES, Answer, Contents, contents_of, known_grade

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
FIRST_TAUGHT: Final = FIRST_SEED + 500_000
TRIES: Final = 60
"""Seeds that each line of `TAUGHT` may use."""
STRATA: Final = ("neither", "mc", "bac", "both", "neither", "c", "bac", "b", "mc", "bac", "neither", "d")
"""Contents in turn; hard case d is both as well where both can be seen."""
LEVELS: Final = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Taught:
    """So many cases of one descriptor. contrast: each with a certain twin."""

    count: int
    mc: McType | None = None
    distribution: Distribution | None = None
    benign: Benign | None = None
    bac_grade: int = 0
    contrast: bool = False


TAUGHT: Final = (
    Taught(6, "fine_linear", "clustered"),
    Taught(6, "fine_linear", "segmental"),
    Taught(4, "fine_linear", "linear", contrast=True),
    Taught(5, "amorphous", "clustered"),
    Taught(3, "amorphous", "segmental"),
    Taught(3, "amorphous", "regional"),
    Taught(3, "amorphous", "diffuse"),
    Taught(6, "coarse_heterogeneous", "clustered"),
    Taught(2, "coarse_heterogeneous", "regional"),
    Taught(4, "punctate", "clustered"),
    Taught(3, "punctate", "segmental"),
    Taught(2, "punctate", "regional"),
    Taught(3, "punctate", "diffuse"),
    Taught(4, "pleomorphic", "segmental"),
    Taught(4, "pleomorphic", "linear", contrast=True),
    Taught(3, "pleomorphic", "regional"),
    Taught(3, "pleomorphic", "clustered", contrast=True),
    Taught(3, bac_grade=1, contrast=True),
    Taught(4, bac_grade=2, contrast=True),
    Taught(3, bac_grade=3, contrast=True),
    Taught(8, benign="rod"),
    Taught(8, benign="dystrophic"),
    *(Taught(4, benign=kind) for kind in get_args(Benign) if kind not in ("rod", "dystrophic")),
)
"""What the usual proportions give too few of to be learnt."""
FAINT: Final[Mapping[str, float]] = {"mc": 4.2, "bac": 4.8}
CLEAR: Final[Mapping[str, float]] = {"mc": 5.7, "bac": 6.2}
"""How far a type stands out in the picture (`contents.stands_out`): hard below the first, easy only from the second on;
about the thirds of the pool."""


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

    origin: the run that it is an image of; None for the cases of the pool. two_views: the breast's other view shows
    the same, so that both may be shown. contrast: the same breast with the other type in its place (`twin`) is certain
    as well. grade: of its arteries by the app's rule, None where that could be doubted (`contents.known_grade`).
    """

    spec: PhantomSpec
    contents: Contents
    origin: FromRun | None = None
    two_views: bool = False
    contrast: bool = False
    grade: int | None = None

    def __post_init__(self) -> None:
        if self.contents.answer is None:
            raise ValueError(f"The phantom of seed {self.spec.seed} is ambiguous: it is no quiz case.")

    @property
    def id(self) -> str:
        return f"{self.origin.run}/{self.origin.image}" if self.origin else str(self.spec.seed)

    @property
    def name(self) -> str:
        """Of its file: by it no worklist lists the image (`store.worklist.UNLISTED`)."""
        return f"QUIZ-{self.id}".replace("/", "-")

    @property
    def known(self) -> frozenset[Calcification]:
        """The types of which it is known whether they are there."""
        return BOTH_TYPES

    @property
    def answer(self) -> Answer:
        """The one right answer."""
        answer = self.contents.answer
        assert answer is not None
        return answer

    @property
    def level(self) -> str:
        """ "easy", "medium" or "hard", by what is known to make a case hard."""
        if self._hard:
            return "hard"
        return "easy" if self._easy else "medium"

    @property
    def _hard(self) -> bool:
        spec, contents = self.spec, self.contents
        faint = any(far < FAINT[kind] for kind, far in contents.seen.items())
        return bool(spec.hard) or faint or (self.answer is Answer.NEITHER and len(contents.benign) >= 3)

    @property
    def _easy(self) -> bool:
        contents = self.contents
        clear = all(far >= CLEAR[kind] for kind, far in contents.seen.items())
        return clear and self.spec.density != "d" and self.answer is not Answer.BOTH and len(contents.benign) <= 1


def other_view(spec: PhantomSpec) -> PhantomSpec:
    """The same breast seen from the other side, with the same kinds of calcium in it."""
    return replace(spec, view=View.CC if spec.view is View.MLO else View.MLO)


def twin(spec: PhantomSpec) -> PhantomSpec:
    """The same breast with the other type in place of its own: MC in single file for arteries, arteries for MC."""
    if spec.clusters:
        return replace(spec, clusters=0, hard="", mc_type=None, distribution=None, bac_grade=1 + spec.seed % 3)
    kind: McType = "fine_linear" if spec.seed % 2 else "pleomorphic"
    return replace(spec, clusters=1, bac_grade=0, mc_type=kind, distribution="linear")


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
    """Draw `size` cases in the usual proportions that have one right answer, then those of `TAUGHT`; each is written as
    soon as it is drawn, the file is replaced at the end."""
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"phantom_version": PHANTOM_VERSION}) + "\n")
        for item in _drawn(size):
            file.write(json.dumps(write_item(item)) + "\n")
            file.flush()
            yield item
    fresh.replace(path)


def _drawn(size: int) -> Iterator[Item]:
    usual = (item for seed in range(FIRST_SEED, FIRST_SEED + 100 * size) if (item := draw_item(seed)) is not None)
    yield from islice(usual, size)
    for number, line in enumerate(TAUGHT):
        first = FIRST_TAUGHT + number * TRIES
        tried = (taught_item(line, seed) for seed in range(first, first + TRIES))
        yield from islice((item for item in tried if item is not None), line.count)


def draw_item(seed: int) -> Item | None:
    """The case of a seed; None where more than one answer could be defended."""
    look: Look = "ffdm" if seed % 2 else "film"
    return _item(spec_of(seed, STRATA[seed % len(STRATA)], look, np.random.default_rng(seed)))


def taught_item(taught: Taught, seed: int) -> Item | None:
    """A case that shows what is seldom drawn, in a breast like any other; None where it is not certain."""
    rng = np.random.default_rng(seed)
    plain = spec_of(seed, "neither", "ffdm" if seed % 2 else "film", rng)
    spec = replace(
        plain,
        benign=1 if taught.benign else 0,
        benign_kind=taught.benign,
        clusters=int(taught.mc is not None),
        mc_type=taught.mc,
        distribution=taught.distribution,
        bac_grade=taught.bac_grade,
    )
    item = _item(spec, contrast=taught.contrast)
    lacks = item is None or (taught.benign and taught.benign not in item.contents.benign)
    return None if lacks or (taught.contrast and item is not None and not item.contrast) else item


def _item(spec: PhantomSpec, *, contrast: bool = False) -> Item | None:
    phantom = make_phantom(spec)
    contents = contents_of(phantom)
    if contents.answer is None:
        return None
    other = contents_of(make_phantom(other_view(spec)))
    same = (other.answer, other.mc_types, other.mc_distributions, set(other.benign))
    both = same == (contents.answer, contents.mc_types, contents.mc_distributions, set(contents.benign))
    wanted = {Answer.MC: Answer.BAC, Answer.BAC: Answer.MC}.get(contents.answer)
    swapped = contrast and contents_of(make_phantom(twin(spec))).answer is wanted
    grade = known_grade(phantom) if Calcification.ARTERIAL in contents.answer.types else None
    return Item(spec, contents, two_views=both, contrast=swapped, grade=grade)


def write_item(item: Item) -> dict[str, Any]:
    contents = dataclasses.asdict(item.contents)
    rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in contents.items()}
    more = {name: getattr(item, name) for name in (*FLAGS, "grade") if getattr(item, name)}
    return {"spec": spec_to_words(item.spec), "contents": rounded, **more}


def read_item(fields: dict[str, Any]) -> Item:
    """Raises BadCase, ValueError, TypeError for what is no case."""
    two_views, contrast = (bool(fields.get(name)) for name in FLAGS)
    spec, grade = spec_from_words(fields["spec"]), fields.get("grade")
    return Item(spec, CONTENTS.validate_python(fields["contents"]), two_views=two_views, contrast=contrast, grade=grade)


CONTENTS: Final = TypeAdapter(Contents)
FLAGS: Final = ("two_views", "contrast")
