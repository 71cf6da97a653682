"""What a person can learn here: a lesson with its sources, cases with exact truth, a quiz and what it says of a reader.

Nothing here draws on a screen. `contents` decides what of a phantom can be seen at all, `items` holds the quiz's cases,
`quiz` marks an answer, `rounds` says what comes next, `scoring` what a reader's answers say, `records` keeps them.
"""

from pathlib import Path
from typing import Final

PICTURES: Final = {
    "lesson": Path(__file__).parent / "pictures",
    "mistakes": Path(__file__).parent / "mistake_pictures",
}
"""Where the pictures that ship lie: said here, so that who serves them needs nothing of who draws them."""

__all__ = [
    "PICTURES",
    "cases",
    "classroom",
    "contents",
    "describing",
    "figure",
    "items",
    "lesson",
    "lesson_sources",
    "mistake_pictures",
    "mistakes",
    "model_answers",
    "quiz",
    "reader_curve",
    "real_cases",
    "records",
    "rounds",
    "run_cases",
    "scoring",
]
