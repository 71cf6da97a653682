"""The lesson for who checks it: each statement with the text that says so and the picture that shows it."""

from pathlib import Path
from typing import Final

from mtunet.teaching.lesson import LESSON, TEN_FACTS
from mtunet.teaching.lesson_pictures import PICTURES
from mtunet.teaching.sources import SOURCES

TABLE: Final = Path(__file__).parents[2] / "docs" / "lesson.md"


def lesson_table() -> str:
    """Markdown. Each of TEN_FACTS beside the statement that answers it; KeyError where the lesson has none."""
    rows = [
        (number, said.words, said.sources, shown.picture)
        for number, chapter in enumerate(LESSON, 1)
        for shown in chapter.shown
        for said in shown.statements
    ]
    lines = [
        "# The lesson, statement by statement",
        "",
        "Made by `python -m mtunet.teaching table`. Each statement was looked up in the text named beside it; pictures",
        "are drawn from phantoms, but for the last one. Shares of cancer are of cases that were biopsied.",
        "",
        "| | statement | source | picture |",
        "|---|---|---|---|",
        *(f"| {number} | {words} | {_linked(sources)} | {_seen(key)} |" for number, words, sources, key in rows),
        "",
        "## What a resident is examined on, and where the lesson answers it",
        "",
        "| question | the lesson's answer |",
        "|---|---|",
        *(
            f"| {question} | {next(words for _, words, _, _ in rows if part in words)} |"
            for question, part in TEN_FACTS
        ),
    ]
    return "\n".join(lines) + "\n"


def _linked(keys: tuple[str, ...]) -> str:
    said = [SOURCES[key] for key in keys]
    return "; ".join(f"[{one.words}]({one.address})" if one.address else one.words for one in said)


def _seen(key: str) -> str:
    return f"[{PICTURES[key].caption}](../mtunet/teaching/pictures/{key}.webp)"
