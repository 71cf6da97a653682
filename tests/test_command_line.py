"""`python -m mtunet` does what its help says, with a network that paints what it is told."""

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click
import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from mtunet.__main__ import main
from mtunet.case import DeviceUnavailable
from mtunet.cli import batch, making
from mtunet.cli.commands import cli
from mtunet.detection import models
from mtunet.detection.analysis_json import SCHEMA_FILE
from mtunet.phantom.samples import SAMPLES
from tests.painting import drawn_png, painting_model
from tests.starting import start_code, wait_for

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _painter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load_model", painting_model)


def refused(out: Path) -> list[dict[str, str]]:
    with (out / "refused.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        listed = list(reader)
        assert reader.fieldnames == ["file", "kind", "sentence"]
    return listed


def analysed(out: Path) -> list[dict[str, str]]:
    with (out / "analysed.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names(out: Path) -> list[str]:
    """What lies there beside the table of what is analysed."""
    return sorted(path.name for path in out.iterdir() if path.name not in ("analysed.csv", "mtunet.log"))


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_becomes_json_and_png_and_an_empty_list_of_refusals(tmp_path: Path) -> None:
    image, out = write(tmp_path / "LCC.png", drawn_png()), tmp_path / "new" / "out"
    assert main(["analyse", str(image), "--out", str(out)]) == 0
    assert names(out) == ["LCC.json", "LCC.png", "refused.csv"]
    assert refused(out) == []
    value = json.loads((out / "LCC.json").read_text())
    Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).validate(value)
    assert value["file"] == "LCC.png"
    assert {f["type"] for f in value["findings"]} == {"mc", "bac"}


def test_a_folder_is_searched_and_what_cannot_be_read_is_listed_with_its_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in" / "a" / "x.png", drawn_png())
    write(tmp_path / "in" / "b" / "x.png", drawn_png(seed=1))
    write(tmp_path / "in" / "broken.dcm", b"not an image at all")
    write(tmp_path / "in" / ".DS_Store", b"clutter")
    out = tmp_path / "out"
    assert main(["analyse", str(tmp_path / "in"), "--out", str(out), "--format", "json"]) == 3
    assert names(out) == ["refused.csv", "x-2.json", "x.json"]
    assert json.loads((out / "x.json").read_text())["file"] == "a/x.png"
    assert json.loads((out / "x-2.json").read_text())["file"] == "b/x.png"
    (row,) = refused(out)
    assert row["file"] == "broken.dcm"
    assert row["kind"] == "not_an_image"
    assert row["sentence"].endswith(".")
    said = capsys.readouterr()
    assert said.out == ""
    assert "[3/3]" in said.err
    assert "2 analysed, 1 refused" in said.err


def test_the_same_call_gives_the_same_names(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a" / "x.png", drawn_png())
    write(tmp_path / "in" / "b" / "x.png", drawn_png(seed=1))
    call = ["analyse", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--format", "csv"]
    assert main(call) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert main(call) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first


def test_results_inside_of_the_searched_folder_are_not_analysed_again(tmp_path: Path) -> None:
    write(tmp_path / "x.png", drawn_png())
    call = ["analyse", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(call) == 0
    assert main(call) == 0
    assert names(tmp_path / "out") == ["refused.csv", "x.json", "x.png"]


def test_a_zip_is_unpacked_and_a_bad_member_does_not_stop_the_rest(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.writestr("s/bad.dcm", b"nothing")
        archive.writestr("s/RMLO.png", drawn_png())
    out = tmp_path / "out"
    assert main(["analyse", str(tmp_path / "study.zip"), "--out", str(out), "--format", "json"]) == 3
    assert names(out) == ["RMLO.json", "refused.csv"]
    assert [row["file"] for row in refused(out)] == ["study.zip/s/bad.dcm"]


def test_masks_are_0_or_255_on_the_original_grid(tmp_path: Path) -> None:
    image, out = write(tmp_path / "LCC.png", drawn_png()), tmp_path / "out"
    assert main(["analyse", str(image), "--out", str(out), "--masks", "--format", "json,csv"]) == 0
    assert names(out) == ["LCC.csv", "LCC.json", "LCC_bac.png", "LCC_mc.png", "refused.csv"]
    found = json.loads((out / "LCC.json").read_text())["findings"]
    for kind in ("mc", "bac"):
        mask = cv2.imread(str(out / f"LCC_{kind}.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (400, 320)
        assert set(np.unique(mask)) == {0, 255}
        assert np.count_nonzero(mask) == sum(f["area_px"] for f in found if f["type"] == kind)


def test_an_image_called_refused_does_not_overwrite_the_list(tmp_path: Path) -> None:
    image, out = write(tmp_path / "refused.png", drawn_png()), tmp_path / "out"
    assert main(["analyse", str(image), "--out", str(out), "--format", "csv"]) == 0
    assert names(out) == ["refused-2.csv", "refused.csv"]


def test_a_failure_of_the_program_costs_one_file_and_tells_no_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(told)

    told = "PatientName Doe^Jane"
    write(tmp_path / "in" / "x.png", drawn_png())
    monkeypatch.setattr(making, "analyse", fails)
    out = tmp_path / "out"
    assert main(["analyse", str(tmp_path / "in"), "--out", str(out)]) == 1
    (row,) = refused(out)
    said = "The analysis ended with an unexpected error (RuntimeError); the log has the details."
    assert row == {"file": "x.png", "kind": "failed", "sentence": said}
    assert "0 refused, 1 unexpected error (see mtunet.log)" in capsys.readouterr().err
    log = (out / "mtunet.log").read_text()
    assert "RuntimeError" in log
    assert "in fails" in log, "where it happened"
    assert "Doe" not in log
    assert "x.png" not in log


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = batch.from_json, []

    def second_is_stopped(written: dict[str, object]) -> object:
        calls.append(written)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(written)

    monkeypatch.setattr(batch, "from_json", second_is_stopped)
    for name in "abc":
        write(tmp_path / "in" / f"{name}.png", drawn_png())
    out = tmp_path / "out"
    assert main(["analyse", str(tmp_path / "in"), "--out", str(out), "--format", "json"]) == 130
    assert names(out) == ["a.json", "refused.csv"]


def test_ctrl_c_does_not_wait_for_images_in_work(tmp_path: Path) -> None:
    for name in "abcd":
        write(tmp_path / "in" / f"{name}.png", drawn_png(rows=1000, columns=800))
    code = (
        "import sys, time\nfrom mtunet.detection import models\nfrom mtunet.__main__ import main\n"
        "from tests.painting import painting_model\n"
        "def slow():\n    print('looking', flush=True)\n    time.sleep(1)\n"
        "models.load_model = lambda *_: painting_model('detail', before=slow)\n"
        f"sys.exit(main(['analyse', {str(tmp_path / 'in')!r}, '--out', {str(tmp_path / 'out')!r}]))"
    )
    process, output = start_code(code, tmp_path)
    wait_for(output, "looking")
    os.kill(process.pid or 0, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130
    assert output.read_text().count("looking") <= 6  # of some twenty tiles each, as the film is taken to be 232 mm high
    assert analysed(tmp_path / "out") == []


def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(source: str, target: Path) -> None:
        if str(target).endswith(".json"):
            raise OSError(28, "No space left on device")
        os.rename(source, target)

    image, out = write(tmp_path / "LCC.png", drawn_png()), tmp_path / "out"
    monkeypatch.setattr("mtunet.files.os.replace", full)
    assert main(["analyse", str(image), "--out", str(out)]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert names(out) == ["refused.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["analyse", "--out", "out"], "PATH"),
        (["analyse", "nowhere.dcm", "--out", "out"], "there is no file or folder nowhere.dcm"),
        (["analyse", ".", "--out", "README"], "--out must be a folder"),
        (["analyse", "."], "--out"),
        (["analyse", ".", "--out", "out", "--model", "huge"], "huge"),
        (
            ["analyse", ".", "--out", "out", "--format", "json,xls"],
            "expected some of json, png, csv, pdf, dicom, seg, sr, gsps, cad, sc, found 'xls'",
        ),
        (["analyse", ".", "--out", "out", "--format", ","], "found nothing"),
        (["analyse", ".", "--out", "out", "--identified"], "--identified needs one of seg, sr, gsps"),
        (["analyse", ".", "--out", "out"], "no files"),
        (["paint"], "paint"),
        ([], "COMMAND"),
    ],
)
def test_wrong_usage_is_exit_2_with_what_was_expected(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "README", b"")
    monkeypatch.chdir(tmp_path / "empty" if said == "no files" else tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_models_lists_each_with_the_state_of_its_weights(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["models"])
    table = capsys.readouterr().out
    for name, spec in models.MODELS.items():
        (line,) = [line for line in table.splitlines() if line.startswith(name)]
        assert spec.title in line
        assert models.file_state(spec) in line
    assert code == (0 if all(models.file_state(spec) == "ok" for spec in models.MODELS.values()) else 1)


def test_samples_are_copied_with_their_truth(tmp_path: Path) -> None:
    assert main(["samples", "--out", str(tmp_path / "s")]) == 0
    for sample in SAMPLES:
        copied = tmp_path / "s" / Path(sample.file).name
        assert copied.is_file()
        for kind in sample.truth or ():
            mask = cv2.imread(
                str(tmp_path / "s" / "truth" / f"{copied.stem}_truth_{kind.value}.png"), cv2.IMREAD_UNCHANGED
            )
            assert set(np.unique(mask)) <= {0, 255}


def test_the_samples_are_analysed_and_their_truth_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["samples", "--out", str(tmp_path / "s")]) == 0
    assert main(["analyse", str(tmp_path / "s"), "--out", str(tmp_path / "o"), "--format", "csv"]) == 0
    assert len(analysed(tmp_path / "o")) == len(SAMPLES)
    assert f"{len(SAMPLES)} analysed, 0 refused. " in capsys.readouterr().err


def test_masks_of_a_folder_to_learn_from_are_passed_over(tmp_path: Path) -> None:
    for name in ("images/a.png", "masks/mc/a.png", "masks/bac/a.png", "other/masks/mc/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [name for _, name in batch.find_files([tmp_path], tmp_path / "out")]
    assert found == ["images/a.png", "other/masks/mc/b.png"]  # those lie beside no images


def python(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_help_names_the_commands_and_the_exit_codes() -> None:
    done = python("-m", "mtunet", "analyse", "--help")
    assert done.returncode == 0
    assert "130 stopped" in done.stdout
    assert "refused.csv" in done.stdout


def test_wrong_usage_is_exit_2_for_a_shell_too(tmp_path: Path) -> None:
    done = python("-m", "mtunet", "analyse", "nowhere", "--out", "o", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("command", [["--version"], ["models"], ["samples", "--out", "{out}"]])
def test_small_commands_do_not_wait_for_torch(command: list[str], tmp_path: Path) -> None:
    call = [part.format(out=tmp_path) for part in command]
    code = f"import sys; from mtunet.__main__ import main\ntry: main({call!r})\nexcept SystemExit: pass\n"
    done = python("-c", code + "assert 'torch' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_ctrl_c_in_a_shell_is_exit_130(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.png", drawn_png())
    code = (
        "import sys, time\nfrom mtunet.detection import models\nfrom mtunet.__main__ import main\n"
        "def load(*_):\n    print('loading', flush=True)\n    time.sleep(60)\n"
        "models.load_model = load\n"
        f"sys.exit(main(['analyse', {str(tmp_path / 'in')!r}, '--out', {str(tmp_path / 'out')!r}]))"
    )
    process, output = start_code(code, tmp_path)
    wait_for(output, "loading")
    os.kill(process.pid or 0, signal.SIGINT)
    process.join(30)
    assert process.exitcode == 130
    assert refused(tmp_path / "out") == []


def test_a_device_that_is_not_there_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without_cuda(name: str, device: str = "auto") -> object:
        raise DeviceUnavailable("Device 'cuda' was asked for, but this machine has only: cpu.")

    monkeypatch.setattr(models, "load_model", without_cuda)
    image = write(tmp_path / "x.png", drawn_png())
    assert main(["analyse", str(image), "--out", str(tmp_path / "out"), "--device", "cuda"]) == 2
    assert "this machine has only: cpu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["train", "list"], "python -m training run smoke"),
        (["train", "--help"], "Usage: mtunet train"),
        (["data", "--help"], "--root"),
        (["phantom", "--help"], "samples"),
        (["teaching", "--help"], "outcomes"),
        (["--help"], "receive"),
        (["app", "--help"], "--address"),
    ],
)
def test_one_program_has_all_commands(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(SystemExit):
        assert main(command) == 0
    assert said in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="it starts another process there")
def test_the_app_becomes_the_server_so_that_who_stops_it_stops_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def became(program: str, call: list[str]) -> NoReturn:
        assert program == sys.executable
        raise SystemExit(" ".join(call[1:4]))

    monkeypatch.setattr(os, "execv", became)
    with pytest.raises(SystemExit, match="-m streamlit run"):
        main(["app"])


PROGRAMS: dict[str, click.Command] = {
    **{name: import_module(f"{name}.__main__").main for name in ("training", "training.data")},
    **{name: import_module(f"{name}.__main__").main for name in ("mtunet.phantom", "mtunet.teaching")},
    "mtunet": cli,
}


def named_by(text: str) -> list[list[str]]:
    """The words of each call of a program of ours that stands in a text as code, the program first."""
    spans = re.findall(
        r"`((?:python -m )?(?:mtunet|training)[^`]*)`|^ {3,}(python -m (?:mtunet|training).*)$", text, re.M
    )
    called = (" ".join((one or other).split()).removeprefix("python -m ").split() for one, other in spans)
    return [words for words in called if words[0] in PROGRAMS and len(words) > 1]


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "samples/README.md", "docs/phantoms/README.md"])
def test_commands_that_the_pages_name_are_understood(page: str) -> None:
    """Each is parsed as its program does; where the page leaves words out ("…"), its options are looked up."""
    calls = named_by((ROOT / page).read_text())
    assert calls
    for program, *words in calls:
        command, context = PROGRAMS[program], click.Context(PROGRAMS[program])
        while isinstance(command, click.Group) and words[0][0] not in "-…":
            _, command, words = command.resolve_command(context, words)
            assert command is not None
        given = {word for word in words if word.startswith("--") and word != "--help"}
        assert given <= {option for each in command.params for option in each.opts}, (program, words)
        if not any("…" in word or (word.isupper() and word in ("NAME", "FILE")) for word in words) and given:
            with contextlib.suppress(click.exceptions.Exit):
                command.make_context(program, words)


def test_every_program_writes_utf_8_whatever_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows where the output goes to a file: cp1252 lacks letters that a card, or a file's name, holds."""
    written, warned = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(warned, encoding="cp1252"))
    assert main(["models", "--card", "detail"]) == 0
    sys.stdout.flush()
    with pytest.raises(UnicodeEncodeError):  # so the card does hold such letters
        written.getvalue().decode().encode("cp1252")
    for name in cli.commands:  # what each says of itself, and what each says that can be called without more
        with contextlib.suppress(SystemExit):
            assert main([name, "--help"]) == 0
    said_to = [str(tmp_path / "Überweisung → größer.png"), "--out", str(tmp_path / "ł")]
    write(Path(said_to[0]), drawn_png())
    calls = [["models"], ["sbom"], ["--version"], ["check", said_to[0]], ["analyse", *said_to], ["audit"]]
    calls += [["samples", "--out", str(tmp_path / "ș")], ["train", "list"]]
    for call in calls:
        with contextlib.suppress(SystemExit):
            main(call)
    sys.stdout.flush()
    sys.stderr.flush()
    for stream in (written, warned):
        assert len(stream.getvalue().decode()) > 20  # all of it UTF-8
    entries = [ROOT / "training" / "__main__.py", ROOT / "training" / "data" / "__main__.py"]
    entries += [*(ROOT / "mtunet").glob("__main__.py"), *(ROOT / "mtunet").glob("*/__main__.py")]
    assert [str(path) for path in entries if "mtunet.speak_utf8()" not in path.read_text()] == []
