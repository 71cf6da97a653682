"""What a run's seeds and folds show: which methods learnt, every claim's verdict, what BAC's removal does, and what
becomes of true regions."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st

from mtunet.evaluation.metrics import HIT_SHARE, SAME_PLACE_IOU
from mtunet.evaluation.outcomes import COVARIATES, NONE, OUTCOMES
from mtunet.evaluation.reading import Results, named
from mtunet.evaluation.significance import own_interval
from mtunet.evaluation.statistics import (
    Claim,
    Confusion,
    Estimate,
    FrocCurve,
    Gate,
    Hurdle,
    Statistics,
    Stratum,
    Tested,
)
from mtunet.evaluation.table import TYPE_TITLES, method_title
from mtunet.files import counted
from pages.evaluation.numbers import (
    UNDEFINED,
    decimal,
    difference,
    downloads,
    p_words,
    percent,
    regions,
    signed,
    span,
)
from pages.evaluation.results_table import chosen_method, chosen_type
from pages.evaluation.runs_shown import say_if_older
from pages.shared.charts import figure, line, show

HOW = "How: docs/statistics.md in the repository."


def show_verdicts(results: Results) -> None:
    told = results.statistics
    st.subheader("What this run shows", anchor=False)
    if told is None:
        st.caption(f"Its seeds and folds are not judged yet: `python -m training report runs/{results.name}` does it.")
        return
    far = results.coverage
    say_if_older(results)
    so_far = "" if far.complete else "so far "
    st.markdown(
        "\n".join(_gate_line(gate, so_far) for gate in told.gates) or "No method can be judged without a baseline."
    )
    downloads(f"{results.name}-gate", [_hurdle(gate, hurdle) for gate in told.gates for hurdle in gate.hurdles])
    _claims(results, told)
    _removal(results, told)
    _causes(results, told)


def _gate_line(gate: Gate, so_far: str) -> str:
    failed = sum(not hurdle.passed for hurdle in gate.hurdles)
    times = f"{failed} of {len(gate.hurdles)} times" if failed else f"all {len(gate.hurdles)} times"
    verdict = f"unlearnt: {times} a baseline was as good" if failed else f"learnt: {times} better than every baseline"
    return f"- **{method_title(gate.method)}** {so_far}{verdict} (F1; types × folds × seeds)."


def _hurdle(gate: Gate, hurdle: Hurdle) -> dict[str, Any]:
    return {"method": gate.method} | vars(hurdle) | {"passed": int(hurdle.passed)}


def _claims(results: Results, told: Statistics) -> None:
    far = results.coverage
    preliminary = f"**Preliminary: of {far.whole_seeds} of {counted(len(far.done), 'seed')}.** "
    early = "" if far.complete or not far.whole_seeds else preliminary
    st.caption(
        f"{early}A difference is the mean over its parts, each a fold with a seed; it has the 95 % interval of the "
        "corrected resampled t test, which gives p as well: what another training may change is in both. The verdict "
        "is by p (Holm), corrected over all claims that are judged. The interval of seeds, patients and images drawn "
        "anew leaves other trainings out; it is in the download. Not shown is no evidence of equality: see what was "
        f"detectable. {HOW}"
    )
    show_table(f"{results.name}-claims", told.claims, "evaluation.claims.verdicts")


INTERVAL, PARTS, P, HOLM, DETECTABLE = "95 % interval", "Parts", "p", "p (Holm)", "Detectable"
TESTED: Final = {
    INTERVAL: "Of the corrected resampled t test: mean ± t × standard error. It holds 0 where p is above 0.05; Holm's "
    "correction does not widen it. Drawn anew from seeds, patients and images it is narrower, as other trainings are "
    "left out then: drawn_low and drawn_high in the download.",
    PARTS: "What the test is of: folds, each with a seed, that have this difference, which is their mean. Of two runs "
    "with other folds: the folds of both.",
    P: "Of the corrected resampled t test, as if this were asked alone.",
    HOLM: "The same after Holm's correction over this table: under 0.05 the difference stands.",
    DETECTABLE: "The smallest difference that such a test finds four times in five, asked alone.",
    f"{DETECTABLE}, first": "The same at the level that Holm asks of the smallest p.",
}
"""What the heads of a table of tests mean."""
HEADS: Final = {head: st.column_config.Column(help=meaning) for head, meaning in TESTED.items()}


def show_table(name: str, claims: Sequence[Claim], key: str) -> None:
    """A row for each claim, and the download of that name."""
    st.dataframe(
        [_claim_row(claim) for claim in claims],
        hide_index=True,
        height="content",
        key=key,
        column_config=HEADS,
        alt="Every claim, what was measured, and whether it is shown, not shown or contradicted",
    )
    downloads(name, [_claim_record(claim) for claim in claims])


def _claim_row(claim: Claim) -> dict[str, Any]:
    test, unit = claim.test, claim.unit
    return {
        "No.": claim.id,
        "Claim": claim.sentence,
        "Type": TYPE_TITLES.get(claim.type, ""),
        "Verdict": claim.verdict,
        "Remark": claim.reason or claim.remark,
        "Difference": difference(test.difference.value, unit),
        **_test_cells(test, unit),
        f"{DETECTABLE}, first": _size(test.detectable_first, unit),
        "Of": f"{claim.measure}, {'points' if unit == '%' else unit}",
    }


def _test_cells(test: Tested, unit: str) -> dict[str, Any]:
    return {
        INTERVAL: span(own_interval(test), unit),
        PARTS: test.parts,
        P: p_words(test.p),
        HOLM: p_words(test.corrected_p),
        DETECTABLE: _size(test.detectable, unit),
    }


def _claim_record(claim: Claim) -> dict[str, Any]:
    about = {name: value for name, value in vars(claim).items() if name != "test"}
    return about | _test_record(claim.test)


def _test_record(test: Tested) -> dict[str, Any]:
    """low, high: of the test itself."""
    numbers = {name: value for name, value in vars(test).items() if name != "difference"}
    own, drawn = own_interval(test), test.difference
    ends = {"low": own.low, "high": own.high, "drawn_low": drawn.low, "drawn_high": drawn.high}
    return {"difference": drawn.value} | ends | numbers


def _removal(results: Results, told: Statistics) -> None:
    if not told.removals:
        return
    st.subheader("Does telling BAC apart spare false MC?", anchor=False)
    method = next((removal.method for removal in told.removals if removal.method == "mtunet"), told.removals[0].method)
    curves = [curve for curve in told.froc if (curve.method, curve.type) == (method, "mc")]
    title = f"{method_title(method)}: MC found for so many false marks, with BAC and without, 95 % intervals"
    made = figure(title, "False marks a view", "MC regions found, percent", wide=True)
    for curve in curves:
        _add_curve(made, results, curve)
    made.update_yaxes(rangemode="tozero")
    show(made, "froc-intervals", title)
    st.caption(
        "Between thresholds the curve is straight, and from no marks to the strictest threshold as well: maps have 256 "
        "levels, and what is at the highest may still be many marks. Hollow: with a seed or several every threshold "
        "makes more. In the table, a part is a fold with a seed. Intervals of the curve, of seeds, patients and images "
        "drawn anew; of the differences, the test's."
    )
    downloads(f"{results.name}-froc", [record for curve in told.froc for record in _froc_records(curve)])
    rows = [
        {
            "Method": method_title(removal.method),
            "False marks a view": f"{removal.marks:g}",
            "All marks, %": percent(removal.before.value),
            "BAC taken away, %": percent(removal.after.value),
            "Difference, points": signed(removal.test.difference.value),
            **_test_cells(removal.test, "%"),
            "Parts on the line from none": UNDEFINED if removal.unreached is None else str(removal.unreached),
        }
        for removal in told.removals
    ]
    st.dataframe(
        rows,
        hide_index=True,
        key="evaluation.claims.removal",
        column_config=HEADS,
        alt="Sensitivity with BAC and without",
    )
    downloads(
        f"{results.name}-removal",
        [
            {"method": removal.method, "marks": removal.marks, "unreached": removal.unreached}
            | _test_record(removal.test)
            for removal in told.removals
        ],
    )


def _froc_records(curve: FrocCurve) -> list[dict[str, Any]]:
    """A row for each number of false marks. seeds_on_line: None where that was not kept."""
    about = {"method": curve.method, "type": curve.type, "without_bac": int(curve.without_bac)}
    late = curve.unreached or (None,) * len(curve.marks)
    return [
        about
        | {"marks": marks, "sensitivity": found.value, "low": found.low, "high": found.high}
        | {"seeds_on_line": seeds}
        for marks, found, seeds in zip(curve.marks, curve.sensitivity, late, strict=True)
    ]


def _add_curve(made: go.Figure, results: Results, curve: FrocCurve) -> None:
    known = [(x, y) for x, y in zip(curve.marks, curve.sensitivity, strict=True) if y.value is not None]
    beyond = dict(zip(curve.marks, curve.unreached, strict=False))
    name = "BAC taken away" if curve.without_bac else "all marks"
    dash = "solid" if curve.without_bac else "dot"
    bars = go.scatter.ErrorY(
        type="data",
        symmetric=False,
        array=[100 * ((y.high if y.high is not None else y.value) - y.value) for _, y in known],  # type: ignore[operator]
        arrayminus=[100 * (y.value - (y.low if y.low is not None else y.value)) for _, y in known],  # type: ignore[operator]
        thickness=1,
        width=3,
    )
    made.add_scatter(
        x=[x for x, _ in known],
        y=[100 * y.value for _, y in known if y.value is not None],
        error_y=bars,
        mode="lines+markers",
        line=line(curve.method, results.methods) | {"dash": dash},
        marker={"size": 7, "symbol": ["circle-open" if beyond.get(x) else "circle" for x, _ in known]},
        name=name,
        text=[f", with {counted(beyond[x], 'seed')} on the line from none" if beyond.get(x) else "" for x, _ in known],
        hovertemplate="%{x:g} a view: %{y:.1f} %%{text}<extra>" + name + "</extra>",
    )


def _causes(results: Results, told: Statistics) -> None:
    st.subheader("What becomes of true regions, and why?", anchor=False)
    methods = [confusion.method for confusion in told.confusions]
    if not methods:
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        method, kind = chosen_method(methods), chosen_type()
    [matrix] = [confusion for confusion in told.confusions if confusion.method == method]
    rows = [{"Truly": TRULY[true], **_called(matrix.regions[true], true)} for true in TRULY]
    st.dataframe(rows, hide_index=True, key="evaluation.causes.matrix", alt="Regions by what they are and were called")
    st.caption(_what_is_counted(results, matrix, methods))
    cells = [
        {"method": confusion.method, "truly": true, "called": called, "regions": count}
        for confusion in told.confusions
        for true, row in confusion.regions.items()
        for called, count in row.items()
        if not true == called == NONE
    ]
    downloads(f"{results.name}-matrix", cells)
    mine = [stratum for stratum in told.strata if (stratum.method, stratum.type) == (method, kind)]
    if mine:
        st.dataframe(
            [_stratum_row(stratum) for stratum in mine],
            hide_index=True,
            height="content",
            key="evaluation.causes.strata",
            alt="Outcomes of true regions by conspicuity, form, size, overlap and density, with intervals",
        )
        downloads(f"{results.name}-strata-{method}-{kind}", [_stratum_record(stratum) for stratum in mine])


TRULY: Final = {**TYPE_TITLES, NONE: "neither: false marks"}


def _called(row: Mapping[str, float], true: str) -> dict[str, str]:
    """Nobody counts what is nothing and is called nothing."""
    names = {**TYPE_TITLES, NONE: "nothing"}
    return {
        f"Called {names[called]}": UNDEFINED if called == true == NONE else regions(row[called]) for called in names
    }


def _what_is_counted(results: Results, matrix: Confusion, kept: Sequence[str]) -> str:
    of = "mean of the seeds whose regions the run keeps"
    if matrix.seeds:
        of = f"{'mean of ' if len(matrix.seeds) > 1 else 'of '}{named('seed', matrix.seeds)}"
    share, common = f"{HIT_SHARE:.0%}".replace("%", " %"), f"{SAME_PLACE_IOU:.0%}".replace("%", " %")
    without = [method_title(method) for method in results.methods if method not in kept]
    absent = f" The run keeps no regions of {', '.join(without)}." if without else ""
    return (
        f"Regions, {of}, as are the shares below. A true one is called its type where {share} of its area is detected "
        f"as that; else the other type where {share} of it (without what is truly the other) is detected as the other; "
        f"else nothing. A false mark is a detected region of which less than {share} is truly its type, of a view and "
        "type the thousand largest; one that lies on the other type is counted here, and the region that it lies on in "
        f"that one's row. FROC curves count hits otherwise: by the middle of a mark, or {common} of both in common."
        f"{absent}"
    )


def _stratum_row(stratum: Stratum) -> dict[str, Any]:
    row: dict[str, Any] = {"By": COVARIATES.get(stratum.covariate, "breast density"), "From, to": stratum.label}
    row["Regions"] = stratum.regions
    there = {name: share for name, share in stratum.outcomes.items() if name not in _impossible(stratum.type)}
    return row | {f"{OUTCOMES[name]}, %": _with_span(share) for name, share in there.items()}


def _impossible(kind: str) -> str:
    """No MC is BAC that was called MC."""
    return {"mc": "b", "bac": "c"}[kind]


def _stratum_record(stratum: Stratum) -> dict[str, Any]:
    record = {name: value for name, value in vars(stratum).items() if name != "outcomes"}
    for name, share in stratum.outcomes.items():
        record |= {
            OUTCOMES[name]: share.value,
            f"{OUTCOMES[name]}, low": share.low,
            f"{OUTCOMES[name]}, high": share.high,
        }
    return record


def _with_span(share: Estimate) -> str:
    return percent(share.value) if share.low is None else f"{percent(share.value)} ({span(share, '%')})"


def _size(value: float | None, unit: str) -> str:
    return UNDEFINED if value is None else decimal(100 * value, 1) if unit == "%" else f"{value:.3g}"
