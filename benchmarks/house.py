"""The house in numbers: how large it is, how it hangs together, what opening a case walks through.

`python -m benchmarks.house` prints one line per number; `--open` adds those that need the app to be run.
A compass, not the aim: code that a person holds in the head is.
"""

import argparse
import ast
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ("mtunet", "training", "pages", "benchmarks")
OURS = ("mtunet", "training", "pages")
SQL = re.compile(
    r"\b(select\s[^;]*?\sfrom\s|insert\s+(or\s+\w+\s+)?into\s|update\s+\w+\s+set\s|delete\s+from\s|pragma\s)",
    re.IGNORECASE,
)


def files(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if "__pycache__" not in path.parts]


def lines(paths: list[Path]) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules() -> dict[str, ast.Module]:
    return {module_name(path): ast.parse(path.read_text()) for folder in OURS for path in files(folder)}


def imported(node: ast.AST, known: dict[str, ast.Module]) -> set[str]:
    """The modules of ours that one import statement names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names if alias.name in known}
    if isinstance(node, ast.ImportFrom) and node.module:
        full = {f"{node.module}.{alias.name}" for alias in node.names}
        return {name if name in known else node.module for name in full} & set(known)
    return set()


def late_imports(known: dict[str, ast.Module]) -> list[tuple[str, str]]:
    """(importing module, imported module) of every import of ours inside a function."""
    return [
        (name, target)
        for name, tree in known.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        for target in imported(node, known)
    ]


def circles(known: dict[str, ast.Module]) -> list[tuple[str, ...]]:
    """Groups of modules that import one another, late imports included (Tarjan's strongly connected components)."""
    graph = {
        name: {t for node in ast.walk(tree) for t in imported(node, known)} - {name} for name, tree in known.items()
    }
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[tuple[str, ...]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for target in graph[name]:
            if target not in order:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], order[target])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                groups.append(tuple(sorted(group)))

    sys.setrecursionlimit(10_000)
    for name in graph:
        if name not in order:
            visit(name)
    return groups


def classes_of_two_meanings(known: dict[str, ast.Module]) -> dict[str, list[str]]:
    where: dict[str, list[str]] = defaultdict(list)
    for name, tree in known.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                where[node.name].append(name)
    return {cls: there for cls, there in sorted(where.items()) if len(there) > 1}


def _texts(tree: ast.Module) -> Iterator[str]:
    """String literals that are no docstrings."""
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def sql_outside_the_store(known: dict[str, ast.Module]) -> list[str]:
    return [
        name
        for name, tree in known.items()
        if not name.startswith("mtunet.store") and any(SQL.search(text) for text in _texts(tree))
    ]


def tracked_bytes() -> int:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sum((ROOT / name).stat().st_size for name in names.split("\0") if name and (ROOT / name).exists())


def places_to_touch() -> dict[str, int]:
    """Of the table "Where to add" in ARCHITECTURE.md: how many files each row names."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = text.partition("## Where to add")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:3] for row in table.splitlines() if row.startswith("| a ") or row.startswith("| an ")]
    return {what.strip(): len(set(re.findall(r"`([\w/]+\.(?:py|json|toml))`", where))) for what, where in rows}


def opening() -> dict[str, int]:
    """What opening an analysed case of one image walks through: functions of ours entered for the first time from
    another module, the modules on the way, and how often maps are read. The network is the tests' painter."""
    import pytest
    from streamlit.testing.v1 import AppTest

    from mtunet.detection import models
    from mtunet.intake.admission import Origin, take_in
    from mtunet.store.images import Store
    from mtunet.store.records import JobState, now
    from tests import painting

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTUNET_DATA", folder)
        patch.setattr(models, "MODELS", painting.painting_models())
        patch.setattr(models, "load_model", painting.painting_model)
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
        with Store.open(Path(folder)) as store:
            [taken] = take_in(store, painting.drawn_png(), "drawn.png", Origin("house", now()), models.DEFAULT_MODEL)
            app.run()
            while (job := store.job(taken.sha256, models.DEFAULT_MODEL)) is None or job.state is not JobState.DONE:
                time.sleep(0.1)
        entered: set[str] = set()
        places: set[str] = set()
        counts = {"hops": 0, "maps": 0}

        def watch(frame: FrameType, event: str, _: object) -> None:
            path = frame.f_code.co_filename
            if event != "call" or not any(path.startswith(f"{ROOT}/{ours}/") for ours in OURS):
                return
            counts["maps"] += frame.f_code.co_name == "read_maps"
            caller = frame.f_back.f_code.co_filename if frame.f_back else ""
            name = f"{path}:{frame.f_code.co_firstlineno}"
            if name not in entered:
                entered.add(name)
                places.add(path)
                counts["hops"] += caller != path and frame.f_code.co_name != "<module>"

        app.switch_page("pages/case/case.py")
        app.query_params["image"] = taken.sha256
        threading.setprofile(watch)  # AppTest runs the page in a thread of its own
        app.run()
        threading.setprofile(None)
        assert not app.exception
    return {**counts, "modules": len(places)}


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.house", description=__doc__)
    asked.add_argument("--open", action="store_true", help="also open a case and count what is walked through")
    wanted = asked.parse_args()
    known = modules()
    source = [path for folder in SOURCE for path in files(folder)] + [ROOT / "streamlit_app.py"]
    late, doubled, sql = late_imports(known), classes_of_two_meanings(known), sql_outside_the_store(known)
    flat = sorted(path.name for path in (ROOT / "mtunet").glob("*.py") if path.name != "__init__.py")
    tests = files("tests")
    touched = places_to_touch()
    for name, value, wish, detail in (
        ("source files", len(source), "<= 190", ""),
        ("source lines", lines(source), "<= 30,000", ", ".join(f"{d} {lines(files(d)):,}" for d in SOURCE)),
        ("flat modules in mtunet/", len(flat), "<= 3", " ".join(flat)),
        ("circles", len(circles(known)), "0", "; ".join(" ".join(group) for group in circles(known))),
        ("late internal imports", len(late), "<= 30", ""),
        ("class names with two meanings", len(doubled), "<= 5", " ".join(doubled)),
        ("modules with SQL outside store/", len(sql), "0", " ".join(sql)),
        ("test lines / source lines", f"{lines(tests) / lines(source):.2f}", ">= 0.7", f"{lines(tests):,} lines"),
        ("tracked MB", f"{tracked_bytes() / 1e6:.1f}", "<= 45", ""),
        ("files to touch, at most", max(touched.values(), default=0), "<= 2", str(touched)),
    ):
        print(f"{name:34} {value!s:>8}   wanted {wish:10} {detail}")
    if wanted.open:
        walked = opening()
        print(f"{'first-visit hops to open a case':34} {walked['hops']:>8}   wanted <= 60  {walked['modules']} modules")
        print(f"{'maps read on opening a case':34} {walked['maps']:>8}   wanted 0")


if __name__ == "__main__":
    main()
