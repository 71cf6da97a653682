"""The architecture, as a test: who may import whom (ARCHITECTURE.md says why)."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# room -> (its modules, the rooms whose modules they may import besides their own room's). A module in no room fails.
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "case": (("mtunet", "mtunet.case", "mtunet.names", "mtunet.stems", "mtunet.disclaimer"), ()),
    "reading": (
        ("mtunet.reading", "mtunet.archives", "mtunet.decoding*", "mtunet.dicom*", "mtunet.pictures"),
        ("case",),
    ),
    "network": (("mtunet.network", "mtunet.ensemble", "mtunet.devices"), ("case",)),
    "preprocessing": (("mtunet.preprocessing", "mtunet.breast"), ("case",)),
    "models": (("mtunet.models", "mtunet.weights"), ("case", "network")),
    "segmentation": (("mtunet.segmentation",), ("case", "network", "preprocessing", "models", "specks")),
    "specks": (("mtunet.specks",), ()),
    "findings": (("mtunet.findings", "mtunet.components", "mtunet.outlines"), ("case", "specks")),
    "triage": (("mtunet.triage", "mtunet.study_triage"), ("case",)),
    "studies": (("mtunet.studies", "mtunet.hanging"), ("case",)),
    "amounts": (
        (
            "mtunet.bac_amount",
            "mtunet.bac_change",
            "mtunet.landmarks",
            "mtunet.matching",
            "mtunet.plane",
            "mtunet.study_look",
        ),
        ("case", "findings", "triage"),
    ),
    "metrics": (("mtunet.metrics",), ("case",)),
    "runs": (("mtunet.runs", "mtunet.run_files"), ()),
    "phantom": (("mtunet.phantom*",), ("case",)),
    "evaluation": (("mtunet.evaluation*",), ("case", "phantom", "drawing", "runs")),
    "samples": (("mtunet.samples",), ("case",)),
    "model card": (
        ("mtunet.model_card", "mtunet.model_card_text"),
        ("case", "findings", "models", "runs", "samples", "evaluation"),
    ),
    "drawing": (("mtunet.drawing", "mtunet.lettering"), ("case", "findings")),
    "analysis": (
        ("mtunet.analysis", "mtunet.analysis_json", "mtunet.assessing"),
        ("case", "models", "segmentation", "findings", "triage"),
    ),
    "exports": (
        ("mtunet.exports*",),
        ("case", "drawing", "findings", "analysis", "triage", "amounts", "decisions"),
    ),
    "decisions": (("mtunet.decisions", "mtunet.agreement"), ("case",)),
    "store": (
        (
            "mtunet.store",
            "mtunet.database",
            "mtunet.study_store",
            "mtunet.study_summary",
            "mtunet.worklist",
            "mtunet.migrations",
            "mtunet.records",
            "mtunet.filing",
            "mtunet.decision_store",
        ),
        ("case", "studies", "triage", "decisions"),
    ),
    "jobs": (
        ("mtunet.jobs", "mtunet.intake", "mtunet.receiving", "mtunet.inbox", "mtunet.storage_scp"),
        (
            *("case", "network", "models", "reading", "analysis", "amounts", "drawing", "samples", "store", "studies"),
            "segmentation",
        ),
    ),
    "command line": (
        ("mtunet.__main__", "mtunet.cli*"),
        (
            *("case", "reading", "models", "network", "triage", "analysis", "drawing", "exports", "samples"),
            *("model card", "store", "jobs"),
        ),
    ),
    "training": (
        ("training*",),
        (
            *("case", "network", "preprocessing", "models", "segmentation", "findings", "metrics", "runs", "phantom"),
            *("reading", "analysis", "evaluation", "drawing", "samples", "model card"),
        ),
    ),
    "teaching": (
        ("mtunet.teaching*",),
        (
            *("case", "reading", "network", "models", "segmentation", "findings", "drawing", "samples", "store"),
            *("phantom", "runs", "evaluation"),
        ),
    ),
    "pages": (
        ("pages*", "streamlit_app"),
        (
            *("case", "reading", "models", "network", "segmentation", "findings", "triage", "analysis"),
            *("drawing", "exports", "samples", "store", "studies", "jobs", "runs", "evaluation", "phantom", "teaching"),
            *("amounts", "decisions", "model card"),
        ),
    ),
}

# packages that live behind few doors
ONLY_IN = {
    "streamlit": ("pages", "streamlit_app"),
    "plotly": ("pages", "mtunet.drawing"),
    "starlette": ("pages", "streamlit_app"),
    "sqlite_utils": (
        "mtunet.store",
        "mtunet.database",
        "mtunet.study_store",
        "mtunet.study_summary",
        "mtunet.migrations",
    ),
    "pydicom": ("mtunet.dicom", "mtunet.decoding.worker", "mtunet.phantom.dicom_file", "mtunet.exports"),
    "highdicom": ("mtunet.exports",),
    "reportlab": ("mtunet.exports.report",),
    "segno": ("pages.widgets.teaching.classroom.address",),
    "safetensors": ("mtunet.weights", "training.checkpoints"),
    "skimage": ("mtunet.findings", "mtunet.metrics", "training.classical"),
    "kornia": ("training.augmentation",),
    "ray": ("training.cluster", "mtunet.cli.cluster"),
    "pynetdicom": ("mtunet.storage_scp",),
}


def modules() -> list[tuple[str, Path]]:
    paths = [path for folder in ("mtunet", "training", "pages") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(_name(path), path) for path in [*paths, ROOT / "streamlit_app.py"]]


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str | None:
    """The room that names the module, exactly or by the longest pattern with a star at its end."""
    fits = [
        (len(pattern), room)
        for room, (patterns, _) in ROOMS.items()
        for pattern in patterns
        if module == pattern or (pattern.endswith("*") and module.startswith(pattern[:-1]))
    ]
    return max(fits)[1] if fits else None


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
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
    assert room is not None, f"say in ROOMS which room {name} is in"
    for used in imports(path):
        package = used.split(".")[0]
        if package in ("mtunet", "training", "pages", "streamlit_app"):
            other = room_of(used)
            assert other == room or other in ROOMS[room][1], f"{name} ({room}) may not import {used} ({other})"
        elif package in ONLY_IN:
            assert name.startswith(ONLY_IN[package]), f"{package} belongs in {ONLY_IN[package]}, not in {name}"


def test_every_room_is_inhabited() -> None:
    there = {room_of(name) for name, _ in modules()}
    assert there == set(ROOMS)


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
    assert _loaded_by("import mtunet.models", "torch", "streamlit") == ""


def test_the_command_lines_help_needs_no_torch() -> None:
    assert _loaded_by("import mtunet.__main__", "torch", "streamlit", "pydicom") == ""


def test_the_network_and_the_loop_need_only_torch_numpy_and_opencv() -> None:
    heavy = ("streamlit", "pydicom", "plotly", "sqlite_utils", "skimage", "pandas", "PIL")
    assert _loaded_by("import mtunet.network, training.fitting", *heavy) == ""


@pytest.mark.parametrize(
    "start", ["mtunet.__main__, mtunet.segmentation", "pages.widgets.work, mtunet.segmentation", "training.__main__"]
)
def test_threads_are_told_to_sleep_before_torch_is_loaded(start: str) -> None:
    """torch reads it once: a line too late, and a busy machine analyses at an eighth of the pace."""
    watch = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch': print(os.environ.get('OMP_WAIT_POLICY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    without = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", f"{watch}import {start}"], cwd=ROOT, env=without, check=True, capture_output=True
    )
    assert done.stdout.split() == [b"passive"]
