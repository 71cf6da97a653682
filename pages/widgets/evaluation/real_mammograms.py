"""What the shipped models do on the few real mammograms: figures with intervals, and every image of them."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mtunet import runs
from mtunet.evaluation.reading import Results
from pages.widgets.evaluation.charts import figure, show
from pages.widgets.words import plain

REAL = "Real mammograms"
HOW = "`python -m training evaluate-real detail --root DIR`"


def show_real(_: Results) -> None:
    """Independent of the run that is chosen above: these measurements belong to models that ship."""
    st.subheader("Real mammograms (few, weak labels)", anchor=False)
    found = runs.find_real()
    if not found:
        st.info(f"No measurement on real mammograms is under {runs.RUNS} yet. {HOW} makes one.", icon=":material/info:")
        return
    names = [run.folder.name for run in found]
    name = st.selectbox("Measurement", names, key="evaluation.real") if len(found) > 1 else names[0]
    run = found[names.index(name)]
    st.markdown(
        f"Model **{plain(run.config['model'])}** on real images, by protocol {plain(run.config['protocol'])}: circles "
        "of mini-MIAS, arteries of one film traced by eye, and views on which detections are only counted. So few "
        "images say roughly what to expect, not how good the model is; the intervals are 95 %."
    )
    st.dataframe(_figures(run.summary or {}), hide_index=True, key="evaluation.real_figures")
    left, right = st.columns(2, gap="medium")
    with left:
        _froc(run)
    with right:
        st.markdown("**Every image**")
        st.dataframe(_images(run), hide_index=True, height=360, key="evaluation.real_images")


def _figures(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    mias, mg1, breast = summary["mini_mias"], summary["mg1"], summary["breast"]
    at_one = mias["at_one_false_positive"]
    rows = [
        ("mini-MIAS", "clusters hit by MC or BAC", _share(mias["hit"])),
        ("mini-MIAS", "clusters hit as MC", _share(mias["hit_as_mc"])),
        ("mini-MIAS", "… at no more than one false MC per normal image", _share(at_one) if at_one else "not reached"),
        ("mini-MIAS", "false MC per normal image", _mean(mias["false_mc_per_normal_image"])),
        ("mini-MIAS", "detected BAC per normal image (nobody marked BAC)", _mean(mias["false_bac_per_normal_image"])),
        ("NEMA MG1", "length of traced arteries found as BAC", f"{mg1['recall']:.0%}"),
        ("NEMA MG1", "length of traced arteries called MC", f"{mg1['called_mc']:.0%}"),
        ("NEMA MG1", "BAC farther than 3 mm from any of them", f"{mg1['false_mm2']:.0f} of {mg1['bac_mm2']:.0f} mm²"),
        *(
            (part, f"detected {kind.upper()} per image", _mean(of_part[f"{kind}_per_image"]))
            for part, of_part in summary["plausible"].items()
            if part != "all"
            for kind in ("mc", "bac")
        ),
        ("DDSM tissue", "breast region, overlap with the mask (median)", f"{breast['median']:.3f}"),
    ]
    steady = summary["perturbations"].get("all")
    if steady:
        rows.append(("all, perturbed", "flag stays as it was", _share(steady["flag_unchanged"])))
    return [{"Images": images, "Measure": measure, "Value": value} for images, measure, value in rows]


def _share(value: Mapping[str, Any]) -> str:
    if value["share"] is None:
        return "undefined (none)"
    low, high = value["interval"]
    return f"{value['share']:.0%} ({value['count']} of {value['of']}; {low:.0%} to {high:.0%})"


def _mean(value: Mapping[str, Any]) -> str:
    if value["mean"] is None:
        return "undefined (no image)"
    low, high = value["interval"]
    return f"{value['mean']:.1f} ({value['images']} images; {low:.1f} to {high:.1f})"


def _froc(run: runs.Run) -> None:
    rows = runs.read_whole_table(run, "froc")
    chart = figure("mini-MIAS: clusters hit as MC", "false MC per normal image", "share of clusters hit")
    false = [int(row["false_mc_on_normal"]) / max(int(row["normal_images"]), 1) for row in rows]
    hit = [int(row["hit_as_mc"]) / max(int(row["clusters"]), 1) for row in rows]
    thresholds = [f"threshold {row['threshold']}" for row in rows]
    chart.add_scatter(x=false, y=hit, mode="lines+markers", text=thresholds, hoverinfo="text+x+y", showlegend=False)
    chart.update_yaxes(range=[0, 1.05])
    show(chart, "real_froc", "Share of mini-MIAS clusters hit as MC against false MC per normal image, by threshold.")


def _images(run: runs.Run) -> list[dict[str, Any]]:
    return [
        {
            "Part": row["part"],
            "Image": row["image"],
            "MC": int(row["mc"]),
            "BAC": int(row["bac"]),
            "Clusters hit": f"{row['hit']} of {row['clusters']}" if int(row["clusters"]) else "",
            "Flag": row["flag"].replace("_", " "),
        }
        for row in runs.read_whole_table(run, "images")
    ]
