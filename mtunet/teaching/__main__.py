"""Make what teaching ships: `python -m mtunet.teaching pool` (the quiz's cases) and `pictures` (the lesson's)."""

import argparse
from pathlib import Path

from mtunet.teaching.figure import make_pictures
from mtunet.teaching.items import POOL, draw_pool
from mtunet.teaching.lesson import PICTURES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mtunet.teaching", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    pool = commands.add_parser("pool", help="draw the quiz's cases; takes seconds each")
    pool.add_argument("--items", type=int, default=206)
    pool.add_argument("--out", type=Path, default=POOL)
    pictures = commands.add_parser("pictures", help="draw the lesson's pictures")
    pictures.add_argument("keys", nargs="*", default=list(PICTURES), help="only these")
    chosen = parser.parse_args()
    if chosen.command == "pool":
        for number, item in enumerate(draw_pool(chosen.items, chosen.out), 1):
            print(number, item.id, item.answer.value, item.level, flush=True)
    else:
        for path in make_pictures(keys=chosen.keys):
            print(path, flush=True)


if __name__ == "__main__":
    main()
