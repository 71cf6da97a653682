"""A run goes from one machine to the next in a few small files and goes on there."""

from dataclasses import replace
from pathlib import Path

import pytest

from mtunet.evaluation import runs
from tests.drawn_views import TINY, drawn_cache
from training import loop
from training.__main__ import main
from training.data import samples
from training.tools import combining as packing


@pytest.fixture
def half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of which one part is done and one has begun."""
    monkeypatch.setattr(samples, "CACHE", tmp_path / "cache")
    experiment = replace(TINY, methods=("mtunet",))
    drawn_cache(tmp_path / "cache", experiment)
    loop.run(experiment, tmp_path / "run", "cpu", folds=[0])
    begun = runs.part_folder(tmp_path / "run", "mtunet", 1)
    begun.mkdir(parents=True)
    (begun / "checkpoint_0.safetensors").write_bytes(bytes(range(256)) * 1000)
    return tmp_path / "run"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_packed_comes_back(half_done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "PIECE", 300_000)
    main(["pack", str(half_done), str(tmp_path / "pieces")], standalone_mode=False)
    sizes = [path.stat().st_size for path in (tmp_path / "pieces").iterdir()]
    assert 1 < len(sizes) <= packing.PIECES
    assert max(sizes) <= 300_000
    main(["unpack", str(tmp_path / "pieces"), str(tmp_path / "there")], standalone_mode=False)
    assert files(tmp_path / "there") == files(half_done)
    assert loop.run(replace(TINY, methods=("mtunet",)), tmp_path / "there", "cpu") is not None


def test_weights_stay_behind_where_there_is_no_room_and_the_run_goes_on(
    half_done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = sum(len(data) for name, data in files(half_done).items() if "weights" not in name)
    monkeypatch.setattr(packing, "PIECE", needed // packing.PIECES + 10_000)
    main(["pack", str(half_done), str(tmp_path / "pieces")], standalone_mode=False)
    assert "weights.safetensors" in capsys.readouterr().out
    packing.unpack(tmp_path / "pieces", tmp_path / "there")
    assert set(files(half_done)) - set(files(tmp_path / "there")) == {"mtunet/fold_0/weights.safetensors"}
    assert runs.done(runs.read(tmp_path / "there")) == [("mtunet", 0)]


def test_a_checkpoint_stays_behind_where_there_is_no_room_and_its_network_begins_anew(
    half_done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The smaller of two goes along; weights give way to it."""
    small = runs.part_folder(half_done, "mtunet", 1) / "checkpoint_0.safetensors"
    large = small.with_name("checkpoint_1.safetensors")
    large.write_bytes(bytes(10_000_000))
    needed = sum(len(data) for name, data in files(half_done).items() if not name.endswith(".safetensors"))
    room = needed + small.stat().st_size + 60_000  # more than what tar adds, less than the weights
    monkeypatch.setattr(packing, "PIECE", room // packing.PIECES)
    main(["pack", str(half_done), str(tmp_path / "pieces")], standalone_mode=False)
    assert capsys.readouterr().out.splitlines() == [
        "mtunet/fold_1/checkpoint_1.safetensors stays behind: there is no room for it, and this network begins anew.",
        "mtunet/fold_0/weights.safetensors stays behind: there is no room for it, and the run goes on without it.",
    ]
    packing.unpack(tmp_path / "pieces", tmp_path / "there")
    assert set(files(half_done)) - set(files(tmp_path / "there")) == {
        "mtunet/fold_0/weights.safetensors",
        "mtunet/fold_1/checkpoint_1.safetensors",
    }
    assert loop.run(replace(TINY, methods=("mtunet",)), tmp_path / "there", "cpu") is not None


@pytest.mark.parametrize("whole", [0, 700, 100_000])
def test_a_damaged_piece_is_a_sentence(half_done: Path, tmp_path: Path, whole: int) -> None:
    packing.pack(half_done, tmp_path / "pieces")
    piece = tmp_path / "pieces" / "piece-0.tar-part"
    piece.write_bytes(piece.read_bytes()[:whole])
    with pytest.raises(runs.NotARun, match=r"are no whole run .* one is damaged or lacking"):
        packing.unpack(tmp_path / "pieces", tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_what_does_not_fit_or_is_not_there_is_a_sentence(
    half_done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileExistsError, match="there already"):
        packing.unpack(tmp_path, half_done)
    with pytest.raises(runs.NotARun, match="found none"):
        packing.unpack(tmp_path / "nowhere", tmp_path / "there")
    monkeypatch.setattr(packing, "PIECE", 1_000)
    with pytest.raises(runs.NotARun, match="does not fit into 8 files"):
        packing.pack(half_done, tmp_path / "pieces")
