"""The models that ship. The registry is a literal; importing it does not import torch."""

import hashlib
import json
import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import mtunet
from mtunet.detection.settings import ModelUnavailable, Settings, Way

if TYPE_CHECKING:
    import torch

    from mtunet.detection.network import Network

WEIGHTS = mtunet.shipped("weights")


@dataclass(frozen=True)
class ModelSpec:
    """One model that ships. file: its weights, packed. sha256: of them unpacked; weights that differ are refused.

    in_sight: what people decided of these weights with sealed images in sight, in sentences that name their notes.
    """

    name: str
    title: str
    way: Way
    file: str
    sha256: str
    note: str
    in_sight: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return WEIGHTS / self.file


DEFAULT_MODEL = "detail"
MODELS: Mapping[str, ModelSpec] = {
    "detail": ModelSpec(
        name="detail",
        title="Detail (tiles at a fixed physical pitch)",
        way="detail",
        file="detail.safetensors.xz",
        sha256="2ab0015b150b8de03a3b763a3058ae627f1ca2e2dbc07e649e9051d096838d09",
        note="Two networks look at the breast in tiles of fixed millimetres, and a third looks once more, at 0.1 mm, "
        "at what may be MC. Trained on phantoms (synthetic images) and on six real film views into which synthetic "
        "calcium was put; measured on few real mammograms.",
        in_sight=(
            "Which two networks are joined, with all films in sight (`real-detail`).",
            "That `detail-wide` and `detail-strays` do not ship, by the normal films of both halves that they flag "
            "(`real-both`).",
            "That no network of the newer recipe ships by itself, by BAC on sealed phantoms, normal films of both "
            "halves and the arteries of MG1 (`real-recipe`, `real-recipe-pair`, `real-recipe-long`, "
            "`real-three-cycles`).",
            "That a pair with one network of the newer recipe ships, and that it does so with a closer look and after "
            "that network learnt from small winding arteries: before, arteries of MG1 were called MC or not found "
            "(`real-mixed-pair`, `real-mixed-magnified`, `real-mixed-wound`, `real-winding`).",
            "That `detail-longer`, whose magnifier learnt on for longer, does not ship as it was chosen, by the "
            "arteries of MG1 (`real-longer`).",
            "That the newer of the two networks does not ship alone, in smaller tiles, by false MC on sealed phantoms "
            "and by normal films of both halves (`real-one`).",
            "That one network which learnt what the two say does not ship, by a cluster of a shipped sample that it "
            "does not see and by the arteries of MG1, though it flags fewer normal films (`real-one-more`).",
        ),
    ),
    "paper": ModelSpec(
        name="paper",
        title="Paper (whole view at 256×256)",
        way="paper",
        file="paper.safetensors.xz",
        sha256="085426e19c2c8d4b35e99bd9e6230ef479a5aaeb6de3df2bff9c438752305e99",
        note="The paper's way: the whole view squeezed to 256×256. Trained on phantoms (synthetic images) only, and "
        "so far it finds no MC on unseen ones: do not take its silence for their absence.",
    ),
}


@dataclass(frozen=True, eq=False)
class Model:
    """A network, or several as one, ready to look.

    provenance: what the weights file says of its training (run, commit, data, seed, …).
    """

    name: str
    weights_sha256: str
    settings: Settings
    network: "Network"
    device: "torch.device"
    dtype: "torch.dtype"
    provenance: Mapping[str, Any]


def load_model(name: str, device: str = "auto") -> Model:
    """Read, check and warm a model. Raises ModelUnavailable with a sentence for an unknown, absent or damaged one."""
    spec = find_model(name)
    return model_from_bytes(_checked_bytes(spec), spec.name, device)


def find_model(name: str) -> ModelSpec:
    if name not in MODELS:
        raise ModelUnavailable(f"There is no model called {name!r}. There are: {', '.join(MODELS)}.")
    return MODELS[name]


def read_metadata(spec: ModelSpec) -> dict[str, Any]:
    """Network, settings and provenance as written in the weights file, without torch and without its tensors.

    Raises ModelUnavailable for a file that is missing or that is none of ours.
    """
    packed = _open(spec)
    try:
        with packed as file:
            length = int.from_bytes(file.read(8), "little")
            head = file.read(min(length, 1 << 24))
        return dict(json.loads(json.loads(head)["__metadata__"]["mtunet"]))
    except (lzma.LZMAError, EOFError, ValueError, LookupError, TypeError):
        raise ModelUnavailable(
            f"The weights of model {spec.name!r} are damaged: {spec.file} does not begin as a weights file does. "
            "Restore it from the repository."
        ) from None


@lru_cache(maxsize=8)
def settings_of(name: str) -> Settings:
    """How a registered model is used, as its weights file says. Raises ModelUnavailable."""
    return Settings.from_json(read_metadata(find_model(name))["settings"])


def file_state(spec: ModelSpec) -> Literal["ok", "missing", "damaged"]:
    """Whether the weights file is there and is the one that was registered."""
    if not spec.path.exists():
        return "missing"
    now = spec.path.stat()
    return "ok" if _digest(spec.path, now.st_mtime_ns, now.st_size) == spec.sha256 else "damaged"


@lru_cache(maxsize=8)
def _digest(path: Path, _changed: int, _bytes: int) -> str:
    """Of the weights that a file holds, "" for a damaged one; kept while the file stays as it is, since unpacking takes
    0.2 s and a page asks at each run."""
    try:
        return hashlib.sha256(unpacked_weights(path)).hexdigest()
    except (lzma.LZMAError, EOFError):
        return ""


def packed_weights(data: bytes) -> bytes:
    """What a shipped weights file holds: a third smaller, and the same weights to the bit."""
    return lzma.compress(data, preset=9)


def unpacked_weights(path: Path) -> bytes:
    """The bytes of weights that ship. Raises OSError, and LZMAError or EOFError for a file that is damaged."""
    return lzma.decompress(path.read_bytes())


def model_from_bytes(data: bytes, name: str, device: str = "auto") -> Model:
    """A model from the bytes of a weights file (safetensors with our metadata)."""
    from mtunet.detection.devices import choose_device, inference_dtype, warm
    from mtunet.detection.weights import read_weights

    network, settings, provenance = read_weights(data)
    chosen = choose_device(device)
    network, dtype = network.to(chosen).eval(), inference_dtype(chosen)
    warm(network, chosen, dtype)
    return Model(
        name=name,
        weights_sha256=hashlib.sha256(data).hexdigest(),
        settings=settings,
        network=network,
        device=chosen,
        dtype=dtype,
        provenance=provenance,
    )


def _checked_bytes(spec: ModelSpec) -> bytes:
    try:
        with _open(spec) as file:
            data: bytes = file.read()
    except (lzma.LZMAError, EOFError):
        data = b""
    digest = hashlib.sha256(data).hexdigest()
    if digest != spec.sha256:
        raise ModelUnavailable(
            f"The weights of model {spec.name!r} are damaged or of another version: expected sha256 "
            f"{spec.sha256[:12]}…, found {digest[:12]}…. Restore {spec.file} from the repository."
        )
    return data


def _open(spec: ModelSpec) -> lzma.LZMAFile:
    try:
        return lzma.open(spec.path, "rb")
    except OSError:
        raise ModelUnavailable(
            f"The weights of model {spec.name!r} are missing: expected {spec.file} in {WEIGHTS}. "
            "Restore it from the repository, or make it with `python -m training`."
        ) from None
