"""The paper's Figure 2, drawn from the code's own shapes: a network that is built without weights and told what passes
through it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st
import torch

from mtunet.detection.magnification import MAGNIFIED_MM
from mtunet.detection.network import (
    STEPS,
    EnsembleConfig,
    Magnifier,
    MTUNet,
    NetworkConfig,
    config_from_json,
    count_parameters,
)
from mtunet.evaluation.reading import Results
from pages.evaluation.numbers import downloads
from pages.shared.charts import figure, look, muted, show


class Layer(NamedTuple):
    """column: steps from the input. level: steps down. shape: channels, rows, columns of what comes out."""

    name: str
    column: int
    level: int
    shape: tuple[int, ...]


def networks_of(config: Mapping[str, Any]) -> tuple[NetworkConfig, ...]:
    """Those that MTU-Net is in a run of this configuration, side by side; () where it does not tell."""
    experiment = _experiment(config)
    if told := experiment.get("network"):
        network = replace(config_from_json(told), magnifier=None)
        return network.members if isinstance(network, EnsembleConfig) else (network,)
    if "mtunet" in config.get("methods", ()) and "width" in experiment and "norm" in experiment:
        return (NetworkConfig(experiment["width"], experiment["norm"]),)
    return ()


def magnifier_of(config: Mapping[str, Any]) -> str:
    """What is said of a run's magnifier; "" where it has none."""
    told = _experiment(config).get("network")
    magnifier = config_from_json(told).magnifier if told else None
    if magnifier is None:
        return ""
    weights, widths = count_parameters(Magnifier(magnifier)), ", ".join(map(str, magnifier.widths))
    return (
        f" Not drawn: the magnifier, a network of {weights:,} weights (steps of {widths} channels) that looks at what "
        f"may be MC once more, at {MAGNIFIED_MM:g} mm."
    )


def learnt_on(config: Mapping[str, Any]) -> tuple[int, str]:
    """The side of what the networks learn from, in pixels; and what it is. Older runs say it beside their look."""
    seen = _experiment(config).get("look") or _experiment(config)
    if seen.get("pitch_mm") is None:
        return 256, "whole views of 256 × 256"
    side = int(seen["size"])
    return side, f"crops of {side} × {side} at {seen['pitch_mm']:g} mm"


def _experiment(config: Mapping[str, Any]) -> Mapping[str, Any]:
    told = config.get("experiment")
    return told if isinstance(told, Mapping) else {}


@st.cache_data(show_spinner=False)
def network_shapes(config: NetworkConfig, side: int) -> tuple[list[Layer], int]:
    """What leaves each block of the real network for an image of side × side, and how many weights there are."""
    layers: list[Layer] = []
    with torch.inference_mode():  # the meta device takes a second to get ready, which is more than a pass takes
        network = MTUNet(config)
        for step, block in enumerate(network.down):
            _listen(block, f"down {step}", step, step, layers)
        for step, (up, join) in enumerate(zip(network.up, network.join, strict=True)):
            _listen(up, f"up {step}", STEPS + 2 * step + 1, STEPS - 1 - step, layers)
            _listen(join, f"join {step}", STEPS + 2 * step + 2, STEPS - 1 - step, layers)
        logits = network(torch.zeros(1, 1, side, side), torch.ones(1, 2))
    for number, (head, own) in enumerate(zip(config.heads, logits.split(1, dim=1), strict=True)):
        layers.append(Layer(f"head {head}", 3 * STEPS + 1, number, tuple(own.shape[1:])))
    return layers, count_parameters(network)


def _listen(block: torch.nn.Module, name: str, column: int, level: int, layers: list[Layer]) -> None:
    def told(_: Any, __: Any, made: torch.Tensor) -> None:
        layers.append(Layer(name, column, level, tuple(made.shape[1:])))

    block.register_forward_hook(told)


def show_network(results: Results) -> None:
    st.subheader("The network (Figure 2)", anchor=False)
    told = networks_of(results.config)
    side, what = learnt_on(results.config) if told else learnt_on({})
    rows: list[dict[str, Any]] = []
    for number, (config, count) in enumerate(Counter(told or (NetworkConfig(),)).items(), start=1):
        layers, weights = network_shapes(config, side)
        whose = "MTU-Net of this run" if told else "The paper's MTU-Net (this run does not tell its own)"
        whose += f", {count} of {len(told)} networks" if len(told) > 1 else ""
        norm = "no" if config.norm == "none" else config.norm
        title = f"{whose}: {weights:,} weights, width {config.width}, {norm} normalisation, for {what}"
        made = figure(title, "", "", height=430, wide=True)
        _draw(made, layers)
        alt = f"{title}: encoder, decoder with skips, and one head a task, with the shape after each block"
        show(made, f"network-{number}", alt)
        rows += [{"network": number} | layer._asdict() | {"shape": list(layer.shape)} for layer in layers]
    st.caption(
        "Drawn from the network that the code builds: what is written is channels × rows × columns after each block. "
        "Dotted lines are the long skips; each block is two 3 × 3 convolutions with ReLU, between blocks lie 2 × 2 max "
        "pooling (down) and 2 × 2 transposed convolutions (up); a head is one 1 × 1 convolution and a sigmoid."
        + magnifier_of(results.config)
    )
    downloads(f"{results.name}-network", rows)


def _draw(made: go.Figure, layers: list[Layer]) -> None:
    blocks = [layer for layer in layers if not layer.name.startswith("head")]
    for layer in (layer for layer in blocks if layer.name.startswith("down") and layer.level < STEPS):
        to = next(other.column for other in blocks if other.name.startswith("join") and other.level == layer.level)
        made.add_scatter(
            x=[layer.column, to],
            y=[-layer.level] * 2,
            mode="lines",
            line={"dash": "dot", "color": muted()},
            hoverinfo="skip",
            showlegend=False,
        )
    made.add_scatter(
        x=[layer.column for layer in blocks],
        y=[-layer.level for layer in blocks],
        mode="lines+markers+text",
        line={"color": muted(), "width": 1},
        marker={
            "symbol": "square",
            "size": [14 + 3 * layer.level for layer in blocks],
            "color": look("mtunet", ()).colour,
        },
        text=[" × ".join(map(str, layer.shape)) for layer in blocks],
        textposition=["top center" if layer.level % 2 == 0 else "bottom center" for layer in blocks],
        hovertext=[f"{layer.name}: {' × '.join(map(str, layer.shape))}" for layer in blocks],
        hoverinfo="text",
        showlegend=False,
    )
    last = blocks[-1]
    for layer in (layer for layer in layers if layer.name.startswith("head")):
        made.add_scatter(
            x=[last.column, layer.column + 0.4],
            y=[0, 0.5 - 0.7 * layer.level],
            mode="lines+markers+text",
            line={"color": muted(), "width": 1},
            marker={"symbol": "circle", "size": [1, 12], "color": look("single", ()).colour},
            text=["", f"{layer.name.removeprefix('head ').upper()}  {' × '.join(map(str, layer.shape))}"],
            textposition="middle right",
            hoverinfo="skip",
            showlegend=False,
        )
    made.update_xaxes(visible=False, range=[-0.8, 3 * STEPS + 4])
    made.update_yaxes(visible=False, range=[-STEPS - 0.6, 1])
