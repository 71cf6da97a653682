"""Serve the app as `serve.py` does, with two quiz cases in turn, so that a round is drawn in seconds.

Only tests use it. The product has no switch for this.
"""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mtunet.teaching.items import pool  # noqa: E402
from pages.widgets.teaching import round as rounds  # noqa: E402


def in_turn(_items: object, history: list[object], _level: str, seed: int) -> object:
    return [pool()[0], pool()[1]][len(history) % 2]


rounds.next_item = in_turn  # type: ignore[assignment]
runpy.run_path(str(Path(__file__).parent / "serve.py"), run_name="__main__")
