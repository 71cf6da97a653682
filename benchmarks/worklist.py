"""The worklist with 10,000 studies: the query and the drawing of its page, from one run.

    python benchmarks/worklist.py [--studies 10000] [--repeat 15] [--pages]

The studies are drawn by chance (tests/drawn_queue.py: four views each, with analyses, without pixels). Query: a page of
20 rows with their images, jobs and reasons, the count and the tally of flags, for each way to sort, filter and search.
Render (--pages): the whole page by Streamlit's own test runner, everything but the browser. Median of the repeats, and
the slowest in brackets. Not for clinical use.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from mtunet.case import Flag  # noqa: E402
from mtunet.store import worklist  # noqa: E402
from mtunet.store.images import Store  # noqa: E402
from mtunet.store.worklist import Order, Query, State  # noqa: E402
from tests.drawn_queue import fill, multiply  # noqa: E402

DRAWN = 1000
QUERIES = {
    "in turn": (Query(), 0),
    "in turn, last page": (Query(), -1),
    "newest": (Query(order=Order.NEWEST), 0),
    "by BAC share": (Query(order=Order.SHARE), 0),
    "by title": (Query(order=Order.TITLE), 0),
    "flag: MC": (Query(flag=Flag.MC), 0),
    "flag: mostly BAC, MC left": (Query(flag=Flag.MOSTLY_BAC_MC_LEFT), 0),
    "state: new": (Query(state=State.NEW), 0),
    "search: a title": (Query(search="Study 009"), 0),
    "search: a file name": (Query(search="7_00711_LMLO"), 0),
    "search: nothing found": (Query(search="nothing like it"), 0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--pages", action="store_true", help="also draw the page")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        os.environ["MTUNET_DATA"] = str(data)
        with Store.open(data) as store:
            started = time.perf_counter()
            write(store, arguments.studies)
            print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
            print(f"{arguments.studies:,} studies of four views written in {time.perf_counter() - started:.1f} s\n")
            print("query: a page of 20, the count and the tally, milliseconds")
            for name, (query, page) in QUERIES.items():
                print(f"  {name:40s} {_timed(lambda w=query, p=page: ask(data, w, p), arguments.repeat)}")
        if arguments.pages:
            _draw(arguments.repeat)


def write(store: Store, studies: int) -> None:
    """A thousand are drawn, the others are copies of them."""
    fill(store, min(studies, DRAWN))
    if studies > DRAWN:
        multiply(store, studies // DRAWN)


def ask(data: Path, query: Query, page: int) -> None:
    """What a run of the page asks of the store, opening included."""
    with Store.open(data) as store:
        total = worklist.count(store, query)
        offset = 0 if page >= 0 else max(0, (total - 1) // 20 * 20)
        worklist.rows(store, query, offset=offset)
        worklist.tally(store, query)
        store.waiting()


def _draw(repeat: int) -> None:
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    started = time.perf_counter()
    app.run()
    print(f"\nrender: the whole page, milliseconds; the first time {1000 * (time.perf_counter() - started):.0f}")
    print(f"  {'again':40s} {_timed(app.run, repeat)}")
    print(f"  {'a search':40s} {_timed(lambda: _search(app), repeat)}")
    assert not app.exception, app.exception
    st.cache_resource.clear()  # ends the workers


def _search(app: object) -> None:
    box = app.text_input(key="worklist.search")  # type: ignore[attr-defined]
    box.set_value("" if box.value else "Study 009").run()


def _timed(act: Callable[[], object], repeat: int) -> str:
    act()
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - started)
    return f"{1000 * statistics.median(seconds):7.1f}  ({1000 * max(seconds):.1f})"


if __name__ == "__main__":
    main()
