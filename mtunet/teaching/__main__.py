"""Make what teaching ships.

python -m mtunet.teaching pool          the quiz's cases
python -m mtunet.teaching pictures      the lesson's pictures
python -m mtunet.teaching model         what the shipped model says of the cases: again after new weights
python -m mtunet.teaching outcomes RUN  the cases of a cross-validation that the quiz can ask: again after a new run
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from mtunet.evaluation import runs
from mtunet.teaching.figure import make_pictures
from mtunet.teaching.items import POOL, draw_pool, pool
from mtunet.teaching.lesson import PICTURES
from mtunet.teaching.model_answers import ANSWERS
from mtunet.teaching.run_cases import draw_outcomes


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m mtunet.teaching", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    cases = commands.add_parser("pool", help="draw the quiz's cases; takes seconds each")
    cases.add_argument("--items", type=int, default=206)
    cases.add_argument("--out", type=Path, default=POOL)
    pictures = commands.add_parser("pictures", help="draw the lesson's pictures")
    pictures.add_argument("keys", nargs="*", default=list(PICTURES), help="only these")
    model = commands.add_parser("model", help="show the cases to the shipped model; goes on where it was stopped")
    model.add_argument("--items", type=int, default=None, help="only the first so many (default: all)")
    outcomes = commands.add_parser("outcomes", help="draw a run's images and keep what the quiz can ask of them")
    outcomes.add_argument("run", nargs="?", default=None, help="its name under runs/ (default: every cross-validation)")
    chosen = parser.parse_args(arguments)
    COMMANDS[chosen.command](chosen)


def _pool(chosen: argparse.Namespace) -> None:
    for number, item in enumerate(draw_pool(chosen.items, chosen.out), 1):
        print(number, item.id, item.answer.value, item.level, flush=True)


def _pictures(chosen: argparse.Namespace) -> None:
    for path in make_pictures(keys=chosen.keys):
        print(path, flush=True)


def _model(chosen: argparse.Namespace) -> None:
    from mtunet.teaching.asking import Looker, ask_model  # late: it brings torch

    looker = Looker()
    for number, (item, said) in enumerate(ask_model(pool()[: chosen.items], looker, looker.device), 1):
        print(number, item.id, item.answer.value, f"mc {said.mc:g} bac {said.bac:g} hit {said.hit}", flush=True)
    print(ANSWERS)


def _outcomes(chosen: argparse.Namespace) -> None:
    named = [runs.RUNS / chosen.run] if chosen.run else [one.folder for one in runs.find() if one.kind == COMPARED]
    if not named:
        print(f"There is no cross-validation under {runs.RUNS}: python -m training list names those that can be run.")
    for folder in named:
        for number, (image, case) in enumerate(draw_outcomes(folder), 1):
            print(folder.name, number, image, case.answer.value if case else "ambiguous: not asked", flush=True)


COMPARED: Final = "cross-validation"
COMMANDS: Final[Mapping[str, Callable[[argparse.Namespace], None]]] = {
    "pool": _pool,
    "pictures": _pictures,
    "model": _model,
    "outcomes": _outcomes,
}

if __name__ == "__main__":
    main()
