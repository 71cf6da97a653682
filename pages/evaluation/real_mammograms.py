"""What the shipped models do on the few real mammograms: targets before and after, figures, and every image."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mtunet.detection import models
from mtunet.evaluation import runs
from mtunet.evaluation.reading import Results
from mtunet.evaluation.real import Measure, figures, learnt_from_measured, missed, targets
from pages.evaluation.address import remembered
from pages.shared.charts import figure, show
from pages.shared.words import plain

REAL = "Real mammograms"
HOW = "`python -m training evaluate-real detail --root DIR`"
NONE = "none"


def show_real(_: Results) -> None:
    """Independent of the run that is chosen above: these measurements belong to models that ship."""
    st.subheader("Real mammograms (few, weak labels)", anchor=False)
    measurements = runs.find_real()
    if not measurements:
        st.info(f"No measurement on real mammograms is under {runs.RUNS} yet. {HOW} makes one.", icon=":material/info:")
        return
    run, before = _chosen(measurements)
    st.markdown(
        f"Model **{plain(run.config['model'])}** on real images, by protocol {plain(run.config['protocol'])}: circles "
        "of mini-MIAS, arteries of one film traced by eye, and views on which detections are only counted. So few "
        "images say roughly what to expect, not how good the model is; the intervals are 95 %."
    )
    flattered = learnt_from_measured(run.config)
    if flattered:
        st.warning(flattered, icon=":material/warning:")
    _targets(run, before)
    st.markdown("**Every figure**")
    every = [(measurement, figures(measurement.summary or {})) for measurement in (before, run) if measurement]
    st.dataframe(_beside(every, run), hide_index=True, key="evaluation.real_figures")
    _froc([measurement for measurement in (before, run) if measurement])
    _perturbed(run)
    _images(run)
    for slip in (run.summary or {}).get("label_slips", ()):
        st.caption(plain(slip))


def _chosen(measurements: Sequence[runs.Run]) -> tuple[runs.Run, runs.Run | None]:
    """The measurement that is shown, at first of what ships, else the newest; and the one it is compared with, at first
    the oldest."""
    ships = {spec.sha256 for spec in models.MODELS.values()}
    dated = sorted(
        measurements,
        key=lambda run: (run.config.get("weights_sha256") in ships, str(run.config.get("measured_at", ""))),
    )
    names = [run.folder.name for run in dated]
    if len(dated) == 1:
        return dated[0], None
    left, right = st.columns(2)
    name = right.selectbox("After", names, key=remembered("after", names, names[-1]), persist_state="page")
    others = [NONE, *(other for other in names if other != name)]
    before = left.selectbox("Before", others, key=remembered("before", others, others[1]), persist_state="page")
    return dated[names.index(name)], None if before == NONE else dated[names.index(before)]


def _targets(run: runs.Run, before: runs.Run | None) -> None:
    judged = [(measurement, _of(measurement)) for measurement in (before, run) if measurement]
    st.markdown("**Targets**")
    st.dataframe(_beside(judged, run, with_verdict=True), hide_index=True, key="evaluation.real_targets")
    lacking = missed(judged[-1][1])
    if lacking:
        st.markdown("Missed: " + "; ".join(plain(f"{row.images}: {row.measure}") for row in lacking) + ".")
    notes = runs.read_notes(run)
    if notes:
        with st.expander("Notes", icon=":material/edit_note:"):
            st.markdown(notes)


def _of(run: runs.Run) -> tuple[Measure, ...]:
    made_by = runs.with_weights(str(run.config.get("weights_sha256")))
    return targets(run.summary or {}, made_by.summary if made_by else None)


def _beside(
    measured: Sequence[tuple[runs.Run, Sequence[Measure]]], run: runs.Run, *, with_verdict: bool = False
) -> list[dict[str, str]]:
    """A row per figure, a column per measurement; the column of `run` is called "after" where there are two."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    columns = ["Images", "Measure", *(["Target"] if with_verdict else [])]
    for measurement, measures in measured:
        turn = "After" if measurement is run else "Before"
        column = "Value" if len(measured) == 1 else f"{turn}: {measurement.folder.name}"
        columns.append(column)
        for measure in measures:
            row = rows.setdefault(
                (measure.images, measure.measure), {"Images": measure.images, "Measure": measure.measure}
            )
            row["Target"] = measure.target
            row[column] = (_verdict(measure) if with_verdict else "") + measure.value
    return [{column: row.get(column, "not measured") for column in columns} for row in rows.values()]


def _verdict(row: Measure) -> str:
    return "met: " if row.met else "missed: "


def _froc(shown: Sequence[runs.Run]) -> None:
    chart = figure("mini-MIAS: clusters hit as MC", "false MC per normal image", "share of clusters hit")
    for run in shown:
        rows = runs.read_whole_table(run, "froc")
        chart.add_scatter(
            x=[int(row["false_mc_on_normal"]) / max(int(row["normal_images"]), 1) for row in rows],
            y=[int(row["hit_as_mc"]) / max(int(row["clusters"]), 1) for row in rows],
            mode="lines+markers",
            text=[f"threshold {row['threshold']}" for row in rows],
            hoverinfo="text+x+y",
            name=run.folder.name,
            line={"dash": "dot" if run is not shown[-1] else "solid"},
            showlegend=len(shown) > 1,
        )
    chart.update_yaxes(range=[0, 1.05])
    show(chart, "real_froc", "Share of mini-MIAS clusters hit as MC against false MC per normal image, by threshold.")


def _perturbed(run: runs.Run) -> None:
    if not (run.summary or {}).get("perturbations"):
        st.caption("The perturbations were left out of this measurement (`--steady`).")


def _images(run: runs.Run) -> None:
    st.markdown("**Every image**")
    notes = {row["image"]: row["note"] for row in runs.read_whole_table_if_there(run, "notes")}
    rows = [_row(row, notes) for row in runs.read_whole_table(run, "images")]
    st.dataframe(
        rows,
        hide_index=True,
        height=360,
        key="evaluation.real_images",
        column_config={"Looked at": st.column_config.TextColumn(width="large")},
    )


def _row(row: Mapping[str, str], notes: Mapping[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Part": row["part"],
        "Image": row["image"],
        "MC": int(row["mc"]),
        "BAC": int(row["bac"]),
        "Clusters hit": f"{row['hit']} of {row['clusters']}" if int(row["clusters"]) else "",
        "Flag": row["flag"].replace("_", " "),
    }
    return shown | ({"Looked at": notes.get(row["image"], "")} if notes else {})
