"""`python -m training.data NAME --root DIR [--read]`: checks a data set and prints its card."""

from collections import Counter
from pathlib import Path

import click

import mtunet
from training.data.registry import DATASETS, DataSetMissing, card, samples


@click.command()
@click.argument("name", type=click.Choice(list(DATASETS)))
@click.option("--root", type=click.Path(path_type=Path), required=True, help="The folder it lies in.")
@click.option("--read", is_flag=True, help="Also read every image and mask (slow).")
def main(name: str, root: Path, read: bool) -> None:
    """Check a data set of real mammograms and print its card."""
    mtunet.speak_utf8()
    try:
        click.echo(card(name, root))
        if read:
            click.echo(reading_report(name, root))
    except DataSetMissing as problem:
        click.echo(problem, err=True)
        raise SystemExit(2) from None


def reading_report(name: str, root: Path) -> str:
    """Counts over every view that can be read, and the sentences on what was left out or repaired."""
    notes: list[str] = []
    counts: Counter[str] = Counter()
    for view in samples(name, root, notes.append):
        counts["views read"] += 1
        counts.update(f"{kind.value} {known.value}" for kind, known in view.known.items())
        counts[f"spacing {view.spacing}"] += 1
        notes.extend(f"{view.sample.name}: {note}" for note in view.notes)
    return "\n".join([*(f"{what}: {count}" for what, count in sorted(counts.items())), *notes])


if __name__ == "__main__":
    main(prog_name="python -m training.data")
