"""Serve the app as `serve.py` does, with two quiz cases in turn and a drawn cross-validation in the gallery, so that a
round and the gallery are drawn in seconds.

Only tests use it. The product has no switch for this.
"""

import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mtunet.evaluation import runs  # noqa: E402
from mtunet.phantom import Phantom, PhantomSpec, make_phantom  # noqa: E402
from mtunet.teaching import run_cases  # noqa: E402
from mtunet.teaching.items import pool  # noqa: E402
from pages.shared import phantoms  # noqa: E402
from pages.teaching import round as rounds  # noqa: E402
from tests.drawn_run import visible_phantom, write_run  # noqa: E402

FOLDER = Path(os.environ["MTUNET_DATA"]).parent


def in_turn(_items: object, history: list[object], _level: str, seed: int) -> object:
    return [pool()[0], pool()[1]][len(history) % 2]


def quick_or_real(spec: PhantomSpec) -> Phantom:
    """The drawn run's phantoms have small seeds."""
    return visible_phantom(spec) if spec.seed < 1000 else make_phantom(spec)


rounds.next_item = in_turn  # type: ignore[assignment]
phantoms.make_phantom = quick_or_real
run_cases.make_phantom = visible_phantom
run_cases.FOLDER = FOLDER / "outcomes"
runs.RUNS = FOLDER / "runs"
if not runs.RUNS.exists():
    list(run_cases.draw_outcomes(write_run(runs.RUNS / "drawn")))
runpy.run_path(str(Path(__file__).parent / "serve.py"), run_name="__main__")
