"""The paper claim by claim: what it says, where that is built, how it is measured, the verdict, where to look; and its
Figure 2, drawn from the code's own shapes.
"""

from typing import Any, Final, NamedTuple

import plotly.graph_objects as go
import streamlit as st
import torch

from mtunet.detection.network import HEADS, STEPS, MTUNet, NetworkConfig, count_parameters
from mtunet.evaluation.audit import audit_paper
from mtunet.evaluation.reading import Results
from pages.evaluation.numbers import downloads
from pages.shared.charts import figure, look, muted, show

CHECKLIST = "Checklist"


class Entry(NamedTuple):
    """id: of the paper's claims, as the run's verdicts name them. section: of this page."""

    id: str
    says: str
    built: str
    measured: str
    section: str


PAPER: tuple[Entry, ...] = (
    Entry("P01", "A U-Net of four steps down and four up", "mtunet/detection/network.py", "31,030,723 weights", ""),
    Entry("P03", "No normalisation layers", "method mtunet-paper", "against group norm", "Results"),
    Entry("P04", "One output per task: MC, BAC, background", "network.py: 1×1 heads", "each head's loss", "Training"),
    Entry("P05", "Masks may overlap, so no softmax", "network.py: a sigmoid per head", "confusion of types", "Claims"),
    Entry("P08", "Negative Dice, one objective a head", "training/objectives.py", "each head's loss", "Training"),
    Entry("P09", "Background is learnt as well", "method mtunet-no-background", "F1 with and without", "Claims"),
    Entry("P12", "Dice of each image alone", "method mtunet-paper", "F1, false area where absent", "Claims"),
    Entry("P15", "Views squeezed to 256 × 256", "resolution 256 × 256 and native", "every metric in both", "Results"),
    Entry("P16", "Folds part images, not patients", "experiment crops-by-image", "leak of such folds", "Claims"),
    Entry("P17", "The mean of five folds, nothing else", "seeds × folds, intervals, tests", "every fold", "Folds"),
    Entry("P20", "MTU-Net beats two single-class U-Nets", "methods single, single-half", "paired F1", "Claims"),
    Entry("P21", "MTU-Net beats a multi-class U-Net", "method multiclass", "paired F1", "Claims"),
    Entry("P23", "One network costs less than two", "training/tasks.py", "time, memory, weights", "Training"),
    Entry("P24", "MTU-Net converges faster", "history of every part", "epochs to 95 % of the final F1", "Training"),
    Entry("P25", "It bears ten times the learning rate", "experiments crops-rate-…", "F1 by rate", "Claims"),
    Entry("P26", "MC helps BAC", "mtunet against single", "paired F1 of BAC", "Claims"),
    Entry("P35", "Six metrics in Table I", "mtunet/evaluation/figures.py", "all six, three aggregations", "Results"),
    Entry("P41", "Four outcomes in Figure 3", "mtunet/evaluation/outcomes.py", "outcome of every region", "Images"),
    Entry("P42b", "Small, overlapping BAC is taken for MC", "mtunet/evaluation/judging.py", "strata", "Claims"),
    Entry("P42c", "MC in a line is taken for BAC", "mtunet/evaluation/judging.py", "strata", "Claims"),
    Entry("P42d", "Dense breasts hide calcium", "mtunet/evaluation/judging.py", "strata", "Claims"),
    Entry("P43", "Fewer false positives, better boundaries", "figures.py: boundary, false area", "paired", "Claims"),
    Entry("P44", "Taking BAC away spares false MC", "mtunet/evaluation/curves.py", "FROC with and without", "Claims"),
    Entry("P49", "The numbers of Table I", "mtunet/evaluation/audit.py", "rules of counts", "The paper's table"),
)
AUDITED: Final = "P49"
BETWEEN_RUNS: Final = ("P16", "P25")
"""Judged where there are several runs, in the section that is named."""


def show_checklist(results: Results) -> None:
    st.subheader("The paper, claim by claim", anchor=False)
    st.caption(
        "What the paper says, where this program builds it, how it is measured, and what this run's seeds and folds "
        "say of it. A verdict needs a learnt method, and stands after Holm's correction; several are of "
        "several types or comparisons. Differences and what could have been detected stand in the named section."
    )
    verdicts: dict[str, list[str]] = {}
    for claim in results.statistics.claims if results.statistics else ():
        verdicts.setdefault(claim.id, []).append(claim.verdict)
    rows = [
        {
            "No.": one.id,
            "The paper says": one.says,
            "Built": one.built,
            "Measured": one.measured,
            "Verdict": _verdict(one, verdicts.get(one.id, [])),
            "Where": f"?run={results.name}&section={one.section}".replace(" ", "%20") if one.section else "",
        }
        for one in PAPER
    ]
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        key="evaluation.checklist",
        column_config={"Where": st.column_config.LinkColumn(display_text="section=(.*)")},
        alt="The paper's claims: where they are built, how they are measured, and the verdict",
    )
    downloads(f"{results.name}-checklist", rows)
    _figure_2(results)


def _verdict(one: Entry, said: list[str]) -> str:
    if one.id == AUDITED:
        rows = audit_paper().values()
        impossible = sum(any(check.broken for check in checks) for checks in rows)
        return f"{impossible} of {len(rows)} rows cannot be counts"
    if not said:
        return "between runs" if one.id in BETWEEN_RUNS else "a choice, not a claim"
    return ", ".join(f"{said.count(word)} {word}" if len(said) > 1 else word for word in dict.fromkeys(said))


# Figure 2, from a network that is built without weights and told what passes through it.


class Layer(NamedTuple):
    """column: steps from the input. level: steps down. shape: channels, rows, columns of what comes out."""

    name: str
    column: int
    level: int
    shape: tuple[int, ...]


@st.cache_data(show_spinner=False)
def network_shapes(width: int, norm: str, heads: tuple[str, ...], side: int) -> tuple[list[Layer], int]:
    """What leaves each block of the real network for an image of side × side, and how many weights there are."""
    found: list[Layer] = []
    with torch.device("meta"):
        network = MTUNet(NetworkConfig(width, "group" if norm == "group" else "none", heads))
        for step, block in enumerate(network.down):
            _listen(block, f"down {step}", step, step, found)
        for step, (up, join) in enumerate(zip(network.up, network.join, strict=True)):
            _listen(up, f"up {step}", STEPS + 2 * step + 1, STEPS - 1 - step, found)
            _listen(join, f"join {step}", STEPS + 2 * step + 2, STEPS - 1 - step, found)
        for number, head in enumerate(network.heads):
            _listen(head, f"head {heads[number]}", 3 * STEPS + 1, number, found)
        network(torch.zeros(1, 1, side, side), torch.ones(1, 2))
    return found, count_parameters(network)


def _listen(block: torch.nn.Module, name: str, column: int, level: int, found: list[Layer]) -> None:
    def told(_: Any, __: Any, made: torch.Tensor) -> None:
        found.append(Layer(name, column, level, tuple(made.shape[1:])))

    block.register_forward_hook(told)


def _figure_2(results: Results) -> None:
    st.subheader("The network (Figure 2)", anchor=False)
    said = results.config.get("experiment")
    experiment: dict[str, Any] = said if isinstance(said, dict) else {}
    seen = experiment.get("look") or {}
    width, norm = int(experiment.get("width") or 64), str(experiment.get("norm") or "none")
    side = int(seen.get("size") or 256) if seen.get("pitch_mm") else 256
    layers, weights = network_shapes(width, norm, HEADS, side)
    how = "no" if norm == "none" else norm
    title = f"MTU-Net of this run: {weights:,} weights, width {width}, {how} normalisation, on {side} × {side}"
    made = figure(title, "", "", height=430, wide=True)
    _draw(made, layers)
    show(made, "network", f"{title}: encoder, decoder with skips, and one head a task, with the shape after each block")
    st.caption(
        "Drawn from the network that the code builds: what is written is channels × rows × columns after each block. "
        "Dotted lines are the long skips; each block is two 3 × 3 convolutions with ReLU, between blocks lie 2 × 2 max "
        "pooling (down) and 2 × 2 transposed convolutions (up); a head is one 1 × 1 convolution and a sigmoid."
    )
    downloads(f"{results.name}-network", [one._asdict() | {"shape": list(one.shape)} for one in layers])


def _draw(made: go.Figure, layers: list[Layer]) -> None:
    blocks = [one for one in layers if not one.name.startswith("head")]
    for one in (one for one in blocks if one.name.startswith("down") and one.level < STEPS):
        to = next(other.column for other in blocks if other.name.startswith("join") and other.level == one.level)
        made.add_scatter(
            x=[one.column, to],
            y=[-one.level] * 2,
            mode="lines",
            line={"dash": "dot", "color": muted()},
            hoverinfo="skip",
            showlegend=False,
        )
    made.add_scatter(
        x=[one.column for one in blocks],
        y=[-one.level for one in blocks],
        mode="lines+markers+text",
        line={"color": muted(), "width": 1},
        marker={"symbol": "square", "size": [14 + 3 * one.level for one in blocks], "color": look("mtunet", ()).colour},
        text=[" × ".join(map(str, one.shape)) for one in blocks],
        textposition=["top center" if one.level % 2 == 0 else "bottom center" for one in blocks],
        hovertext=[f"{one.name}: {' × '.join(map(str, one.shape))}" for one in blocks],
        hoverinfo="text",
        showlegend=False,
    )
    last = blocks[-1]
    for one in (one for one in layers if one.name.startswith("head")):
        made.add_scatter(
            x=[last.column, one.column + 0.4],
            y=[0, 0.5 - 0.7 * one.level],
            mode="lines+markers+text",
            line={"color": muted(), "width": 1},
            marker={"symbol": "circle", "size": [1, 12], "color": look("single", ()).colour},
            text=["", f"{one.name.removeprefix('head ').upper()}  {' × '.join(map(str, one.shape))}"],
            textposition="middle right",
            hoverinfo="skip",
            showlegend=False,
        )
    made.update_xaxes(visible=False, range=[-0.8, 3 * STEPS + 3.4])
    made.update_yaxes(visible=False, range=[-STEPS - 0.6, 1])
