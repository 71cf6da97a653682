"""What is learnt right now: the curves of each running part grow, and the last that it said stands below."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from mtunet.evaluation import runs
from mtunet.evaluation.figures import Floats
from mtunet.evaluation.reading import History, Results, histories_so_far
from mtunet.evaluation.table import TYPE_TITLES, method_title
from pages.evaluation.runs_shown import EVERY, last_lines
from pages.shared.charts import figure, line, markers, show

HEADS = {**TYPE_TITLES, "background": "Background", "magnifier": "Magnifier"}
LINES = 6
"""Of its log."""


@st.fragment(run_every=EVERY)
def show_learning(results: Results) -> None:
    """Of an unfinished run, looked at again every few seconds."""
    told = runs.read_progress(results.folder)
    recent = told is not None and time.time() - float(told.get("at", 0)) < runs.RECENT
    running = told.get("running", ()) if told and recent else ()
    if not any(part.get("rows") for part in running):
        st.caption("No network says now how far it is. Each does after every epoch, and its curve grows here.")
        return
    st.subheader("Learning now", anchor=False)
    for part in running:
        if networks := histories_so_far(part):
            _part(part, networks)


def _part(part: Mapping[str, Any], networks: list[History]) -> None:
    named = f"{method_title(part['method'])}, fold {part['fold']}, seed {part['seed']}"
    key = f"{part['method']}-{part['fold']}-{part['seed']}"
    losses = {head: (each, each.losses[head]) for head in HEADS for each in networks if head in each.losses}
    taken = {kind: (each, each.validation[kind]) for kind in HEADS for each in networks if kind in each.validation}
    left, right = st.columns(2, gap="medium")
    with left:
        claim = f"{named}: epoch {part['epoch']} of {part['epochs']}, loss of each head"
        _chart(claim, "Loss", f"learning-loss-{key}", losses)
    with right:
        now = ", ".join(f"{HEADS[kind]} {values[-1]:.2f}" for kind, (_, values) in taken.items())
        _chart(f"{named}: F1 on the inner validation part, {now}", "F1", f"learning-f1-{key}", taken)
    st.code("\n".join(last_lines(part, LINES)), language=None)


def _chart(claim: str, what: str, name: str, lines: Mapping[str, tuple[History, Floats]]) -> None:
    """lines: by head."""
    made = figure(claim, next(network.unit for network, _ in lines.values()), what, height=320)
    for head, (network, values) in lines.items():
        known = ~np.isnan(values)
        made.add_scatter(
            x=network.along[known],
            y=values[known],
            mode="lines+markers",
            line=line(head, list(HEADS)),
            marker=markers(head, list(HEADS), 5),
            name=HEADS[head],
            hovertemplate="%{x}: %{y:.3f}<extra>" + HEADS[head] + "</extra>",
        )
    show(made, name, claim)
