"""The architecture, as a test: who may import whom (ARCHITECTURE.md says why)."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

# floor by floor: room -> the rooms it may import. `mtunet` itself and GROUND are the ground.
ROOMS: dict[str, tuple[str, ...]] = {
    "case": (),
    "imaging": ("case",),
    "detection": ("case",),
    "phantom": ("case",),
    "study": ("case", "detection"),
    "store": ("case", "detection", "study"),
    "output": ("case", "detection", "study"),
    "evaluation": ("case", "detection", "phantom", "output"),
    "intake": ("case", "imaging", "detection", "phantom", "study", "store", "output"),
    "teaching": ("case", "imaging", "detection", "phantom", "study", "store", "output", "evaluation", "intake"),
    "training": ("case", "imaging", "detection", "phantom", "study", "output", "evaluation"),
    "cli": ("case", "imaging", "detection", "phantom", "study", "store", "output", "evaluation", "intake", "teaching"),
    "pages": (
        "case",
        "imaging",
        "detection",
        "phantom",
        "study",
        "store",
        "output",
        "evaluation",
        "intake",
        "teaching",
    ),
}
GROUND = ("mtunet", "mtunet.files")

COMMANDS = ("mtunet.phantom.__main__", "mtunet.teaching.__main__", "training.__main__", "training.data.__main__")

# packages that live behind few doors
ONLY_IN = {
    "streamlit": ("pages", "streamlit_app"),
    "plotly": ("pages", "mtunet.output.drawing"),
    "starlette": ("pages", "streamlit_app"),
    "sqlite_utils": ("mtunet.store",),
    "pydicom": ("mtunet.imaging", "mtunet.phantom.dicom_file", "mtunet.output.exports"),
    "highdicom": ("mtunet.output.exports",),
    "reportlab": ("mtunet.output.exports.report",),
    "click": ("mtunet.__main__", "mtunet.cli", *COMMANDS),
    "segno": ("pages.teaching.classroom.opening",),
    "safetensors": ("mtunet.detection.weights", "training.checkpoints"),
    "skimage": ("mtunet.detection.findings", "mtunet.evaluation.metrics", "training.data.classical"),
    "pydantic": (
        *("mtunet.detection.analysis_json", "mtunet.study.look", "mtunet.output.exports.study_json"),
        *("mtunet.teaching.items", "mtunet.teaching.model_answers"),
    ),
    "ray": ("training.cluster", "mtunet.intake.cluster"),
    "pynetdicom": ("mtunet.intake.scp", "mtunet.intake.archive"),
}


def modules() -> list[tuple[str, Path]]:
    paths = [path for folder in ("mtunet", "training", "pages") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(_name(path), path) for path in [*paths, ROOT / "streamlit_app.py"]]


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    """The folder of `mtunet` that the module lies in; `training`, `pages` as a whole; the ground is `case`."""
    first, *rest = module.split(".")
    if module in GROUND:
        return "case"
    if module == "mtunet.__main__":
        return "cli"
    return {"streamlit_app": "pages", "training": "training", "pages": "pages"}.get(first) or rest[0]


@cache
def door(package: str) -> set[str]:
    """What the `__all__` of a room (or of a folder in one) lets others use."""
    for node in ast.parse((ROOT / package.replace(".", "/") / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def past_the_door(module: str) -> str | None:
    """The part of `mtunet.room.part…` that a door on the way does not name; None where all doors are open."""
    parts = module.split(".")
    for place in range(2, len(parts)):
        if parts[place] not in door(".".join(parts[:place])):
            return ".".join(parts[: place + 1])
    return None


class Seen(NamedTuple):
    """Of one module: what it imports, the lines of what it imports of ours inside functions, where it speaks SQL."""

    imports: frozenset[str]
    late: frozenset[int]
    sql: str | None


@cache
def seen(path: Path) -> Seen:
    """Read and walked once, for all tests."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {node.lineno for function in functions for node in ast.walk(function) if _imports_ours(node)}
    return Seen(frozenset(_imports(nodes)), frozenset(late), speaks_sql(nodes))


def imports(path: Path) -> frozenset[str]:
    return seen(path).imports


def _imports(nodes: Iterable[ast.AST]) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = ROOT / f"{node.module}.{alias.name}".replace(".", "/")
                is_module = full.with_suffix(".py").exists() or (full / "__init__.py").exists()
                found.add(f"{node.module}.{alias.name}" if is_module else node.module)
    return found


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_follow_the_layers(name: str, path: Path) -> None:
    room = room_of(name)
    assert room in ROOMS, f"say in ROOMS what the room of {name} may import"
    for used in imports(path):
        package = used.split(".")[0]
        if package in ("mtunet", "training", "pages", "streamlit_app"):
            other = room_of(used)
            assert other == room or other in ROOMS[room], f"{name} ({room}) may not import {used} ({other})"
            if package == "pages" and name.startswith("pages."):
                assert used.split(".")[1] in (name.split(".")[1], "shared"), f"{name} may not import {used}"
            if other not in (room, "case"):
                assert past_the_door(used) is None, f"{name} goes past the door: {past_the_door(used)}"
        elif package in ONLY_IN:
            assert name.startswith(ONLY_IN[package]), f"{package} belongs in {ONLY_IN[package]}, not in {name}"


def test_every_room_is_inhabited_and_says_what_it_is() -> None:
    assert {room_of(name) for name, _ in modules()} == set(ROOMS)
    for folder in sorted((ROOT / "mtunet").glob("*/__init__.py")):
        assert ast.get_docstring(ast.parse(folder.read_text())), folder


def test_floors_run_one_way() -> None:
    order = list(ROOMS)
    for room, below in ROOMS.items():
        assert all(order.index(other) < order.index(room) for other in below), room


def test_no_modules_import_one_another_in_a_circle() -> None:
    """Also through what is imported late, or for type checkers alone."""
    paths = dict(modules())
    waiting = {name: (imports(path) & set(paths)) - {name} for name, path in paths.items()}
    while free := [name for name, used in waiting.items() if not used & set(waiting)]:
        for name in free:
            del waiting[name]
    assert not waiting, f"a circle among, or below: {', '.join(waiting)}"


MOST_LATE = 30


def test_few_imports_of_ours_are_late() -> None:
    """Where a module loads another inside a function: to spare whoever does not need it torch or a DICOM library."""
    late = [f"{name}:{line}" for name, path in modules() for line in seen(path).late]
    assert len(late) <= MOST_LATE, sorted(late)


def _imports_ours(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return _is_ours(node.module or "")
    return isinstance(node, ast.Import) and any(_is_ours(alias.name) for alias in node.names)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("mtunet", "training", "pages", "streamlit_app")


SQL = re.compile(
    r"(select|insert|update|delete|create|alter|drop|with|pragma|begin)\b.*\b(from|into|set|table|index|immediate)\b",
    re.I | re.S,
)


def _texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def speaks_sql(nodes: Collection[ast.AST]) -> str | None:
    """The first of a module's nodes by which it speaks to SQLite itself; None where there is none."""
    docs = {ast.get_docstring(node, clean=False) for node in nodes if isinstance(node, _DOCUMENTED)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and (
            node.attr in ("execute", "executemany", "executescript") or (node.attr == "db" and _is_store(node.value))
        ):
            return ast.unparse(node)
    return next((said for said in _texts(nodes) if said not in docs and SQL.match(said.strip())), None)


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _is_store(node: ast.AST) -> bool:
    return "store" in ast.unparse(node)


def test_sql_stands_in_the_store_alone() -> None:
    for name, path in modules():
        if room_of(name) != "store":
            assert seen(path).sql is None, f"{name}: {seen(path).sql}"
            assert not {"sqlite3", "sqlite_utils"} & imports(path), name


@pytest.mark.parametrize(
    "line",
    [
        'rows = query("select * from images")',
        'go(f"update {table} set a = 1")',
        "store.db",
        "self._store.db['rooms']",
        'x.execute("")',
    ],
)
def test_sql_is_known_when_it_is_seen(line: str) -> None:
    assert speaks_sql(list(ast.walk(ast.parse(line)))) is not None


def test_no_pickle_is_ever_loaded() -> None:
    for name, path in modules():
        text = path.read_text()
        assert "pickle" not in text.replace("allow_pickle=False", "").replace("never a pickle", ""), name
        assert "torch.load" not in text, name


def _loaded_by(statement: str, *unwanted: str) -> str:
    code = f"{statement}; import sys; print(*[m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_listing_models_needs_no_torch() -> None:
    assert _loaded_by("import mtunet.detection.models", "torch", "streamlit") == ""


def test_the_command_lines_help_needs_no_torch() -> None:
    assert _loaded_by("import mtunet.__main__", "torch", "streamlit", "pydicom") == ""


def test_the_evaluation_page_opens_without_torch_and_scipy_stats() -> None:
    """Which take a second each to import. The page is a script; `network_figure` is loaded where it is shown."""
    modules = {file.stem for file in (ROOT / "pages" / "evaluation").glob("*.py")}
    modules -= {"__init__", "evaluation", "network_figure"}
    sections = "import " + ", ".join(f"pages.evaluation.{module}" for module in sorted(modules))
    assert _loaded_by(sections, "torch", "scipy.stats") == ""


def test_comparisons_and_claims_need_no_scikit_image() -> None:
    sections = "import pages.evaluation.beside, pages.evaluation.checklist, pages.evaluation.claims"
    assert _loaded_by(sections, "torch", "scipy.stats", "skimage") == ""


def test_the_network_and_the_loop_need_only_torch_numpy_and_opencv() -> None:
    heavy = ("streamlit", "pydicom", "plotly", "sqlite_utils", "skimage", "pandas", "PIL")
    assert _loaded_by("import mtunet.detection.network, training.loop", *heavy) == ""


@pytest.mark.parametrize(
    "start",
    [
        "mtunet.__main__, mtunet.detection.segmentation",
        "pages.shared.work, mtunet.detection.segmentation",
        "training.__main__",
    ],
)
def test_threads_are_told_to_sleep_before_torch_is_loaded(start: str) -> None:
    """torch reads it once: a line too late, and a busy machine analyses at an eighth of the pace."""
    watch = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch': print(os.environ.get('OMP_WAIT_POLICY')), sys.exit()\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    without = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", f"{watch}import {start}"], cwd=ROOT, env=without, check=True, capture_output=True
    )
    assert done.stdout.split() == [b"passive"]
