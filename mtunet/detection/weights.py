"""Weights on disk: safetensors (never a pickle) with the networks' configs, their settings and where they come from."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from mtunet.detection.network import Network, build_any, config_from_json
from mtunet.detection.settings import ModelUnavailable, Settings


def write_weights(network: Network, settings: Settings, provenance: Mapping[str, Any]) -> bytes:
    """The bytes of a weights file: what is multiplied by in bfloat16, the rest (norms, biases) in float32.

    Half the bytes, and the same maps to the bit wherever a network looks in bfloat16: there the weights were rounded
    so before each look. What is read and written again is the same file.
    """
    about = {"network": network.config.to_json(), "settings": settings.to_json(), "provenance": dict(provenance)}
    tensors = {name: _rounded(tensor.detach()).cpu().contiguous() for name, tensor in network.state_dict().items()}
    data: bytes = save(tensors, metadata={"mtunet": json.dumps(about, sort_keys=True)})
    return data


def read_weights(data: bytes) -> tuple[Network, Settings, dict[str, Any]]:
    """The inverse of `write_weights`, in float32 whatever it lay in. Raises ModelUnavailable for bytes that are no
    weights of ours."""
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["mtunet"])
        network = build_any(config_from_json(about["network"]))
        network.load_state_dict(tensors, strict=True)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as problem:
        raise ModelUnavailable(
            f"This is not a weights file of MTU-Net ({type(problem).__name__}): expected safetensors with MTU-Net's "
            "metadata. Make one with `python -m training export`."
        ) from None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelUnavailable("The weights contain values that are not numbers; train or restore them again.")
    return network, Settings.from_json(about["settings"]), about["provenance"]


def _rounded(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.bfloat16() if tensor.dim() > 1 else tensor.float()
