"""What is installed is what a checkout holds: the wheel, the version, the locks."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import mtunet
from mtunet.__main__ import main
from mtunet.detection.models import MODELS
from mtunet.evaluation import supply
from mtunet.phantom.samples import SAMPLES

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling", reason="hatchling is not installed (extra test)")
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], cwd=ROOT, check=True)
    [built] = out.iterdir()
    return zipfile.ZipFile(built)


def test_a_wheel_holds_the_code_the_app_the_weights_and_the_samples(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    for spec in MODELS.values():
        path = spec.path.relative_to(ROOT)
        assert path.exists() == (f"mtunet/shipped/{path}" in held)
    assert {f"mtunet/shipped/samples/{sample.file}" for sample in SAMPLES} <= held
    assert {"mtunet/shipped/streamlit_app.py", "mtunet/shipped/.streamlit/config.toml"} <= held
    assert {"mtunet/analysis.schema.json", "mtunet/study.schema.json", "mtunet/teaching/pool.jsonl"} <= held
    tracked = subprocess.run(
        ["git", "ls-files", "mtunet", "training", "pages"], cwd=ROOT, capture_output=True, text=True
    )
    for path in tracked.stdout.split():
        if (ROOT / path).exists():
            assert (
                path.replace("pages/", "mtunet/shipped/pages/", 1) in held if path.startswith("pages") else path in held
            )
    assert {name.split("/")[0] for name in held if ".dist-info" not in name} == {"mtunet", "training"}


def test_a_wheel_says_its_command_its_version_and_what_it_needs(wheel: zipfile.ZipFile) -> None:
    [entry] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "mtunet = mtunet.__main__:main" in wheel.read(entry).decode()
    about = wheel.read(entry.replace("entry_points.txt", "METADATA")).decode()
    assert f"\nVersion: {mtunet.__version__}\n" in about
    for line in (ROOT / "requirements.txt").read_text().split():
        assert f"Requires-Dist: {re.split('[<>=]', line)[0]}" in about


def test_the_version_names_the_commit_of_a_checkout() -> None:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        pytest.skip("git does not tell here.")
    tags = subprocess.run(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    commit = asked.stdout.strip()[:10]
    clean = mtunet.__version__.removesuffix(".dirty")
    assert clean == f"{mtunet.RELEASE}+g{commit}" or f"v{mtunet.RELEASE}" in tags.stdout.split()


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(), re.M))


def test_the_locks_hold_all_that_is_asked_for_with_hashes_but_torch() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {re.split("[<>=]", line)[0] for line in (ROOT / "requirements.txt").read_text().split()} - {"torch"}
    tests = {
        re.split("[<>=[]", line)[0]
        for name in ("interop", "receive", "archive", "signin", "test")
        for line in extras[name]
    } - {"mtunet"}
    assert asked <= names("requirements.lock")
    assert asked | tests <= names("requirements-test.lock")
    assert "torch" not in names("requirements-test.lock")
    for lock in ("requirements.lock", "requirements-test.lock"):
        for block in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
            assert block.startswith("#") or "--hash=sha256:" in block, block


def test_a_container_is_made_by_the_script_that_is_tried_without_one() -> None:
    steps = re.findall(r"^RUN (.*)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert steps[0] == "/source/docker/setup /source /opt/mtunet"
    assert steps[1:] == ["useradd --create-home mtunet && mkdir /data && chown mtunet /data"]
    assert "docker/setup . " in (ROOT / ".ci" / "run").read_text()


def test_a_bill_of_materials_names_all_that_is_needed_with_licences() -> None:
    bill = json.loads(supply.bill())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    listed = {one["name"]: one for one in bill["components"]}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert {re.split(r"[<>=\[ ]", line)[0] for line in lines if line and not line.startswith("#")} <= set(listed)
    assert "starlette" in listed  # what is needed by what is needed
    for one in bill["components"]:
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        assert one["licenses"][0]["license"]["name"]


def test_an_audit_names_what_a_database_of_advisories_says_and_says_so_where_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = {one.name: one.version for one in supply.components()}

    def advisory(number: int, package: str, events: list[dict[str, str]], **more: object) -> None:
        affected = {
            "package": {"ecosystem": "PyPI", "name": package},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
            "versions": more.pop("versions", []),
        }
        said = {"id": f"TEST-{number}", "summary": f"Weakness {number}", "affected": [affected], **more}
        (tmp_path / "db" / f"{number}.json").write_text(json.dumps(said))

    assert main(["audit"]) == 4
    assert "NOTHING WAS CHECKED" in capsys.readouterr().err
    (tmp_path / "db").mkdir()
    assert main(["audit", "--database", str(tmp_path / "db")]) == 4
    advisory(1, "Pillow", [{"introduced": "0"}, {"fixed": "9999.1"}])
    advisory(2, "pillow", [{"introduced": "0"}, {"fixed": "1.0"}])
    advisory(3, "starlette", [{"introduced": "0"}, {"last_affected": version["starlette"]}])
    advisory(4, "starlette", [{"introduced": "9999"}])
    advisory(5, "numpy", [{"introduced": "0"}], withdrawn="2020-01-01T00:00:00Z")
    advisory(6, "pydicom", [{"introduced": "9999"}], versions=[version["pydicom"]])
    advisory(7, "not-of-ours", [{"introduced": "0"}])
    (tmp_path / "db" / "odd.json").write_text("{")
    assert main(["audit", "--database", str(tmp_path / "db")]) == 1
    said = capsys.readouterr().out
    assert [number for number in range(1, 8) if f"TEST-{number}:" in said] == [1, 3, 6]
    assert "mended in 9999.1" in said
    assert "compared with 7 advisories: 3 touch them" in said


def test_what_is_under_the_gpl_is_said_where_licences_are() -> None:
    """One package is; who passes the program on has to know, and every other one is no such thing."""
    strict = {one.name for one in supply.components() if re.search(r"\bA?GPL|General Public", one.licence)}
    strict -= {one.name for one in supply.components() if "Lesser" in one.licence}
    assert strict == {"pylibjpeg-libjpeg"}
    for page in ("README.md", "pages/about/about.py"):
        assert "pylibjpeg-libjpeg" in (ROOT / page).read_text()
