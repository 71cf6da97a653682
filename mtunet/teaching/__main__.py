"""Make what teaching ships.

python -m mtunet.teaching pool          the quiz's cases
python -m mtunet.teaching shares        how many cases show each descriptor, and how many questions they give
python -m mtunet.teaching pictures      the lesson's pictures
python -m mtunet.teaching table         docs/lesson.md: each statement, its source, its picture
python -m mtunet.teaching model         what the shipped model says of the cases: again after new weights
python -m mtunet.teaching mistakes      pictures of what it gets wrong, by kind
python -m mtunet.teaching own FOLDER    real images of yours that the quiz asks
python -m mtunet.teaching outcomes RUN  the cases of a cross-validation that the quiz can ask: again after a new run
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

import mtunet
from mtunet.case import UnreadableImage
from mtunet.evaluation import runs
from mtunet.imaging.reading import read
from mtunet.teaching import real_cases
from mtunet.teaching.describing import QUESTIONS, questions_of
from mtunet.teaching.figure import make_pictures
from mtunet.teaching.items import POOL, Item, draw_pool, pool
from mtunet.teaching.lesson_sources import PICTURES, TABLE, lesson_table
from mtunet.teaching.mistake_pictures import make_mistakes
from mtunet.teaching.model_answers import ANSWERS
from mtunet.teaching.run_cases import draw_outcomes

COMPARED: Final = "cross-validation"


@click.group(help="Make what teaching ships.")
def main() -> None:
    """The commands."""
    mtunet.speak_utf8()


@main.command("pool")
@click.option("--items", default=206, help="In the usual proportions; those of seldom drawn descriptors come on top.")
@click.option("--out", type=click.Path(path_type=Path), default=POOL)
def _pool(items: int, out: Path) -> None:
    """Draw the quiz's cases; takes seconds each."""
    for number, item in enumerate(draw_pool(items, out), 1):
        click.echo(f"{number} {item.id} {item.answer.value} {item.level}")


@main.command("shares")
def _shares() -> None:
    """How many cases show each descriptor."""
    click.echo(shares_table(pool()))


def shares_table(items: Iterable[Item]) -> str:
    """Text: of each descriptor the cases that hold it, and of each question the cases that are asked it, by answer."""
    every = list(items)
    held: list[tuple[str, Counter[str]]] = [
        ("content", Counter(item.answer.value for item in every)),
        ("level", Counter(item.level for item in every)),
        ("MC shape", Counter(word for item in every for word in item.contents.mc_types)),
        ("MC distribution", Counter(word for item in every for word in item.contents.mc_distributions)),
        ("benign", Counter(word for item in every for word in item.contents.benign)),
        ("BAC grade", Counter(str(item.spec.bac_grade) for item in every if item.spec.bac_grade)),
        ("hard case", Counter(item.spec.hard for item in every if item.spec.hard)),
        ("two views", Counter("yes" for item in every if item.two_views)),
        ("contrast pair", Counter("yes" for item in every if item.contrast)),
    ]
    asked = [
        (
            f"asked: {kind.title}",
            Counter(question.truth for item in every for question in questions_of(item) if question.key == key),
        )
        for key, kind in QUESTIONS.items()
    ]
    lines = [f"{len(every)} cases"]
    for title, counts in (*held, *asked):
        lines.append(title)
        lines += [
            f"  {word.replace('_', ' '):24} {n:4} {100 * n / len(every):5.1f} %" for word, n in counts.most_common()
        ]
    return "\n".join(lines)


@main.command("pictures")
@click.argument("keys", nargs=-1)
def _pictures(keys: tuple[str, ...]) -> None:
    """Draw the lesson's pictures, all or those named."""
    for path in make_pictures(keys=keys or tuple(PICTURES)):
        click.echo(path)


@main.command("table")
def _table() -> None:
    """Write each statement of the lesson with its source and its picture."""
    TABLE.write_text(lesson_table(), encoding="utf-8")
    click.echo(TABLE)


@main.command("model")
@click.option("--items", type=int, default=None, help="Only the first so many.")
def _model(items: int | None) -> None:
    """Show the cases to the shipped model; goes on where it was stopped."""
    from mtunet.teaching.asking import Looker, ask_model  # late: it brings torch

    looker = Looker()
    for number, (item, answer) in enumerate(ask_model(pool()[:items], looker, looker.device), 1):
        click.echo(f"{number} {item.id} {item.answer.value} mc {answer.mc:g} bac {answer.bac:g} hit {answer.hit}")
    click.echo(ANSWERS)


@main.command("mistakes")
def _mistakes() -> None:
    """Draw what the model got wrong on the cases that it was shown."""
    for path in make_mistakes():
        click.echo(path)


@main.command("outcomes")
@click.argument("run", required=False)
def _outcomes(run: str | None) -> None:
    """Draw a run's images (by default every cross-validation's) and keep what the quiz can ask of them."""
    named = (
        [runs.RUNS / run] if run else [comparison.folder for comparison in runs.find() if comparison.kind == COMPARED]
    )
    if not named:
        click.echo(f"There is no cross-validation under {runs.RUNS}: python -m training list names those to be run.")
    for folder in named:
        for number, (image, case) in enumerate(draw_outcomes(folder), 1):
            click.echo(f"{folder.name} {number} {image} {case.answer.value if case else 'ambiguous: not asked'}")


# click fills each paragraph anew unless \b stands before it, which would make prose of the table.
_OWN_HELP = f"Have the quiz ask the real images of FOLDER.\n\n{real_cases.__doc__}".replace("\n\n", "\n\n\b\n")


@main.command("own", help=_OWN_HELP)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)
@click.option("--forget", is_flag=True, help="Ask no folder any more. The folder itself is not touched.")
def _own(folder: Path | None, forget: bool) -> None:
    """Every image and mask is read once; the folder is named if one case is left."""
    if forget:
        real_cases.name_folder(None)
        click.echo("No folder is asked any more.")
        return
    if folder is None:
        raise click.UsageError("Name the folder, or --forget the one that is asked.")
    asked = []
    cases, refused = real_cases.read_folder(folder)
    for case in cases:
        try:
            case.read_masks(read(case.read(), case.file).shape)
        except (UnreadableImage, real_cases.BadRow, OSError) as problem:
            click.echo(f"left out: {case.file}: {problem}", err=True)
            continue
        asked.append(case)
        click.echo(f"{case.file}: {case.why}")
    for sentence in refused:
        click.echo(f"left out: {sentence}", err=True)
    if not asked:
        raise click.ClickException("None of it can be asked, so the quiz stays as it is.")
    real_cases.name_folder(folder, asked)
    click.echo(f'The quiz asks {len(asked)} of these images as "Your images".')


if __name__ == "__main__":
    main(prog_name="python -m mtunet.teaching")
