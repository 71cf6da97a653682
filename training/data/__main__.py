"""`python -m training.data NAME --root DIR [--read]`: checks a data set and prints its card."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import mtunet
from training.data.registry import DATASETS, DataSetMissing, card, samples


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when the card was printed, 2 when the data set is not there."""
    mtunet.speak_utf8()
    parser = argparse.ArgumentParser(
        prog="python -m training.data", description="Check a data set of real mammograms and print its card."
    )
    parser.add_argument("name", choices=list(DATASETS), help="the data set")
    parser.add_argument("--root", type=Path, required=True, help="the folder it lies in")
    parser.add_argument("--read", action="store_true", help="also read every image and mask (slow)")
    asked = parser.parse_args(arguments)
    try:
        print(card(asked.name, asked.root))
        if asked.read:
            print(reading_report(asked.name, asked.root))
    except DataSetMissing as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def reading_report(name: str, root: Path) -> str:
    """Counts over every view that can be read, and the sentences on what was left out or repaired."""
    said: list[str] = []
    counts: Counter[str] = Counter()
    for view in samples(name, root, said.append):
        counts["views read"] += 1
        counts.update(f"{kind.value} {known.value}" for kind, known in view.known.items())
        counts[f"spacing {view.spacing}"] += 1
        said.extend(f"{view.sample.name}: {note}" for note in view.notes)
    return "\n".join([*(f"{what}: {count}" for what, count in sorted(counts.items())), *said])


if __name__ == "__main__":
    sys.exit(main())
