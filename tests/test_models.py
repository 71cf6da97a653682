"""What ships can be used, and what is damaged or foreign is refused by name."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mtunet.case import Calcification, DeviceUnavailable
from mtunet.detection import devices, models
from mtunet.detection.devices import choose_device, describe
from mtunet.detection.models import MODELS, file_state, load_model, model_from_bytes, read_metadata
from mtunet.detection.network import HEADS, NetworkConfig, build
from mtunet.detection.settings import ModelUnavailable, Settings
from mtunet.detection.weights import read_weights, write_weights
from mtunet.evaluation import runs

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


def test_weights_come_back_as_they_were_written() -> None:
    network, settings, provenance = read_weights(weights(run="here"))
    torch.manual_seed(0)
    same = build(NetworkConfig(width=4, norm="group"))
    assert settings == SETTINGS
    assert provenance == {"run": "here"}
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), same.parameters(), strict=True))


def test_one_flipped_bit_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(weights())
    spec = replace(MODELS["detail"], sha256=hashlib.sha256(data).hexdigest())
    data[-7] ^= 1
    (tmp_path / spec.file).write_bytes(data)
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    monkeypatch.setattr(models, "MODELS", {"detail": spec})
    with pytest.raises(ModelUnavailable, match="'detail' are damaged or of another version: expected sha256"):
        load_model("detail", "cpu")


@pytest.mark.parametrize("data", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x10\0\0\0\0\0\0\0{}"])
def test_metadata_of_a_damaged_file_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    (tmp_path / "detail.safetensors").write_bytes(data)
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    with pytest.raises(ModelUnavailable, match="'detail' are damaged"):
        read_metadata(MODELS["detail"])


def test_missing_weights_say_which_file_was_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    with pytest.raises(ModelUnavailable, match=r"missing: expected detail\.safetensors"):
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


def test_settings_chosen_since_the_weights_were_made_are_used_and_told() -> None:
    spec = MODELS["detail"]
    since = json.loads(spec.path.with_suffix(".json").read_text())["settings"]
    told, used = read_metadata(spec)["settings"], load_model("detail", "cpu").settings.to_json()
    assert since
    assert {name: told[name] for name in since} == {name: used[name] for name in since} == since
    assert "sealed" in read_metadata(spec)["chosen"]
