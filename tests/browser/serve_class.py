"""Serve the app as `serve.py` does, with rooms that ask two known cases, so that a class is drawn in seconds.

Only tests use it. The product has no switch for this.
"""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mtunet.teaching.items import pool  # noqa: E402
from pages.teaching.classroom import opening  # noqa: E402

opening.drawn_items = lambda _level, _length: [pool()[1].id, pool()[0].id]  # type: ignore[assignment]
runpy.run_path(str(Path(__file__).parent / "serve.py"), run_name="__main__")
