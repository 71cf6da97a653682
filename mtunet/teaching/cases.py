"""Every case that the quiz may ask, by where it comes from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from mtunet.case import Calcification
from mtunet.phantom.samples import CBIS_SOURCE, SAMPLES, Sample
from mtunet.teaching.contents import Answer
from mtunet.teaching.items import Item, find_item, pool
from mtunet.teaching.run_cases import find_run_case, run_cases

# Real mammograms that the quiz may ask: views that ship with the app and of which a data set says what they hold.
#
# Of the six CBIS-DDSM views in `samples/` these are the two of its calcification set: its rows name their
# microcalcifications. Its masks of them do not ship, so no place is asked. Arterial calcification is not marked
# throughout that data set, so an answer about BAC is neither right nor wrong. The four views of its mass set say
# nothing
# of calcium, so they are not asked.


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
        return f"MC: the data set's radiologists describe {self.words}."

    @property
    def file(self) -> Sample:
        return next(sample for sample in SAMPLES if sample.key == self.sample)


SOURCE: Final = CBIS_SOURCE
NOT_KNOWN: Final = (
    "Real mammogram (CBIS-DDSM, digitised film). It is known whether there are MC, but not where, and arteries are not "
    "marked throughout this data set: MC yes or no is scored; BAC and places are not."
)
"""Said before the answer, so it does not give that away."""
REAL_CASES: Final[tuple[RealCase, ...]] = (
    RealCase("calc-p00377-left-cc", "two clusters of pleomorphic calcifications, benign on biopsy", 4),
    RealCase("calc-p00373-left-mlo", "one cluster of punctate calcifications, benign on biopsy", 3),
)
"""From calc_case_description_train_set.csv: P_00377, left CC, abnormalities 1 and 2; P_00373, left MLO."""


Case: TypeAlias = Item | RealCase


class Source(StrEnum):
    """Where a case comes from."""

    PHANTOM = "phantom"
    RUN = "run"
    REAL = "real"


ANY = "any"
MISTAKES = frozenset("bcde")
"""Figure 3's columns of what a method got wrong. False positives (e) are among them because the rest all hold calcium,
and a reader who knows that need not look."""


def source_of(case: Case) -> Source:
    if isinstance(case, RealCase):
        return Source.REAL
    return Source.RUN if case.origin else Source.PHANTOM


def cases(source: str) -> tuple[Case, ...]:
    """Those that a round is drawn from. Of a run: images on which the method was wrong. Raises ValueError."""
    if source == Source.REAL:
        return REAL_CASES
    if source == Source.RUN:
        return tuple(case for case in run_cases() if case.origin and MISTAKES & set(case.origin.outcomes))
    if source == ANY:
        return (*pool(), *cases(Source.RUN), *cases(Source.REAL))
    return pool()


def find_case(id_: str) -> Case | None:
    """Of every source, also those that no round is drawn from; None for one that is not there (any more)."""
    real = next((case for case in REAL_CASES if case.id == id_), None)
    return real or find_item(id_) or find_run_case(id_)
