"""Every case that the quiz may ask, by where it comes from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from mtunet.case import Calcification
from mtunet.phantom.samples import CBIS_SOURCE, SAMPLES, Sample
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import Item, find_item, pool
from mtunet.teaching.model_answers import model_answers
from mtunet.teaching.run_cases import find_run_case, run_cases

# Real mammograms that the quiz may ask: views that ship with the app, of CBIS-DDSM.
#
# Of the six in `samples/` two are of its calcification set: its rows name their microcalcifications. Its masks of them
# do not ship, so no place is asked. Arterial calcification is not marked throughout that data set, so an answer about
# BAC is neither right nor wrong. Of the four views of its mass set it says nothing of calcium: they are shown so that
# "a real film" does not say "MC", and are not scored.


@dataclass(frozen=True)
class RealCase:
    """One view. words: what the data set's row says of it. subtlety: the row's, 1 (subtle) to 5 (obvious)."""

    sample: str
    words: str
    subtlety: int
    answer: Answer = Answer.MC
    known: frozenset[Calcification] = frozenset({Calcification.MICRO})

    @property
    def id(self) -> str:
        return f"real/{self.sample}"

    @property
    def level(self) -> str:
        return "easy" if self.subtlety >= 4 else "medium" if self.subtlety == 3 else "hard"

    @property
    def why(self) -> str:
        """One sentence."""
        if not self.known:
            return (
                "The data set says nothing of calcium in this view, so no answer is scored: it is here to be looked at."
            )
        return f"MC: the data set's radiologists describe {self.words}."

    @property
    def file(self) -> Sample:
        return next(sample for sample in SAMPLES if sample.key == self.sample)


SOURCE: Final = CBIS_SOURCE
NOT_KNOWN: Final = (
    "Real mammogram (CBIS-DDSM, digitised film). Of some of these views it is known whether there are MC, but not "
    "where, and arteries are not marked throughout: MC yes or no is scored where it is known; BAC and places are not. "
    "The shipped model has seen this view in training, so what it says here is no measure of it."
)
"""Said before the answer, so it does not give that away."""
REAL_CASES: Final[tuple[RealCase, ...]] = (
    RealCase("calc-p00377-left-cc", "two clusters of pleomorphic calcifications, benign on biopsy", 4),
    RealCase("calc-p00373-left-mlo", "one cluster of punctate calcifications, benign on biopsy", 3),
    *(
        RealCase(key, "", 3, Answer.NEITHER, frozenset())
        for key in ("mass-p00001-left-cc", "mass-p00001-left-mlo", "mass-p00092-left-cc", "mass-p00264-left-mlo")
    ),
)
"""From calc_case_description_train_set.csv: P_00377, left CC, abnormalities 1 and 2; P_00373, left MLO."""


Case: TypeAlias = Item | RealCase


class Source(StrEnum):
    """Where a case comes from."""

    PHANTOM = "phantom"
    RUN = "run"
    REAL = "real"


ANY = "any"
PAIRS = "pairs"
"""Phantoms with a twin: once it is answered, the breast is seen with the other type in place."""
MISTAKES = frozenset("bcde")
"""Figure 3's columns of what a method got wrong. False positives (e) are among them because the rest all hold calcium,
and a reader who knows that need not look."""


def source_of(case: Case) -> Source:
    if isinstance(case, RealCase):
        return Source.REAL
    return Source.RUN if case.origin else Source.PHANTOM


def cases(source: str) -> tuple[Case, ...]:
    """Those that a round is drawn from. Of mistakes: cases on which the shipped model was wrong, and images of
    cross-validations on which their method was. Raises ValueError."""
    if source == Source.REAL:
        return REAL_CASES
    if source == Source.RUN:
        return (*_mistaken(), *(case for case in run_cases() if case.origin and MISTAKES & set(case.origin.outcomes)))
    if source == PAIRS:
        return tuple(item for item in pool() if item.contrast)
    if source == ANY:
        runs = tuple(case for case in cases(Source.RUN) if isinstance(case, Item) and case.origin)
        return (*pool(), *runs, *cases(Source.REAL))
    return pool()


def _mistaken() -> tuple[Item, ...]:
    """Of the pool, those of which the model said something else than what is there, while its answers are its own."""
    said = model_answers()
    if said is None or said.out_of_date:
        return ()
    return tuple(item for item in pool() if said.says(item.id) not in (None, item.answer))


def find_case(id_: str) -> Case | None:
    """Of every source, also those that no round is drawn from; None for one that is not there (any more)."""
    real = next((case for case in REAL_CASES if case.id == id_), None)
    return real or find_item(id_) or find_run_case(id_)
