"""Training needs torch, numpy, opencv, scipy, scikit-image, safetensors and pillow, its commands click: a borrowed
machine has no more."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from mtunet.evaluation import runs
from tests.drawn_views import drawn_cache
from training.data.recipes import Cohort
from training.experiments import EXPERIMENTS

ROOT = Path(__file__).parent.parent
ENOUGH = ("torch", "numpy", "opencv-python-headless", "scipy", "scikit-image", "safetensors", "pillow", "click")
HIDES = """
import sys
class Hides:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *more):
        return None if name.partition(".")[0] in {hidden!r} else self.finder.find_spec(name, *more)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = [Hides(finder) for finder in sys.meta_path]
"""
FITS = """
import dataclasses, pathlib, sys
from training.data.recipes import Cohort
from training.experiments import EXPERIMENTS
if __name__ == "__main__":
    import training.__main__
    from training.loop import run
    few = dataclasses.replace(
        EXPERIMENTS["smoke"], data=Cohort(views=8), methods=("mtunet", "classical"), draws=4, epochs=1
    )
    assert run(few, pathlib.Path(sys.argv[1]), "cpu") is not None
    try:
        import pydicom
    except ImportError:
        print("done without")
"""


def others() -> set[str]:
    """Modules of installed packages that are neither `ENOUGH` nor what those ask for."""
    wanted, asked = [*ENOUGH], set()
    while wanted:
        name = wanted.pop().lower().replace("_", "-")
        if name in asked:
            continue
        asked.add(name)
        try:
            needed = [one for one in requires(name) or () if "extra ==" not in one]
        except PackageNotFoundError:
            continue
        wanted += [match[0] for one in needed if (match := re.match(r"[\w.-]+", one))]
    return {
        module
        for module, packages in packages_distributions().items()
        if not asked & {package.lower().replace("_", "-") for package in packages}
    }


def test_a_run_from_seeds_to_figures_needs_no_more_than_eight_packages(tmp_path: Path) -> None:
    """Two views drawn in parallel, learnt with six that are there, scored: everything else that is installed cannot be
    imported."""
    hidden = others() - {"pip", "setuptools", "_distutils_hack", "pkg_resources"}
    assert {"pydicom", "streamlit", "sqlite_utils", "plotly", "pandas"} <= hidden
    assert not hidden & {"torch", "numpy", "cv2", "scipy", "skimage", "safetensors", "PIL", "click"}
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(HIDES.format(hidden=hidden))
    script = tmp_path / "fits.py"
    script.write_text(FITS)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'path'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    environment["MTUNET_CACHE"] = str(tmp_path / "cache")
    drawn_cache(tmp_path / "cache", replace(EXPERIMENTS["smoke"], data=Cohort(views=8)))
    for truth in sorted((tmp_path / "cache").rglob("*.truth.npz"))[:2]:
        truth.unlink()
    command = [sys.executable, str(script), str(tmp_path / "run")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "done without" in done.stdout
    assert "views made: 2 of 2" in done.stdout
    run = runs.read(tmp_path / "run")
    assert len(runs.done(run)) == 4
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["images"] == 8
