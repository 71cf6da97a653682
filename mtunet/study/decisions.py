"""What a reader decides about a study and its findings, and what stands of it.

A decision is never changed: another one comes after it, and taking one back is a record too. So the history says who
saw what when, and what stands is worked out from it. A finding has no name of its own (its number depends on the
thresholds), so a verdict carries its image, type and box, and belongs to the finding that lies there now.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from mtunet.case import Box, Calcification, Finding


class Act(StrEnum):
    """What kind of record it is, and what its `answer` is."""

    FINDING = "finding"
    """A `Verdict` on one finding."""
    STUDY = "study"
    """`Recall`."""
    NOTE = "note"
    """Nothing; the note is all."""
    MISSED = "missed"
    """The `Calcification` of something the model missed, in a box."""
    UNDO = "undo"
    """Nothing; `undoes` is taken back."""


class Verdict(StrEnum):
    """A reader on one finding."""

    AGREE = "agree"
    NOTHING = "not_a_calcification"
    BAC = "is_bac"
    MC = "is_mc"


class Recall(StrEnum):
    """A reader on the whole study."""

    RECALL = "recall"
    NO_RECALL = "no_recall"


SAME_BOX = 0.5
"""A verdict belongs to a finding of its type whose box overlaps its own by at least this much (intersection over
union): a threshold that moves a little leaves most of a finding where it was."""

NOTE_LENGTH = 2000
READER_LENGTH = 80


@dataclass(frozen=True)
class Shown:
    """What the reader had before them: which model, at which thresholds, in which version of the program."""

    model: str
    weights_sha256: str
    thresholds: Mapping[Calcification, float]
    rules: str
    version: str


@dataclass(frozen=True)
class Decision:
    """One record. id and at: given when it is kept. study: the name of the study; sha256, type, number, box: of what
    it is about, None for the study as a whole. box: in pixels of the image's own grid."""

    study: str
    reader: str
    act: Act
    answer: str
    shown: Shown
    note: str = ""
    sha256: str | None = None
    type: Calcification | None = None
    number: int | None = None
    box: Box | None = None
    undoes: int | None = None
    id: int = 0
    at: str = ""

    def __post_init__(self) -> None:
        if not self.reader.strip() or len(self.reader) > READER_LENGTH:
            raise ValueError(f"A decision needs the reader's name, of at most {READER_LENGTH} letters.")
        if len(self.note) > NOTE_LENGTH:
            raise ValueError(f"A note has at most {NOTE_LENGTH} letters, not {len(self.note)}.")
        answers: dict[Act, type[StrEnum]] = {Act.FINDING: Verdict, Act.STUDY: Recall, Act.MISSED: Calcification}
        if self.act in answers:
            answers[self.act](self.answer)  # ValueError for what is no answer
        elif self.answer:
            raise ValueError(f"A record of kind {self.act.value} has no answer, not {self.answer!r}.")
        if self.act in (Act.FINDING, Act.MISSED) and (self.sha256 is None or self.box is None):
            raise ValueError("A verdict and a mark need their image and box.")
        if self.act is Act.FINDING and self.type is None:
            raise ValueError("A verdict needs the type of the finding it is about.")
        if self.act is Act.NOTE and not self.note.strip():
            raise ValueError("A note needs words.")
        if (self.act is Act.UNDO) != (self.undoes is not None):
            raise ValueError("Taking back needs the record that is taken back, and nothing else has one.")


@dataclass(frozen=True)
class Standing:
    """What stands: of several verdicts on one finding the last; of the study the last answer; every mark and note."""

    verdicts: tuple[Decision, ...]
    study: Decision | None
    missed: tuple[Decision, ...]
    notes: tuple[Decision, ...]

    @property
    def recall(self) -> Recall | None:
        return None if self.study is None else Recall(self.study.answer)

    @property
    def last(self) -> Decision | None:
        """The newest record that stands, whoever made it."""
        all_ = [*self.verdicts, *self.missed, *self.notes, *([self.study] if self.study else [])]
        return max(all_, key=lambda decision: decision.id, default=None)

    def verdict(self, sha256: str, finding: Finding) -> Decision | None:
        """The verdict that belongs to a finding as it is now."""
        return self.about(sha256, finding.type, finding.box)

    def about(self, sha256: str, kind: Calcification, box: Box) -> Decision | None:
        """The verdict on what is of this type and lies there."""
        return _about(self.verdicts, sha256, kind, box)


def in_force(history: Sequence[Decision]) -> tuple[Decision, ...]:
    """What was not taken back, oldest first. A taking back that was itself taken back takes nothing back."""
    gone = taken_back({decision.id: decision.undoes for decision in history})
    return tuple(decision for decision in sorted(history, key=lambda d: d.id) if decision.id not in gone)


def taken_back(undoes: Mapping[int, int | None]) -> frozenset[int]:
    """The records that do not stand. undoes: by a record's id, the id of what it takes back."""
    gone: set[int] = set()
    for record in sorted(undoes, reverse=True):
        target = undoes[record]
        if target is not None and record not in gone:
            gone.add(target)
    return frozenset(gone)


def standing(history: Sequence[Decision]) -> Standing:
    """What stands of one study's history, in any order."""
    force = in_force(history)
    verdicts: list[Decision] = []
    for decision in force:
        if decision.act is Act.FINDING:
            assert decision.type is not None
            assert decision.box is not None
            before = _about(verdicts, decision.sha256, decision.type, decision.box)
            verdicts = [d for d in verdicts if d is not before]
            verdicts.append(decision)
    answers = [d for d in force if d.act is Act.STUDY]
    return Standing(
        verdicts=tuple(verdicts),
        study=answers[-1] if answers else None,
        missed=tuple(d for d in force if d.act is Act.MISSED),
        notes=tuple(d for d in force if d.act is Act.NOTE),
    )


def readers_differ(history: Sequence[Decision]) -> bool:
    """Whether the last answers that stand for the study as a whole are not the same of all readers."""
    last = {decision.reader: decision.answer for decision in in_force(history) if decision.act is Act.STUDY}
    return len(set(last.values())) > 1


def can_undo(history: Sequence[Decision], reader: str) -> Decision | None:
    """What this reader would take back next: their newest record that stands, takings back aside. Not another's."""
    own = [d for d in in_force(history) if d.reader == reader and d.act is not Act.UNDO]
    return own[-1] if own else None


def undo(decision: Decision, reader: str, shown: Shown) -> Decision:
    """The record that takes another one back."""
    return Decision(
        study=decision.study, reader=reader, act=Act.UNDO, answer="", shown=shown, undoes=decision.id,
        sha256=decision.sha256, type=decision.type, number=decision.number, box=decision.box,
    )  # fmt: skip


def type_by_reader(model: Calcification, verdict: Verdict) -> Calcification | None:
    """What a finding is, by the reader; None for no calcification."""
    return {
        Verdict.AGREE: model,
        Verdict.NOTHING: None,
        Verdict.BAC: Calcification.ARTERIAL,
        Verdict.MC: Calcification.MICRO,
    }[verdict]


VERDICT_WORDS: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.AGREE: "agrees",
        Verdict.NOTHING: "not a calcification",
        Verdict.BAC: "it is BAC",
        Verdict.MC: "it is MC",
    }
)
RECALL_WORDS: Mapping[Recall, str] = MappingProxyType({Recall.RECALL: "recall", Recall.NO_RECALL: "no recall"})


def in_words(decision: Decision, view: str) -> str:
    """ "on LCC 3, MC: it is BAC", "on the study: recall". view: what the image is called, "" for an only one."""
    if decision.act is Act.FINDING:
        what = f"{view or 'No.'} {decision.number}, {decision.type.value.upper() if decision.type else ''}"
        return f"on {what}: {VERDICT_WORDS[Verdict(decision.answer)]}"
    if decision.act is Act.STUDY:
        return f"on the study: {RECALL_WORDS[Recall(decision.answer)]}"
    if decision.act is Act.MISSED:
        return f"marked {decision.answer.upper()} that the model missed{f' on {view}' if view else ''}"
    return f"noted: {decision.note}" if decision.act is Act.NOTE else "took a decision back"


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two half-open boxes, in [0, 1]."""
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    width = min(one.right, other.right) - max(one.left, other.left)
    if height <= 0 or width <= 0:
        return 0.0
    areas = sum((box.bottom - box.top) * (box.right - box.left) for box in (one, other))
    return height * width / (areas - height * width)


def _about(decisions: Sequence[Decision], sha256: str | None, kind: Calcification, box: Box) -> Decision | None:
    """The decision on the thing of this type that lies there, the best fitting one; the newest among equals."""
    fits = [
        (overlap(d.box, box), d.id, d) for d in decisions if d.sha256 == sha256 and d.type is kind and d.box is not None
    ]
    best = max(fits, default=None, key=lambda fit: fit[:2])
    return best[2] if best is not None and best[0] >= SAME_BOX else None


# How far reader and model agree beyond chance: Cohen's kappa, from the decisions that stand.
#
# κ = (pₒ − pₑ) / (1 − pₑ), with pₒ the share of cases on which both say the same and pₑ the share on which they would
# by
# chance, Σ over categories of the product of the two margins (Cohen 1960, doi:10.1177/001316446002000104). The 95 %
# interval takes the standard error √(pₒ (1 − pₒ) / n) / (1 − pₑ) of the same paper, which is rough for small n. κ is
# not
# defined without a case, nor where both say one and the same of every case (pₑ = 1).
#
# A reader here sees the model's finding before judging it, so this is no comparison of two independent readers.

NOTHING = "none"
FEW = 30
"""Below this many cases the interval is not to be relied on, and the page says so."""


@dataclass(frozen=True)
class Agreement:
    """n: cases. observed: share of agreement, None for n = 0. kappa, low, high: None where undefined, `why` says it."""

    n: int
    observed: float | None
    kappa: float | None
    low: float | None = None
    high: float | None = None
    why: str = ""


def kappa(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """pairs: what the one and what the other said of each case."""
    n = len(pairs)
    if n == 0:
        return Agreement(0, None, None, why="Nothing has been decided yet.")
    one, other = (Counter(column) for column in zip(*pairs, strict=True))
    observed = sum(a == b for a, b in pairs) / n
    chance = sum(one[category] * other[category] for category in one) / n**2
    if chance == 1.0:
        return Agreement(n, observed, None, why="Kappa is not defined while every case was called the same by both.")
    value = (observed - chance) / (1 - chance)
    error = 1.96 * (observed * (1 - observed) / n) ** 0.5 / (1 - chance)
    return Agreement(n, observed, value, max(-1.0, value - error), min(1.0, value + error))


def on_types(stands: Iterable[Standing]) -> list[tuple[str, str]]:
    """(model, reader) per finding that was judged, and per mark of what the model missed: "mc", "bac" or "none"."""
    pairs = []
    for each in stands:
        for decision in each.verdicts:
            assert decision.type is not None
            by_reader = type_by_reader(decision.type, Verdict(decision.answer))
            pairs.append((decision.type.value, NOTHING if by_reader is None else by_reader.value))
        pairs += [(NOTHING, Calcification(decision.answer).value) for decision in each.missed]
    return pairs


def by_study(history: Iterable[Decision]) -> dict[str, Standing]:
    """What stands of each study, from the records of all."""
    studies: dict[str, list[Decision]] = {}
    for decision in history:
        studies.setdefault(decision.study, []).append(decision)
    return {study: standing(records) for study, records in studies.items()}
