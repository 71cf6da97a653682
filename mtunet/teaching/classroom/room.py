"""A class at once: a room, who is in it, what is asked, and what may happen next.

    open ─► asked ─► (model shown) ─► revealed ─► asked … ─► closed

A room whose mode is "model first" goes from open to "model shown" at once. Answers count while a question is asked or
the model is shown; each says whether its giver had seen the model. Nothing here draws, and nothing here is kept:
`records` does that.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mtunet.teaching.contents import Answer

LETTERS: Final = "CDFHJKMNPRTVWXY"
"""Of room codes: none is taken for another or for a digit, and without vowels they spell nothing."""
CODE_LENGTH: Final = 6
"""15⁶ is eleven million: at the rate at which wrong codes are taken, nobody finds a room by trying."""
MOST_LEARNERS: Final = 200
MOST_CASES: Final = 50


class Mode(StrEnum):
    """Who looks first."""

    READER_FIRST = "reader-first"
    MODEL_FIRST = "model-first"


class Phase(StrEnum):
    """Where a room stands."""

    OPEN = "open"
    ASKED = "asked"
    MODEL = "model"
    REVEALED = "revealed"
    CLOSED = "closed"

    @property
    def answerable(self) -> bool:
        return self in (Phase.ASKED, Phase.MODEL)


class Move(StrEnum):
    """What a teacher can do."""

    ASK = "ask"
    SHOW_MODEL = "show-model"
    REVEAL = "reveal"
    CLOSE = "close"


class NotNow(RuntimeError):
    """It cannot be done as the room stands. `str()` is the sentence for the person."""


@dataclass(frozen=True)
class Moment:
    """number: of the question, from 1; 0 before the first. event: what brought the room here; later ones are larger."""

    phase: Phase
    number: int = 0
    event: int = 0


@dataclass(frozen=True)
class Room:
    """items: ids of the quiz's cases, in the order in which they are asked."""

    id: int
    code: str
    opened_at: str
    mode: Mode
    items: tuple[str, ...]


@dataclass(frozen=True)
class Learner:
    id: int
    name: str


@dataclass(frozen=True)
class LearnerAnswer:
    """One answer of one learner. saw_model: the model's findings were on the learner's screen. place: (x, y) in mm
    from the image's top left corner. hit: the place lies on something that is there; None without a place."""

    learner: int
    number: int
    saw_model: bool
    answer: Answer
    sureness: float
    place: tuple[float, float] | None = None
    hit: bool | None = None
    at: str = ""


def moves(room: Room, now: Moment) -> tuple[Move, ...]:
    """What may happen next."""
    possible = []
    if now.phase in (Phase.OPEN, Phase.REVEALED) and now.number < len(room.items):
        possible.append(Move.ASK)
    if now.phase is Phase.ASKED:
        possible.append(Move.SHOW_MODEL)
    if now.phase.answerable:
        possible.append(Move.REVEAL)
    if now.phase is not Phase.CLOSED:
        possible.append(Move.CLOSE)
    return tuple(possible)


def after(room: Room, now: Moment, move: Move, number: int | None = None) -> Moment:
    """Where the room stands after a move. number: the question to ask; the next one unless one is left out.

    Raises NotNow for a move that the room does not allow.
    """
    if move not in moves(room, now):
        raise NotNow(f"This room is {WORDS[now.phase]}: that cannot be done now.")
    if move is Move.ASK:
        wanted = now.number + 1 if number is None else number
        if not now.number < wanted <= len(room.items):
            raise NotNow(f"There is no question {wanted} to ask: {now.number} of {len(room.items)} were asked.")
        first = Phase.MODEL if room.mode is Mode.MODEL_FIRST else Phase.ASKED
        return Moment(first, wanted, now.event)
    to = {Move.SHOW_MODEL: Phase.MODEL, Move.REVEAL: Phase.REVEALED, Move.CLOSE: Phase.CLOSED}
    return replace(now, phase=to[move])


WORDS: Final[Mapping[Phase, str]] = {
    Phase.OPEN: "waiting for its first question",
    Phase.ASKED: "being asked a question",
    Phase.MODEL: "being asked a question, the model shown",
    Phase.REVEALED: "looking at an answer",
    Phase.CLOSED: "closed",
}


def new_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


def code_in(words: str) -> str:
    """The code that a person typed: capital letters, nothing between them."""
    return "".join(letter for letter in words.upper() if letter.isalnum())[: 2 * CODE_LENGTH]


def last_words(answers: Iterable[LearnerAnswer]) -> list[LearnerAnswer]:
    """The answers that count: of each learner the last one to a question, before and after the model was seen."""
    last = {(answer.learner, answer.number, answer.saw_model): answer for answer in answers}
    return list(last.values())


def distribution(answers: Iterable[LearnerAnswer]) -> dict[Answer, int]:
    """How many gave each answer; answers that nobody gave are there with 0."""
    given = [reply.answer for reply in answers]
    return {answer: given.count(answer) for answer in Answer}


@dataclass(frozen=True)
class Changes:
    """Learners who answered one question before and after they saw the model, by what the model did to them."""

    stayed_right: int = 0
    stayed_wrong: int = 0
    became_right: int = 0
    became_wrong: int = 0

    @property
    def total(self) -> int:
        return self.stayed_right + self.stayed_wrong + self.became_right + self.became_wrong


def changes(answers: Sequence[LearnerAnswer], truth: Answer) -> Changes:
    """answers: that count, to one question."""
    before = {answer.learner: answer.answer is truth for answer in answers if not answer.saw_model}
    pairs = [
        (before[answer.learner], answer.answer is truth)
        for answer in answers
        if answer.saw_model and answer.learner in before
    ]
    return Changes(*(pairs.count(pair) for pair in ((True, True), (False, False), (False, True), (True, False))))


# Wrong room codes, counted for a while: so many from one address, so many from all, then nobody may try.

WINDOW_S: Final = 60.0
MOST: Final = 10
"""Wrong codes from one address within the window, each counted once: a page that is drawn again tries nothing new."""
MOST_OF_ALL: Final = 100
"""From all addresses together: a thousand addresses find no more than one."""


class Attempts:
    """In memory, for one process. Safe from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: deque[tuple[float, str, str]] = deque()
        self._lock = threading.Lock()

    def may_try(self, address: str) -> bool:
        """False while too many wrong codes came from this address, or from all."""
        with self._lock:
            self._forget_old()
            mine = sum(sender == address for _, sender, _ in self._wrong)
            return mine < MOST and len(self._wrong) < MOST_OF_ALL

    def was_wrong(self, address: str, code: str) -> None:
        with self._lock:
            self._forget_old()
            if not any((address, code) == tried[1:] for tried in self._wrong):
                self._wrong.append((self._clock(), address, code))

    def _forget_old(self) -> None:
        while self._wrong and self._wrong[0][0] <= self._clock() - WINDOW_S:
            self._wrong.popleft()
