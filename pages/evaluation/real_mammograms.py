"""What the shipped models do on the few real mammograms: targets before and after, figures, and every image."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mtunet.detection import models
from mtunet.evaluation import runs
from mtunet.evaluation.reading import Results
from mtunet.evaluation.real import NOT_MEASURED, Measure, learnt_from_measured, missed, read_figures, targets
from mtunet.evaluation.sealed import CHOSEN_ON, LIMITS, SEALED, SIGHT, decided_in_sight, halves, looked_at_besides
from mtunet.evaluation.standing import SHIPS, measured_at, rules_since, standings
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
    standing = standings(measurements)
    run, before = _chosen(measurements, standing)
    st.markdown(
        f"Model **{plain(run.config['model'])}** ({standing[run.folder.name]}) on real images, by protocol "
        f"{plain(run.config['protocol'])}: circles of mini-MIAS, arteries of one film traced by eye, and views on "
        "which detections are only counted. So few images say roughly what to expect, not how good the model is; the "
        "intervals are 95 %."
    )
    for warning in (rules_since(run), learnt_from_measured(run.config)):
        if warning:
            st.warning(warning, icon=":material/warning:")
    shown = {
        _column(measurement, run, standing, alone=before is None): read_figures(measurement)
        for measurement in (run, before)
        if measurement
    }
    _targets(shown, run)
    _halves(run, measurements)
    st.markdown("**Every figure**")
    st.dataframe(_beside(shown), hide_index=True, key="evaluation.real_figures")
    _froc([measurement for measurement in (before, run) if measurement])
    _perturbed(run)
    _images(run)
    for slip in (run.summary or {}).get("label_slips", ()):
        st.caption(plain(slip))


def _chosen(measurements: Sequence[runs.Run], standing: Mapping[str, str]) -> tuple[runs.Run, runs.Run | None]:
    """The measurement that is shown, at first of what ships, else the newest; and the one it is compared with, at first
    the oldest."""
    dated = sorted(measurements, key=lambda run: (standing[run.folder.name] == SHIPS, measured_at(run)))
    names = [run.folder.name for run in dated]
    if len(dated) == 1:
        return dated[0], None

    def called(name: str) -> str:
        return name if name == NONE else f"{name} ({standing[name]})"

    left, right = st.columns(2)
    key = remembered("after", names, names[-1])
    name = right.selectbox("After", names, key=key, format_func=called, persist_state="page")
    others = [NONE, *(other for other in names if other != name)]
    key = remembered("before", others, others[1])
    before = left.selectbox("Before", others, key=key, format_func=called, persist_state="page")
    return dated[names.index(name)], None if before == NONE else dated[names.index(before)]


def _targets(shown: Mapping[str, Sequence[Measure]], run: runs.Run) -> None:
    judged = {column: targets(rows) for column, rows in shown.items()}
    st.markdown("**Targets**")
    told = _beside(judged, with_verdict=True)
    st.dataframe(told, hide_index=True, height="content", key="evaluation.real_targets")
    lacking = missed(next(iter(judged.values())))
    if lacking:
        st.markdown("Missed: " + "; ".join(plain(f"{row.images}: {row.measure}") for row in lacking) + ".")
    notes = runs.read_notes(run)
    if notes:
        with st.expander("Notes", icon=":material/edit_note:"):
            st.markdown(notes)


def _halves(run: runs.Run, measurements: Sequence[runs.Run]) -> None:
    """What may be chosen on beside what was sealed, and what people saw of that all the same."""
    st.markdown("**Chosen on, and sealed**")
    rows = [
        {"Images": row.images, "Measure": row.measure, "Chosen on": row.chosen_on, "Sealed": row.sealed}
        for row in halves(run.summary or {})
    ]
    if not rows:
        st.markdown("This measurement, by an older protocol, has no sealed half.")
        return
    st.dataframe(rows, hide_index=True, key="evaluation.real_halves")
    st.markdown(f"{CHOSEN_ON} {SEALED} {LIMITS}")
    weights = run.config.get("weights_sha256")
    ships = next((spec for spec in models.MODELS.values() if spec.sha256 == weights), None)
    with st.expander("What people decided with the sealed part in sight", icon=":material/visibility:"):
        decided = (f"- {one}" for one in decided_in_sight(ships))
        st.markdown("\n".join([SIGHT, "", *decided, "", looked_at_besides(measurements, run)]))


def _column(measurement: runs.Run, run: runs.Run, standing: Mapping[str, str], *, alone: bool) -> str:
    """What stands above a measurement's values; that of `run` is called "after" where there are two."""
    name = measurement.folder.name
    called = f"{name} ({standing[name]})"
    return f"Value: {called}" if alone else f"{'After' if measurement is run else 'Before'}: {called}"


def _beside(shown: Mapping[str, Sequence[Measure]], *, with_verdict: bool = False) -> list[dict[str, str]]:
    """A row per figure, a column per measurement, what is shown first: it is read where there is room for one alone."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    columns = ["Images", "Measure", *(["Target"] if with_verdict else []), *shown]
    for column, measures in shown.items():
        for measure in measures:
            row = rows.setdefault(
                (measure.images, measure.measure), {"Images": measure.images, "Measure": measure.measure}
            )
            row["Target"] = measure.target
            row[column] = f"{measure.verdict}: {measure.value}" if with_verdict and measure.verdict else measure.value
    return [{column: row.get(column, NOT_MEASURED) for column in columns} for row in rows.values()]


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
