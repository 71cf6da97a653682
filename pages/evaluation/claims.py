"""The paper, held against numbers: its Table I audited, and what it claims without a number measured between runs."""

import plotly.graph_objects as go
import streamlit as st

from mtunet.evaluation import paper
from mtunet.evaluation.aggregation import aggregate
from mtunet.evaluation.audit import RULES, Check, audit, audit_paper, contradictions, f1_at, true_share
from mtunet.evaluation.between import AtRate, Leak, at_rates, by_rate, leaks, rate_claims
from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.intervals import Interval
from mtunet.evaluation.reading import Results
from mtunet.evaluation.statistics import Claim
from mtunet.evaluation.table import TYPE_TITLES, method_title, rows
from pages.evaluation.numbers import UNDEFINED, decimal, downloads, percent, signed
from pages.evaluation.results_table import chosen_frame
from pages.evaluation.runs_shown import BY_RUN, every_run
from pages.evaluation.verdicts import show_table, show_verdicts
from pages.shared.charts import figure, line, markers, show

CLAIMS = "Claims"


def show_claims(results: Results) -> None:
    show_verdicts(results)
    st.subheader("Between runs", anchor=False)
    st.caption(
        "The paper says these things without a number. Here they are measured between runs whose experiments are the "
        "same but for what is asked about: the F1 of pixels where the networks look, on the images that the runs "
        "share, mean over seeds. F1 at a rate and with a split, and what a split leaks, is of all images pooled; what "
        "ten times the rate changes is the mean over the folds, which these runs share. Intervals are 95 %, by drawing "
        "seeds, patients and images anew; of claims, the test's own. What one MTU-Net costs against two U-Nets, and "
        "how soon each is learnt, stands under Training."
    )
    rates, borne, gaps = between_runs(results, every_run())
    _rates(results, rates, borne)
    _leak(results, gaps)


@st.cache_data(max_entries=8, show_spinner="Comparing the runs …", hash_funcs=BY_RUN)
def between_runs(results: Results, every: list[Results]) -> tuple[list[AtRate], list[Claim], list[Leak]]:
    """At each learning rate, what is claimed of them, and both splits."""
    rates = by_rate(results, every)
    return at_rates(rates), rate_claims(rates, every), leaks(results, every)


def _rates(results: Results, points: list[AtRate], claims: list[Claim]) -> None:
    st.subheader("Does MTU-Net bear ten times the learning rate?", anchor=False)
    if not points:
        _absent(
            "one experiment at several learning rates", *(f"crops-rate-{rate}" for rate in ("1e-4", "1e-3", "1e-2"))
        )
        return
    for column, (kind, name) in zip(st.columns(2, gap="medium"), TYPE_TITLES.items(), strict=True):
        with column:
            mine = [point for point in points if point.type == kind]
            if mine:
                _rate_chart(results, mine, kind, name)
    rows = [
        {
            "Method": method_title(point.method),
            "Type": TYPE_TITLES[point.type],
            "Learning rate": f"{point.rate:g}",
            "F1, %": percent(point.f1),
            "95 % interval": _span(point.interval),
            "Epochs to 95 % of the final F1": decimal(point.epochs, 1),
            "Images": point.images,
            "Run": point.run,
        }
        for point in points
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.claims.rates", alt="F1 at each learning rate")
    downloads(f"{results.name}-rates", [vars(point) for point in points])
    if claims:
        show_table(f"{results.name}-rate-claims", claims, "evaluation.claims.rate_verdicts")


def _rate_chart(results: Results, points: list[AtRate], kind: str, name: str) -> None:
    methods = list(dict.fromkeys(point.method for point in points))
    best = {
        m: max((point for point in points if point.method == m), key=lambda point: point.f1 or 0.0) for m in methods
    }
    claim = f"{name}: best at " + ", ".join(f"{point.rate:g} ({method_title(m)})" for m, point in best.items())
    made = figure(claim, "Learning rate", "F1, percent")
    for method in methods:
        known = [point for point in points if point.method == method and point.f1 is not None]
        made.add_scatter(
            x=[point.rate for point in known],
            y=[100 * (point.f1 or 0.0) for point in known],
            error_y=_bars(known),
            mode="lines+markers",
            line=line(method, results.methods),
            marker=markers(method, results.methods, 9),
            name=method_title(method),
            hovertemplate="%{x:g}: %{y:.1f} %<extra>" + method_title(method) + "</extra>",
        )
    made.update_xaxes(type="log", tickvals=sorted({point.rate for point in points}), tickformat=".0e")
    made.update_yaxes(rangemode="tozero")
    show(made, f"rates-{kind}", claim)


def _bars(known: list[AtRate]) -> go.scatter.ErrorY:
    spans = [point.interval or (point.f1 or 0.0, point.f1 or 0.0) for point in known]
    return go.scatter.ErrorY(
        type="data",
        symmetric=False,
        array=[100 * (high - (point.f1 or 0.0)) for point, (_, high) in zip(known, spans, strict=True)],
        arrayminus=[100 * ((point.f1 or 0.0) - low) for point, (low, _) in zip(known, spans, strict=True)],
        thickness=1.2,
    )


def _leak(results: Results, gaps: list[Leak]) -> None:
    st.subheader("What does a split by image leak?", anchor=False)
    st.caption(
        "The paper's folds part images, so that a woman's other views may have been learnt from. The difference to "
        "folds that part patients is what its numbers owe to that. No two of these folds belong together: they are "
        "compared as two groups, each fold by the mean of its run's seeds."
    )
    if not gaps:
        _absent("one experiment with both ways to part the images", "crops-by-image")
        return
    rows = [
        {
            "Method": method_title(leak.method),
            "Type": TYPE_TITLES[leak.type],
            "F1, split by patient, %": percent(leak.by_patient),
            "F1, split by image, %": percent(leak.by_image),
            "Leak, points": signed(leak.gap),
            "Images": leak.images,
            "Seeds": "; ".join(f"{_numbers(of)} by {split}" for of, split in zip(leak.seeds, SPLITS, strict=True)),
        }
        for leak in gaps
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.claims.leak", alt="F1 of both splits and their difference")
    flat = [
        {"method": leak.method, "type": leak.type, "by_patient": leak.by_patient, "by_image": leak.by_image}
        | {f"seeds_by_{split}": _numbers(of) for of, split in zip(leak.seeds, SPLITS, strict=True)}
        for leak in gaps
    ]
    downloads(f"{results.name}-leak", [row | {"gap": leak.gap} for row, leak in zip(flat, gaps, strict=True)])
    show_table(f"{results.name}-leak-claims", [leak.claim for leak in gaps], "evaluation.claims.leak_verdicts")


SPLITS = ("image", "patient")
"""As `Leak.seeds` has them."""


def _numbers(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))


def _span(span: Interval | None) -> str:
    return UNDEFINED if span is None else f"{percent(span[0])} to {percent(span[1])}"


def _absent(what: str, *names: str) -> None:
    commands = "  \n".join(f"`python -m training run {name}`" for name in names)
    st.info(
        f"Not measured here: it needs {what}, and there is no such run.  \n{commands}", icon=":material/experiment:"
    )


BROKEN, HELD = ":material/close:", ":material/check:"


def show_audit(results: Results) -> None:
    audits = audit_paper()
    impossible = sum(any(c.broken for c in checks) for checks in audits.values())
    outright = sum(any(c.broken and RULES[c.rule].averages for c in checks) for checks in audits.values())
    st.markdown(
        f"**{_all(impossible, len(audits))} of the paper's Table I cannot come from one set of counts**, and "
        f"{outright} of them cannot be averages over images either. The paper does not say which of the two its "
        "numbers are. Every line below is worked out now, from the printed digits and rules that hold for every method."
    )
    for (method, kind), checks in audits.items():
        _row(f"{method_title(method)}, {TYPE_TITLES[kind]}", checks)
    st.subheader("Between the rows, and between table and text", anchor=False)
    st.markdown("  \n".join(_line(check) for check in contradictions()))
    _at_our_prevalence(results)
    _ours(results)
    flat = [
        {"method": m, "type": k, "rule": RULES[c.rule].title, "broken": int(c.broken), "why": c.sentence}
        for (m, k), checks in audits.items()
        for c in checks
    ]
    downloads("paper-table-audited", flat)
    st.caption(f"The paper's numbers: {paper.SOURCE}.")


def _all(some: int, rows: int) -> str:
    return f"All {rows} rows" if some == rows else f"{some} of the {rows} rows"


def _row(title: str, checks: list[Check]) -> None:
    broken = sum(check.broken for check in checks)
    label = f"{title}: {f'{broken} of {len(checks)} rules broken' if broken else 'every rule holds'}"
    with st.expander(label, icon=BROKEN if broken else HELD, expanded=broken > 0):
        st.markdown("  \n".join(_line(check) for check in sorted(checks, key=lambda check: not check.broken)))


def _line(check: Check) -> str:
    averages = check.rule in RULES and RULES[check.rule].averages
    ending = " *(Averages over images cannot do this either.)*" if check.broken and averages else ""
    start = f"{BROKEN} **{_check_verdict(check)}:** " if check.broken else f"{HELD} "
    return f"{start}{check.sentence}{ending}"


def _check_verdict(check: Check) -> str:
    return "Cannot be" if check.rule in RULES else "Contradiction"


def _at_our_prevalence(results: Results) -> None:
    """What the printed sensitivity and specificity would give on images where nearly every pixel is empty."""
    sentences = []
    for kind, name in TYPE_TITLES.items():
        if share := true_share(results, kind):
            row = paper.TABLE["mtunet", kind]
            sentences.append(
                f"{name}: true pixels are {100 * share:.2f} % of this run's images. There, the paper's sensitivity "
                f"{percent(row['sensitivity'])} and specificity {percent(row['specificity'])} give an F1 of "
                f"{percent(f1_at(row, share))}, not {percent(row['f1'])}."
            )
    if sentences:
        st.subheader("On whole images", anchor=False)
        st.markdown("\n\n".join(sentences))


def _ours(results: Results) -> None:
    st.subheader("The same rules on this run", anchor=False)
    if not results.frames:
        st.caption("Nothing is scored in this run yet.")
        return
    frame = chosen_frame(results)
    checked = broken = 0
    lines = []
    for method, kind in rows(results, frame):
        figures = aggregate(results.counts[method, kind, frame], "pooled")
        values = {name: figures[name].value for name in METRICS}
        if any(value is None for value in values.values()):
            lines.append(
                f"- {method_title(method)}, {TYPE_TITLES[kind]}: a metric is undefined (0/0), so no rule applies."
            )
            continue
        checks = audit({name: value for name, value in values.items() if value is not None}, pooled=True)
        checked += 1
        broken += any(check.broken for check in checks)
        lines += [f"- {method_title(method)}, {TYPE_TITLES[kind]}: {c.sentence}" for c in checks if c.broken]
    st.markdown(f"{checked} rows checked, {broken} broken.")
    st.markdown("\n".join(lines))
