"""What a class's answers say: by question, by learner, and as rows to take along."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import NOT_FOR_CLINICAL_USE
from mtunet.store.images import Store
from mtunet.teaching.classroom.records import RoomCase, answers, asked, case_of, learners, model_shown
from mtunet.teaching.classroom.room import Changes, Learner, LearnerAnswer, Room, changes, last_words
from mtunet.teaching.contents import Answer
from mtunet.teaching.scoring import Rate


@dataclass(frozen=True)
class QuestionResult:
    """before, after: of the answers that count, how many were right without and with the model seen. placed: marks of
    each learner's last answer that lay on something there. model: what it said; None where it was not shown."""

    number: int
    truth: Answer
    model: Answer | None
    before: Rate
    after: Rate
    placed: Rate
    changes: Changes


@dataclass(frozen=True)
class LearnerResult:
    """before, after: as in QuestionResult. last: of the questions answered, how many were right in the end."""

    learner: Learner
    before: Rate
    after: Rate
    last: Rate


def question_result(case: RoomCase, given: list[LearnerAnswer], model: Answer | None) -> QuestionResult:
    """given: everything that was answered to this question, in its order."""
    kept = last_words(given)
    hits = [answer.hit for answer in _last(kept) if answer.hit is not None]
    return QuestionResult(
        number=case.number,
        truth=case.truth,
        model=model,
        before=_rate([answer.answer is case.truth for answer in kept if not answer.saw_model]),
        after=_rate([answer.answer is case.truth for answer in kept if answer.saw_model]),
        placed=_rate(hits),
        changes=changes(kept, case.truth),
    )


def results(store: Store, room: Room) -> tuple[list[QuestionResult], list[LearnerResult]]:
    """Of every question that was asked and every learner who joined."""
    cases = {number: case for number in asked(store, room) if (case := case_of(store, room, number))}
    given = answers(store, room)
    questions = [
        question_result(case, [answer for answer in given if answer.number == number], model_shown(store, room, number))
        for number, case in cases.items()
    ]
    truths = {number: case.truth for number, case in cases.items()}
    return questions, [
        learner_result(learner, [answer for answer in given if answer.learner == learner.id], truths)
        for learner in learners(store, room)
    ]


def learner_result(learner: Learner, given: list[LearnerAnswer], truths: dict[int, Answer]) -> LearnerResult:
    """given: everything that this learner answered, in its order; truths: by question."""
    kept = [answer for answer in last_words(given) if answer.number in truths]
    last = {answer.number: answer for answer in kept}  # an answer with the model seen comes after the one without
    return LearnerResult(
        learner,
        before=_rate([answer.answer is truths[answer.number] for answer in kept if not answer.saw_model]),
        after=_rate([answer.answer is truths[answer.number] for answer in kept if answer.saw_model]),
        last=_rate([answer.answer is truths[answer.number] for answer in last.values()]),
    )


COLUMNS: Final = (
    "room",
    "opened_at",
    "mode",
    "question",
    "item",
    "source",
    "image_sha256",
    "truth",
    "model",
    "learner",
    "answered_at",
    "model_seen",
    "answer",
    "counts",
    "right",
    "sureness",
    "x_mm",
    "y_mm",
    "mark_on_a_known_region",
    "disclaimer",
)


def table(store: Store, room: Room) -> list[dict[str, object]]:
    """A row per answer, by COLUMNS, in the order in which they came; also those that were changed later."""
    names = {learner.id: learner.name for learner in learners(store, room)}
    cases = {number: case for number in asked(store, room) if (case := case_of(store, room, number))}
    models = {number: model_shown(store, room, number) for number in cases}
    given = [answer for answer in answers(store, room) if answer.number in cases]
    kept = {id(answer) for answer in last_words(given)}
    return [
        {
            "room": room.code,
            "opened_at": room.opened_at,
            "mode": room.mode.value,
            "question": answer.number,
            "item": room.items[answer.number - 1],
            "learner": names[answer.learner],
            **_case_columns(cases[answer.number], models[answer.number]),
            **_answer_columns(answer, cases[answer.number], counts=id(answer) in kept),
            "disclaimer": NOT_FOR_CLINICAL_USE,
        }
        for answer in given
    ]


def _case_columns(case: RoomCase, model: Answer | None) -> dict[str, Any]:
    shown = model.value if model else ""
    return {"source": case.source, "image_sha256": case.sha256, "truth": case.truth.value, "model": shown}


def _answer_columns(answer: LearnerAnswer, case: RoomCase, *, counts: bool) -> dict[str, Any]:
    return {
        "answered_at": answer.at,
        "model_seen": _yes(answer.saw_model),
        "answer": answer.answer.value,
        "counts": _yes(counts),
        "right": _yes(answer.answer is case.truth),
        "sureness": answer.sureness,
        "x_mm": answer.place[0] if answer.place else None,
        "y_mm": answer.place[1] if answer.place else None,
        "mark_on_a_known_region": None if answer.hit is None else _yes(answer.hit),
    }


def _last(kept: list[LearnerAnswer]) -> list[LearnerAnswer]:
    """Of each learner the answer that came last, to one question."""
    return list({answer.learner: answer for answer in kept}.values())


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _rate(right: list[bool]) -> Rate:
    return Rate(sum(right), len(right))


# Where a class marked a place: a picture of the view, brighter where more marks lie, their numbers written on it.

Place = tuple[float, float]
RGB = npt.NDArray[np.uint8]

TOGETHER_MM: Final = 10.0
"""Marks no farther from one another than this are one group."""
SPREAD_MM: Final = 4.0
"""Standard deviation of the blot that each mark leaves."""


@dataclass(frozen=True)
class MarkCluster:
    """Marks that lie together. middle: (x, y) in mm; count: how many."""

    middle: Place
    count: int


def groups(places: Sequence[Place]) -> list[MarkCluster]:
    """Marks joined by steps of at most TOGETHER_MM; the largest group first."""
    left = list(places)
    clusters = []
    while left:
        members = [left.pop()]
        for here in members:  # grows while it is walked
            near = [mark for mark in left if np.hypot(mark[0] - here[0], mark[1] - here[1]) <= TOGETHER_MM]
            members += near
            left = [mark for mark in left if mark not in near]
        x, y = np.mean(members, axis=0)
        clusters.append(MarkCluster((float(x), float(y)), len(members)))
    return sorted(clusters, key=lambda group: (-group.count, group.middle))


def heat_picture(grey: npt.NDArray[np.uint8], pixel_mm: tuple[float, float], places: Sequence[Place]) -> RGB:
    """grey: (rows, columns) of the whole view; pixel_mm: (row, column) of its pixels; places: (x, y) in mm from the top
    left corner. Gives (rows, columns, 3) RGB. The colour says the share of the most marked place, the numbers how many.
    """
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if not places:
        return np.asarray(picture, np.uint8)
    density = _density(grey.shape, pixel_mm, places)
    levels = np.rint(density * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    weight = np.minimum(1.0, density * 1.6)[..., None] * 0.75
    picture = np.rint(picture * (1 - weight) + colours * weight).astype(np.uint8)
    for x, y in places:
        cv2.circle(picture, _at((x, y), pixel_mm), 3, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, _at((x, y), pixel_mm), 3, (0, 0, 0), 1, cv2.LINE_AA)
    for group in groups(places):
        _number(picture, _at(group.middle, pixel_mm), group.count)
    return picture


def _density(shape: tuple[int, ...], pixel_mm: tuple[float, float], places: Sequence[Place]) -> npt.NDArray[np.float32]:
    """(rows, columns) float32 in 0..1, 1 where most blots lie on one another."""
    sums = np.zeros(shape[:2], np.float32)
    for place in places:
        column, row = _at(place, pixel_mm)
        if 0 <= row < shape[0] and 0 <= column < shape[1]:
            sums[row, column] += 1
    blurred = cv2.GaussianBlur(
        sums, (0, 0), SPREAD_MM / pixel_mm[1], sigmaY=SPREAD_MM / pixel_mm[0], borderType=cv2.BORDER_CONSTANT
    )
    most = float(blurred.max())
    return np.asarray(blurred / most if most else blurred, np.float32)


def _at(place: Place, pixel_mm: tuple[float, float]) -> tuple[int, int]:
    """(column, row) of the pixel that holds the place."""
    return int(place[0] / pixel_mm[1]), int(place[1] / pixel_mm[0])


def _number(picture: RGB, middle: tuple[int, int], count: int) -> None:
    """The count in a dark disc, beside the marks and inside the picture."""
    words, radius = str(count), 15
    x = int(np.clip(middle[0] + 26, radius, picture.shape[1] - radius - 1))
    y = int(np.clip(middle[1] - 26, radius, picture.shape[0] - radius - 1))
    cv2.circle(picture, (x, y), radius, (0, 0, 0), -1, cv2.LINE_AA)
    cv2.circle(picture, (x, y), radius, (255, 255, 255), 1, cv2.LINE_AA)
    (width, height), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 2)
    at = (x - width // 2, y + height // 2)
    cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2, cv2.LINE_AA)
