"""What ships can be used, and what is damaged or foreign is refused by name."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save

from mtunet.case import Calcification, DeviceUnavailable
from mtunet.detection import devices, models
from mtunet.detection.devices import choose_device, describe
from mtunet.detection.models import (
    MODELS,
    file_state,
    load_model,
    model_from_bytes,
    packed_weights,
    read_metadata,
    unpacked_weights,
)
from mtunet.detection.network import HEADS, NetworkConfig, build
from mtunet.detection.settings import ModelUnavailable, Settings
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import runs
from training.__main__ import main as training

SETTINGS = Settings("detail", 0.2, dict.fromkeys(Calcification, 0.4), dict.fromkeys(Calcification, 2.0))


def weights(**provenance: str) -> bytes:
    torch.manual_seed(0)
    return write_weights(build(NetworkConfig(width=4, norm="group")), SETTINGS, provenance)


@pytest.mark.parametrize("name", MODELS)
def test_every_registered_model_is_there_and_whole(name: str) -> None:
    assert MODELS[name].name == name
    assert file_state(MODELS[name]) == "ok"


@pytest.mark.parametrize("name", MODELS)
def test_every_registered_model_says_where_it_comes_from(name: str) -> None:
    about = read_metadata(MODELS[name])
    assert about["settings"]["way"] == MODELS[name].way
    assert set(about["settings"]["thresholds"]) == {kind.value for kind in Calcification}
    for key in ("run", "experiment", "data", "commit", "torch"):
        assert about["provenance"][key]
    assert "+changes" not in about["provenance"]["commit"]
    assert "phantom" in about["provenance"]["data"]


@pytest.mark.parametrize("name", MODELS)
def test_every_registered_model_loads_and_has_a_head_per_task(name: str) -> None:
    model = load_model(name, "cpu")
    assert model.network.config.heads == HEADS
    assert model.weights_sha256 == MODELS[name].sha256
    assert not model.network.training


@pytest.mark.parametrize("name", MODELS)
def test_the_run_behind_a_registered_model_is_in_the_repository(name: str) -> None:
    run = runs.with_weights(MODELS[name].sha256)
    assert run is not None
    assert run.folder.name == read_metadata(MODELS[name])["provenance"]["run"]
    assert run.summary["all"]["images"] == 100
    assert hashlib.sha256(runs.weights_of(run)).hexdigest() == MODELS[name].sha256, "kept once, in weights/"


def test_weights_come_back_rounded_and_look_the_same_in_bfloat16() -> None:
    written = weights(run="here")
    network, settings, provenance = read_weights(written)
    torch.manual_seed(0)
    before = build(NetworkConfig(width=4, norm="group"))
    assert (settings, provenance) == (SETTINGS, {"run": "here"})
    assert len(written) < 0.6 * 4 * sum(each.numel() for each in before.parameters()) + 8000, (
        "half of float32, and a head"
    )
    pairs = list(zip(network.parameters(), before.parameters(), strict=True))
    assert all(torch.equal(a, b.bfloat16().float() if b.dim() > 1 else b) for a, b in pairs)
    assert not all(torch.equal(a, b) for a, b in pairs)
    pixels, window = torch.rand(1, 1, 64, 64), torch.tensor([[0.0, 1.0]])
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network.eval()(pixels, window), before.eval()(pixels, window))
    assert write_weights(network, settings, provenance) == written


def test_weights_of_an_earlier_version_are_exported_in_half_the_bytes_and_known_by_their_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = build(NetworkConfig(width=4, norm="group"))
    about = {"network": network.config.to_json(), "settings": SETTINGS.to_json(), "provenance": {"run": "a"}}
    tensors = {name: each.contiguous() for name, each in network.state_dict().items()}
    earlier = save(tensors, metadata={"mtunet": json.dumps(about)})
    runs.start(tmp_path / "a", {"experiment": {}, "data": "drawn"}, [])
    runs.save_fold(tmp_path / "a", 0, weights=earlier)
    runs.finish(tmp_path / "a", {"all": {}})
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    told = CliRunner().invoke(training, ["export", str(tmp_path / "a"), "--model", "detail"])
    shipped = unpacked_weights(tmp_path / "detail.safetensors.xz")
    assert hashlib.sha256(shipped).hexdigest() in told.output
    assert len(shipped) < len(earlier)
    found = runs.with_weights(hashlib.sha256(shipped).hexdigest(), tmp_path)
    assert found is not None
    assert found.summary is not None
    assert "all" in found.summary
    assert runs.weights_of(found) == shipped == write_weights(network, SETTINGS, {"run": "a"})


def test_what_ships_is_replaced_by_a_model_of_its_way_and_when_asked_to_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = weights(run="a")
    runs.start(tmp_path / "a", {"experiment": {}, "data": "drawn"}, [])
    runs.save_fold(tmp_path / "a", 0, weights=made)
    runs.finish(tmp_path / "a", {})
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    path = tmp_path / "detail.safetensors.xz"
    path.write_bytes(b"what ships")
    export = ["export", str(tmp_path / "a"), "--model"]
    other = CliRunner().invoke(training, [*export, "paper", "--overwrite"])
    assert other.exit_code == 2
    assert "name --model detail" in other.output
    assert not (tmp_path / "paper.safetensors.xz").exists()
    asked = CliRunner().invoke(training, [*export, "detail"])
    assert asked.exit_code == 2
    assert "the app refuses 'detail' until mtunet/detection/models.py says sha256=" in asked.output
    assert path.read_bytes() == b"what ships"
    told = CliRunner().invoke(training, [*export, "detail", "--overwrite"])
    assert told.exit_code == 0
    assert "Until then the app refuses 'detail'" in told.output
    assert unpacked_weights(path) == made


def test_one_flipped_bit_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(weights())
    spec = replace(MODELS["detail"], sha256=hashlib.sha256(data).hexdigest())
    data[-7] ^= 1
    (tmp_path / spec.file).write_bytes(packed_weights(data))
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    monkeypatch.setattr(models, "MODELS", {"detail": spec})
    with pytest.raises(ModelUnavailable, match="'detail' are damaged or of another version: expected sha256"):
        load_model("detail", "cpu")


@pytest.mark.parametrize("data", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x10\0\0\0\0\0\0\0{}"])
def test_metadata_of_a_damaged_file_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    for kept in (data, packed_weights(data), packed_weights(data)[:-9]):
        (tmp_path / "detail.safetensors.xz").write_bytes(kept)
        with pytest.raises(ModelUnavailable, match="'detail' are damaged"):
            read_metadata(MODELS["detail"])
        with pytest.raises(ModelUnavailable, match="'detail' are damaged"):
            load_model("detail", "cpu")
        assert file_state(MODELS["detail"]) == "damaged"


def test_missing_weights_say_which_file_was_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    with pytest.raises(ModelUnavailable, match=r"missing: expected detail\.safetensors\.xz"):
        load_model("detail", "cpu")


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(ModelUnavailable, match=r"no model called .best.\. There are: detail, paper"):
        load_model("best")


@pytest.mark.parametrize("data", [b"", b"not weights", b"\x80\x02}q\x00."])
def test_bytes_that_are_no_weights_are_refused(data: bytes) -> None:
    with pytest.raises(ModelUnavailable, match="not a weights file"):
        model_from_bytes(data, "x", "cpu")


def test_weights_that_are_not_numbers_are_refused() -> None:
    network = build(NetworkConfig(width=4))
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(ModelUnavailable, match="not numbers"):
        model_from_bytes(write_weights(network, SETTINGS, {}), "x", "cpu")


def test_auto_takes_cuda_then_mps_then_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"


def test_a_device_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceUnavailable, match="'cuda' was asked for, but this machine has only"):
        choose_device("cuda")
    with pytest.raises(DeviceUnavailable, match="Unknown device 'tpu'"):
        choose_device("tpu")


def test_the_precision_follows_from_the_device_and_not_from_a_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    for there, on_cpu in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(devices, "cpu_computes_bfloat16", lambda there=there: there)
        assert devices.inference_dtype(cpu) == devices.learning_dtype(cpu) == on_cpu
    for there, dtypes in ((True, (torch.bfloat16,) * 2), (False, (torch.float16, torch.float32))):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda there=there: there)
        assert (devices.inference_dtype(cuda), devices.learning_dtype(cuda)) == dtypes


def test_the_device_is_described_for_people() -> None:
    assert describe(torch.device("cpu"), torch.float32).endswith(("thread, float32", "threads, float32"))
