"""A phantom's choices as words in an address, and back: who opens the link sees the same case."""

from collections.abc import Mapping
from typing import Final, get_args

from mtunet.case import Laterality, View
from mtunet.phantom import PHANTOM_VERSION, PhantomSpec
from mtunet.phantom.spec import Benign, Density, Distribution, Hard, Look, McType

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
