"""The columns of the paper's Figure 3, filled from what a cross-validation run got right and wrong."""

from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from mtunet import runs
from mtunet.case import UnreadableImage
from mtunet.evaluation.outcomes import OUTCOMES, Component, components
from mtunet.evaluation.phantoms import NotDrawable, spec_of
from mtunet.evaluation.pictures import picture
from mtunet.evaluation.reading import COMPONENTS, Results, UnreadableRun, load
from mtunet.evaluation.titles import method_title
from mtunet.filing import CouldNotSave
from mtunet.intake import QueueFull
from mtunet.phantom import PhantomSpec
from pages.widgets.teaching.drawn import drawn, filed, phantom_of
from pages.widgets.words import plain
from pages.widgets.work import open_store

KEY = "teaching.gallery"
ALL = "all"
COLUMNS = {
    "a": "Found, and as what it is",
    "b": "BAC taken for MC",
    "c": "MC taken for BAC",
    "d": "Missed",
    "e": "Found where nothing is",
}


def show_gallery() -> None:
    names = [path.parent.name for path in sorted(runs.RUNS.glob("*/config.json")) if _has_outcomes(path.parent)]
    if not names:
        st.info(
            "The gallery shows what the model got right and wrong, in the columns of the paper's Figure 3. It is "
            "filled from a comparison over several folds, and none is here yet: `python -m training list` names those "
            "that can be run. Until then, **Make a case** draws the hard cases b, c and d themselves.",
            icon=":material/photo_library:",
        )
        return
    run = st.selectbox("Run", names, key=f"{KEY}.run", width=300)
    try:
        results, found = _read(str(runs.RUNS / run), _seen(runs.RUNS / run))
    except UnreadableRun as problem:
        st.error(plain(str(problem)))
        return
    chosen = _filtered(results, found)
    st.caption(
        "Known BAC blue and known MC green (dashed), found BAC red and found MC yellow (solid; boxes, as a run "
        "keeps no outlines). Phantom data."
        if "phantom" in str(results.config.get("data", ""))
        else "Boxes are what was found."
    )
    for letter, column in zip(COLUMNS, st.columns(len(COLUMNS), gap="small"), strict=True):
        with column:
            _column(results, letter, [one for one in chosen if one.outcome == letter])


def _has_outcomes(folder: Path) -> bool:
    return any(folder.glob(f"*/fold_*/{COMPONENTS}"))


def _seen(folder: Path) -> str:
    """Changes when a part of the run is finished."""
    return str(sorted((str(path), path.stat().st_mtime) for path in folder.glob(f"*/fold_*/{COMPONENTS}")))


@st.cache_resource(max_entries=4, show_spinner="Reading the run …")
def _read(folder: str, _when: str, /) -> tuple[Results, list[Component]]:
    results = load(Path(folder))
    return results, components(results)


def _filtered(results: Results, found: list[Component]) -> list[Component]:
    methods = sorted({one.method for one in found})
    folds = sorted({one.fold for one in found})
    densities = sorted({results.images[one.image].density for one in found if one.image in results.images} - {""})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = st.selectbox(
            "Method",
            methods,
            index=methods.index("mtunet") if "mtunet" in methods else 0,
            format_func=method_title,
            key=f"{KEY}.method",
            width=240,
        )
        fold = st.selectbox("Fold", [ALL, *folds], key=f"{KEY}.fold", width=110)
        kind = st.selectbox("Type", [ALL, "mc", "bac"], format_func=str.upper, key=f"{KEY}.type", width=110)
        density = st.selectbox("Density", [ALL, *densities], key=f"{KEY}.density", width=110)
        faint = st.selectbox(
            "Conspicuity",
            [ALL, "faintest half", "clearest half"],
            key=f"{KEY}.conspicuity",
            width=170,
            help="How far a true region stands out from the noise round it. False positives have none.",
        )
    kept = [
        one
        for one in found
        if one.method == method
        and fold in (ALL, one.fold)
        and kind in (ALL, one.type)
        and (density == ALL or (one.image in results.images and results.images[one.image].density == density))
    ]
    values = [one.covariates["conspicuity"] for one in kept if "conspicuity" in one.covariates]
    if faint == ALL or not values:
        return kept
    middle = float(np.median(values))
    low = faint == "faintest half"
    return [one for one in kept if "conspicuity" in one.covariates and (one.covariates["conspicuity"] <= middle) is low]


def _column(results: Results, letter: str, found: list[Component]) -> None:
    st.markdown(f"**({letter}) {COLUMNS[letter]}**")
    st.caption(f"{len(found)} region{'' if len(found) == 1 else 's'}: {OUTCOMES[letter]}")
    if not found:
        return
    place = st.number_input(
        "Which", 1, len(found), key=f"{KEY}.{letter}.which.{len(found)}", help="1 is the first of the run."
    )
    one = found[int(place) - 1]
    try:
        spec = spec_of(results, one.image)
    except NotDrawable as problem:
        st.info(plain(str(problem)), icon=":material/image_not_supported:")
        return
    drawn_key = f"{KEY}.drawn.{letter}"
    if st.button("Draw it", icon=":material/brush:", key=f"{KEY}.{letter}.draw"):
        st.session_state[drawn_key] = one
    if st.session_state.get(drawn_key) == one:
        with st.spinner("Drawing …"):
            st.image(_picture(spec, one), caption=_said(one), alt=f"{one.image}, {OUTCOMES[letter]}", width="stretch")
        if st.button("Open the case", icon=":material/arrow_forward:", key=f"{KEY}.{letter}.open"):
            _open(spec, one.image)
    else:
        st.caption(_said(one))


def _said(one: Component) -> str:
    parts = [one.type.upper(), plain(one.image), f"fold {one.fold}"]
    parts += [f"{one.covariates['area_mm2']:.1f} mm²"] if "area_mm2" in one.covariates else []
    parts += [f"probability {one.probability:.2f}"] if one.probability is not None else []
    return ", ".join(parts)


@st.cache_data(max_entries=60, show_spinner=False, hash_funcs={PhantomSpec: repr, Component: repr})
def _picture(spec: PhantomSpec, one: Component) -> bytes:
    rgb = picture(phantom_of(spec), (one,))
    return bytes(cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes())


def _open(spec: PhantomSpec, name: str) -> None:
    with st.spinner("Filing it as an image …"), open_store() as store:
        try:
            image = filed(store, drawn(spec, name), name)
        except (QueueFull, CouldNotSave, UnreadableImage) as problem:
            st.error(str(problem))
            return
    st.switch_page("pages/case.py", query_params={"image": image.sha256})
