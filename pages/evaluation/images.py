"""The images behind a number, the worst first; what became of every calcification, and what goes with failing."""

import hashlib
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from mtunet.evaluation.figures import EVERY
from mtunet.evaluation.outcomes import COVARIATES, OUTCOMES, Region, components, outcome_counts
from mtunet.evaluation.pictures import sketch
from mtunet.evaluation.reading import Counts, ImageFacts, Results
from mtunet.evaluation.run_masks import DetectedMasks, keeps_masks, read_masks
from mtunet.evaluation.statistics import Stratum
from mtunet.evaluation.table import TYPE_TITLES, method_title
from mtunet.output.drawing import RGB
from pages.evaluation.address import go, remembered, remembered_several, remembered_text
from pages.evaluation.image_card import show_card
from pages.evaluation.numbers import UNDEFINED, downloads, regions
from pages.evaluation.results_table import chosen_frame, chosen_method, chosen_type, of_one_seed
from pages.evaluation.runs_shown import BY_RUN
from pages.shared.charts import figure, look, show
from pages.shared.drawn_pictures import address_of
from pages.shared.words import plain

CAUSES = {"density": "breast density (BI-RADS)", **COVARIATES}


def show_causes(results: Results, method: str) -> None:
    """What the run's statistics say of outcomes: of all seeds, with intervals."""
    told = results.current
    if told is None or not told.confusions:
        return
    st.subheader("What became of every calcification", anchor=False)
    counts = {
        (confusion.method, kind): outcome_counts(confusion, kind)
        for confusion in told.confusions
        for kind in TYPE_TITLES
    }
    seeds = {confusion.method: confusion.seeds for confusion in told.confusions}
    rows: list[dict[str, Any]] = [
        {
            "Method": method_title(m),
            "Type": TYPE_TITLES[k],
            **{f"({o}) {w}": regions(row[o]) for o, w in OUTCOMES.items()},
            "Seeds": ", ".join(map(str, seeds[m])),
        }
        for (m, k), row in counts.items()
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.outcomes", alt="Number of calcifications per outcome")
    flat = [{"method": m, "type": k, **row} for (m, k), row in counts.items()]
    downloads(f"{results.name}-outcomes", flat)
    st.subheader("Do the causes that the paper names go with failing?", anchor=False)
    st.caption(
        "The paper blames overlapping groups for (b), specks in a line for (c) and dense breasts for (d), without "
        "numbers. Here every true calcification is sorted by what was measured of it; a bar is the share"
        " that was not found, with its 95 % interval."
    )
    cause = st.selectbox(
        "Sorted by", list(CAUSES), format_func=_begun, key=remembered("cause", list(CAUSES)), width=380
    )
    for column, (kind, name) in zip(st.columns(2, gap="medium"), TYPE_TITLES.items(), strict=True):
        with column:
            key = (method, kind, cause)
            _chart(
                results,
                [stratum for stratum in told.strata if (stratum.method, stratum.type, stratum.covariate) == key],
                name,
            )


def _begun(cause: str) -> str:
    return CAUSES[cause][0].upper() + CAUSES[cause][1:]


def _chart(results: Results, strata: list[Stratum], name: str) -> None:
    known = [(stratum, stratum.outcomes["a"]) for stratum in strata if stratum.outcomes["a"].value is not None]
    if not known:
        st.caption(f"{name}: this run did not measure it, or has too few.")
        return
    failed = [100 * (1 - (share.value or 0.0)) for _, share in known]
    ends = [(share.value, share.value) if share.low is None else (share.low, share.high) for _, share in known]
    spans = [(100 * (1 - (high or 0.0)), 100 * (1 - (low or 0.0))) for low, high in ends]
    first, last = known[0][0], known[-1][0]
    claim = f"{name}: {failed[0]:.0f} % not found at {first.label}, {failed[-1]:.0f} % at {last.label}"
    made = figure(claim, _begun(first.covariate), "Not found, percent", height=330)
    made.add_bar(
        x=[stratum.label for stratum, _ in known],
        y=failed,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [high - value for value, (_, high) in zip(failed, spans, strict=True)],
            "arrayminus": [value - low for value, (low, _) in zip(failed, spans, strict=True)],
            "thickness": 1.2,
        },
        marker_color=look(first.method, results.methods).colour,
        text=[f"of {stratum.regions}" for stratum, _ in known],
        textposition="inside",
        insidetextanchor="start",
        customdata=spans,
        hovertemplate="%{y:.1f} % (%{customdata[0]:.1f} to %{customdata[1]:.1f}) %{text}<extra>%{x}</extra>",
    )
    made.update_xaxes(type="category")
    made.update_yaxes(range=[0, 105])
    show(made, f"cause-{name.lower()}", claim)


KEY = "evaluation.images"
SKETCH, ROW = "sketch", 56
"""A column of small pictures, and how high its rows are, in screen pixels."""
LETTERS = {letter: f"({letter}) {words}" for letter, words in OUTCOMES.items()}


def show_images(results: Results) -> None:
    if not results.counts:
        st.info("Nothing is scored in this run yet, so there are no images to show.", icon=":material/hourglass_top:")
        return
    method, kind, metric, fold, frame, outcomes = _chosen(results)
    counts = results.counts.get((method, kind, frame))
    if counts is None:
        st.info(f"{method_title(method)} has no counts for {TYPE_TITLES[kind]} yet.", icon=":material/hourglass_top:")
        return
    if counts.of(EVERY[metric].columns) is None:
        st.info(
            f"{EVERY[metric].title} is not counted for {TYPE_TITLES[kind]} at this resolution. Choose another order or "
            "resolution: lesions are counted on the images' own grid, centre lines for BAC only.",
            icon=":material/sort:",
        )
        return
    mine = _by_image(_components(results, method, kind))
    rows = [r for r in _rows(results, counts, metric, mine) if fold in ("all", r["fold"])]
    if outcomes:
        rows = [row for row in rows if any(letter in row["outcomes"] for letter in outcomes)]
    rows = _filtered(rows)
    first = "highest" if EVERY[metric].less_is_better else "lowest"
    st.caption(
        f"{len(rows)} images, the {first} {EVERY[metric].title} first, those where it is undefined (0/0) last. "
        "Choose a row to see its picture; the head of a column sorts by it, and the magnifying glass searches in all."
        f"{of_one_seed(results)}"
    )
    names = [str(row["image"]) for row in rows]
    if rows:
        sketches = _sketches(results, method, kind, rows, mine)
        for row in rows:
            row[SKETCH] = sketches.get(str(row["image"]), "")
        place = names.index(st.session_state[remembered("image", names)])
        _list(rows, metric, place)
        show_card(results, method, rows[place], mine.get(names[place], []), metric)
    flat = [{name: value for name, value in row.items() if name != SKETCH} for row in rows]
    downloads(f"{results.name}-images-{method}-{kind}", flat)
    show_causes(results, method)


def _sketches(
    results: Results, method: str, kind: str, rows: list[dict[str, Any]], regions: Mapping[str, list[Region]]
) -> dict[str, str]:
    """By image, where a small picture of it is found: drawn when it is scrolled to. Of the folds that kept masks."""
    kept = {part.fold: part.folder for part in results.parts if part.method == method and keeps_masks(part.folder)}
    sketches = {}
    for row in rows:
        if (folder := kept.get(row["fold"])) is not None:
            name = str(row["image"])
            draw = partial(_sketch, folder, results.seen, name, kind, regions.get(name, []))
            sketches[name] = address_of(f"sketch {folder} {results.seen} {name} {kind}", draw)
    return sketches


def _sketch(folder: Path, seen: str, name: str, kind: str, regions: list[Region]) -> RGB:
    true = [region.box for region in regions if region.outcome != "e"]
    return sketch(_masks(folder, seen)[name], kind, true)


@lru_cache(maxsize=20)
def _masks(folder: Path, seen: str) -> dict[str, DetectedMasks]:  # noqa: ARG001 (the run's fingerprint: the cache's key)
    return read_masks(folder)


@st.cache_resource(max_entries=8, show_spinner="Reading what became of every calcification …", hash_funcs=BY_RUN)
def _components(results: Results, method: str, kind: str) -> list[Region]:
    return components(results, method, kind)


def _chosen(results: Results) -> tuple[str, str, str, Any, str, list[str]]:
    """Method, type, metric, fold (or "all"), frame and outcomes; set beforehand when someone came from a number."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        method = chosen_method(results.methods)
        kind = chosen_type()
        metric = _one("Order", _countable(results), "order", lambda m: EVERY[m].title, 200, "f1")
        folds: list[Any] = ["all", *results.folds]
        fold = _one("Fold", folds, "fold", lambda f: "All folds" if f == "all" else f"Fold {f}", 130)
        frame = chosen_frame(results)
    outcomes: list[str] = []
    if _components(results, method, kind):
        outcomes = st.pills(
            "Only with a calcification that was",
            list(OUTCOMES),
            selection_mode="multi",
            format_func=lambda letter: LETTERS[letter],
            key=remembered_several("outcomes", list(OUTCOMES)),
            persist_state="page",
            help="The columns of the paper's Figure 3, and (e) for what was found where nothing is.",
        )
    return method, kind, metric, fold, frame, list(outcomes)


def _countable(results: Results) -> list[str]:
    """Metrics that the run counted for any method and type."""
    return [n for n, metric in EVERY.items() if any(c.of(metric.columns) is not None for c in results.counts.values())]


def _one(label: str, options: list[Any], name: str, words: Any, width: int, default: Any = None) -> Any:
    key = remembered(name, options, default)
    return st.selectbox(label, options, format_func=words, key=key, width=width, persist_state="page")


CONDITION = re.compile(r"\s*([a-z_0-9]+)\s*(<=|>=|!=|=|<|>)\s*(\S.*?)\s*")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


def _filtered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that meet every condition that was written, on any column of the table that is handed out."""
    columns = list(rows[0]) if rows else []
    text = st.text_input(
        "Filter",
        key=remembered_text("filter"),
        placeholder="fp > 100, density = d",
        help=f"Conditions that all must hold, with commas: a column, one of < <= = != >= >, and a value; shares are "
        f"from 0 to 1. The columns: {', '.join(columns)}.",
        persist_state="page",
        width=420,
    )
    for condition in (part for part in text.split(",") if part.strip()):
        match = CONDITION.fullmatch(condition)
        if match is None or match[1] not in columns:
            st.warning(
                f"Not understood: {plain(condition.strip())}. A condition is like fp > 100; the columns are "
                f"{plain(', '.join(columns))}.",
                icon=":material/filter_alt_off:",
            )
            continue
        rows = [row for row in rows if _meets(row[match[1]], COMPARE[match[2]], match[3])]
    return rows


def _meets(value: Any, compare: Callable[[Any, Any], bool], wanted: str) -> bool:
    """As numbers where the column holds such; what is undefined meets nothing."""
    if isinstance(value, int | float):
        try:
            return compare(value, float(wanted))
        except ValueError:
            return False
    return value is not None and compare(str(value), wanted)


def _by_image(regions: list[Region]) -> dict[str, list[Region]]:
    by_image: dict[str, list[Region]] = {}
    for region in regions:
        by_image.setdefault(region.image, []).append(region)
    return by_image


def _rows(results: Results, counts: Counts, metric: str, mine: dict[str, list[Region]]) -> list[dict[str, Any]]:
    """The worst first; of equals, the most wrong pixels."""
    known = counts.of(EVERY[metric].columns)
    assert known is not None
    values = EVERY[metric].function(known)
    rows = []
    wrong = counts.cells[:, 1] + counts.cells[:, 2]
    badness = -values if EVERY[metric].less_is_better else values
    for place in np.lexsort((-wrong, np.where(np.isnan(values), np.inf, badness))):
        name = counts.images[place]
        facts = results.images.get(name) or ImageFacts(name, name)
        value = None if np.isnan(values[place]) else float(values[place])
        cells = dict(zip(("tp", "fp", "fn", "tn"), (int(v) for v in counts.cells[place]), strict=True))
        rows.append(
            {
                "image": name,
                "patient": facts.patient,
                "fold": int(counts.fold[place]),
                "stratum": facts.stratum,
                "density": facts.density,
                metric: value,
                **cells,
                "outcomes": _told([region.outcome for region in mine.get(name, [])]),
            }
        )
    return rows


def _told(outcomes: list[str]) -> str:
    """ "a, e × 12"."""
    counts = {letter: outcomes.count(letter) for letter in sorted(set(outcomes))}
    return ", ".join(f"{letter} × {count}" if count > 1 else letter for letter, count in counts.items())


def _list(rows: list[dict[str, Any]], metric: str, place: int) -> None:
    """The row of the image that is looked at is chosen; another one is brought by a click."""
    head, scale = f"{EVERY[metric].title}, {EVERY[metric].unit}", 100 if EVERY[metric].unit == "%" else 1
    shown = [
        {
            "Marked": row[SKETCH],
            "Image": row["image"],
            head: None if row[metric] is None else scale * row[metric],
            "Outcomes": row["outcomes"] or UNDEFINED,
            "Holds": row["stratum"] or UNDEFINED,
            "Density": row["density"] or UNDEFINED,
            "Fold": row["fold"],
            "TP": row["tp"],
            "FP": row["fp"],
            "FN": row["fn"],
        }
        for row in rows
    ]
    names = [str(row["image"]) for row in rows]
    key = f"{KEY}.list.{hashlib.sha256(repr((names, place)).encode()).hexdigest()[:8]}"
    st.dataframe(
        shown,
        hide_index=True,
        height=min(320, 38 + 35 * max(len(shown), 1)),
        key=key,
        on_select=lambda: _take(key, names),
        selection_mode="single-row",
        column_config={
            head: st.column_config.NumberColumn(format="%.2f"),
            "Marked": st.column_config.ImageColumn(width=60, help="What the run marked of this type, and true boxes."),
        },
        column_order=None if any(row[SKETCH] for row in rows) else [name for name in shown[0] if name != "Marked"],
        row_height=ROW if any(row[SKETCH] for row in rows) else None,
        selection_default={"selection": {"rows": [place]}},
        alt="The images behind the number, with their counts of pixels",
    )


def _take(key: str, names: list[str]) -> None:
    if ticked := st.session_state[key]["selection"]["rows"]:
        go(image=names[ticked[0]])
