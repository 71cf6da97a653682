"""How things are called on screen. One place, so that the worklist and the case never say it in two ways."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from mtunet.case import Calcification, Finding, Flag, Laterality, Priority
from mtunet.case.placement import label
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.files import counted, pixels_words
from mtunet.store.records import Image
from mtunet.store.worklist import Order, State
from mtunet.study.grouping import Study
from mtunet.study.rules import Urgency


class FlagWords(NamedTuple):
    """A flag says itself three times: in words, as an icon, as a colour."""

    words: str
    icon: str
    colour: Literal["red", "orange", "blue", "violet", "gray"]
    help: str


FLAGS: Mapping[Flag, FlagWords] = {
    Flag.MC: FlagWords(
        "Microcalcifications", ":material/flag:", "red", "Microcalcifications (MC) were found. Read this one first."
    ),
    Flag.MOSTLY_BAC_MC_LEFT: FlagWords(
        "Mostly arterial, MC left",
        ":material/call_split:",
        "orange",
        "Most of the calcified area is breast arterial calcification (BAC), but microcalcifications (MC) remain.",
    ),
    Flag.MOSTLY_BAC: FlagWords(
        "Mostly arterial",
        ":material/timeline:",
        "blue",
        "The calcified area is breast arterial calcification (BAC), which is benign for cancer.",
    ),
    Flag.NONE: FlagWords(
        "None found",
        ":material/radio_button_unchecked:",
        "gray",
        "No calcification was found above the thresholds. That does not prove that there is none.",
    ),
    Flag.NOT_ASSESSABLE: FlagWords(
        "Not assessable", ":material/help:", "violet", "The image cannot be judged by this model; the reason says why."
    ),
}

URGENCIES: Mapping[Urgency, str] = {
    Urgency.HIGH: "Read first",
    Urgency.CHECK: "Check",
    Urgency.ROUTINE: "Routine",
    Urgency.UNKNOWN: "Not done yet",
}

ORDERS: Mapping[Order, str] = {
    Order.TURN: "Priority",
    Order.NEWEST: "Newest first",
    Order.SCORE: "Score",
    Order.SHARE: "BAC share",
    Order.TITLE: "Title",
}


class StateWords(NamedTuple):
    """What people have done with a study, as a word and as an icon."""

    words: str
    icon: str


STATES: Mapping[State, StateWords] = {
    State.NEW: StateWords("New", ":material/inbox:"),
    State.OPENED: StateWords("Opened", ":material/visibility:"),
    State.DECIDED: StateWords("Decided", ":material/check_circle:"),
}

PRIORITIES: Mapping[Priority, str] = {
    Priority.HIGH: "Read first",
    Priority.CHECK: "Check",
    Priority.ROUTINE: "Routine",
}

TYPES: Mapping[Calcification, str] = {
    Calcification.MICRO: "microcalcifications (MC)",
    Calcification.ARTERIAL: "arterial calcifications (BAC)",
}

SHORT_TYPES: Mapping[Calcification, str] = {Calcification.MICRO: "MC", Calcification.ARTERIAL: "BAC"}

SIDES: Mapping[Laterality, str] = {Laterality.LEFT: "Left", Laterality.RIGHT: "Right"}


def view_words(image: Image) -> str:
    """ "Left MLO", "Side and view not in the file"."""
    side = SIDES[image.laterality] if image.laterality else ""
    view = image.view.value if image.view else ""
    return f"{side} {view}".strip() or "Side and view not in the file"


def marker(image: Image) -> str:
    """As burnt into a film, "R MLO"; what the file does not say is left out."""
    return label(image.laterality, image.view, image.facts)


def short_marker(image: Image) -> str:
    """The same in one word, "RMLO", "LCC raw"."""
    return f"{image.laterality or ''}{label(None, image.view, image.facts)}"


def size_words(image: Image) -> str:
    """ "2394 × 3062 pixels (columns × rows) of 0.094 mm"."""
    size = pixels_words(image.rows, image.columns)
    if image.spacing_mm is None:
        return f"{size}, no spacing in the file: areas in pixels"
    row_mm, column_mm = image.spacing_mm
    if abs(row_mm - column_mm) < 1e-3 * row_mm:
        return f"{size} of {row_mm:.3g} mm"
    return f"{size} of {column_mm:.3g} × {row_mm:.3g} mm"


def when_words(moment: str, at: datetime | None = None) -> str:
    """ "3 minutes ago", then "today 14:05 UTC", then the date."""
    then, now = datetime.fromisoformat(moment), at or datetime.now(UTC)
    seconds = (now - then).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        minutes = int(seconds // 60)
        return f"{counted(minutes, 'minute')} ago"
    if then.date() == now.date():
        return f"today {then:%H:%M} UTC"
    return f"{then:%d %b %Y %H:%M} UTC"


def ago(study: Study, prior: Study) -> str:
    """ "2.1 years earlier", "40 days earlier"; the days themselves are not kept, only how far they are apart."""
    days = (study.shifted_day or 0) - (prior.shifted_day or 0)
    return f"{days / 365.25:.1f} years earlier" if days > 540 else f"{counted(days, 'day')} earlier"


def share_words(bac_share: float | None) -> str:
    """ "BAC 92 % of the calcified area"; never rounded to none or all of it."""
    if bac_share is None:
        return ""
    whole = round(100 * bac_share)
    if whole == 100 and bac_share < 1:
        return "BAC over 99 % of the calcified area"
    if whole == 0 and bac_share > 0:
        return "BAC under 1 % of the calcified area"
    return f"BAC {whole} % of the calcified area"


def grade_words(grade: int | None) -> str:
    """ "BAC grade 2"; nothing for a study without BAC or one that cannot be graded."""
    return f"BAC grade {grade}" if grade else ""


def score_words(score: int | None) -> str:
    """ "score 87"; nothing without microcalcifications."""
    return "" if score is None else f"score {score}"


def model_words(model: str) -> str:
    """ "Model: Paper (the usual one: Detail)"; nothing for the usual one."""
    return (
        "" if model == DEFAULT_MODEL else f"Model: {model.capitalize()} (the usual one: {DEFAULT_MODEL.capitalize()})"
    )


def networks_words(finding: Finding) -> str:
    """ "1 of 2 networks"; "" where that is not known."""
    return "" if finding.networks is None else f"{finding.networks} networks"


def decision_words(decision: str | None) -> str:
    """A reader's answer for a study as a whole."""
    return {"recall": "Recall", "no_recall": "No recall"}.get(decision or "", "Decided")


STAYS_ON_RECORD = "What readers decided stays on record, without the notes that they wrote; it names no patient."
"""When a study is deleted."""
READERS_DIFFER = "Readers differ"
"""Where the last answers of two for a study are not the same."""


def plain(text: str) -> str:
    """Text that came with a file, so that Markdown shows it as it is: no link, no picture, no markup."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~:$&@/])", r"\\\1", text)
