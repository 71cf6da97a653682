"""The paper's Table I, audited: which of its rows no counts can give. The same rules on the run that is shown."""

import streamlit as st

from mtunet.evaluation import paper
from mtunet.evaluation.aggregation import aggregate
from mtunet.evaluation.audit import RULES, Check, audit, audit_paper, contradictions, f1_at
from mtunet.evaluation.figures import METRICS
from mtunet.evaluation.reading import Results
from mtunet.evaluation.table import rows
from mtunet.evaluation.titles import TYPE_TITLES, method_title
from pages.evaluation.numbers import downloads, percent
from pages.evaluation.results_table import chosen_frame

BROKEN, HELD = ":material/close:", ":material/check:"


def show_audit(results: Results) -> None:
    found = audit_paper()
    impossible = sum(any(c.broken for c in checks) for checks in found.values())
    outright = sum(any(c.broken and RULES[c.rule].averages for c in checks) for checks in found.values())
    st.markdown(
        f"**{_all(impossible, len(found))} of the paper's Table I cannot come from one set of counts**, and "
        f"{outright} of them cannot be averages over images either. The paper does not say which of the two its "
        "numbers are. Every line below is worked out now, from the printed digits and rules that hold for every method."
    )
    for (method, kind), checks in found.items():
        _row(f"{method_title(method)}, {TYPE_TITLES[kind]}", checks)
    st.subheader("Between the rows, and between table and text", anchor=False)
    st.markdown("  \n".join(_line(check) for check in contradictions()))
    _at_our_prevalence(results)
    _ours(results)
    flat = [
        {"method": m, "type": k, "rule": RULES[c.rule].title, "broken": int(c.broken), "why": c.sentence}
        for (m, k), checks in found.items()
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
    start = f"{BROKEN} **{_verdict(check)}:** " if check.broken else f"{HELD} "
    return f"{start}{check.sentence}{ending}"


def _verdict(check: Check) -> str:
    return "Cannot be" if check.rule in RULES else "Contradiction"


def _at_our_prevalence(results: Results) -> None:
    """What the printed sensitivity and specificity would give on images where nearly every pixel is empty."""
    said = []
    for kind, name in TYPE_TITLES.items():
        counts = next((c for (_, k, _), c in results.counts.items() if k == kind), None)
        total = None if counts is None else counts.cells.sum(axis=0)
        if total is not None and total[0] + total[2] > 0:
            share = float((total[0] + total[2]) / total.sum())
            row = paper.TABLE["mtunet", kind]
            said.append(
                f"{name}: true pixels are {100 * share:.2f} % of this run's images. There, the paper's sensitivity "
                f"{percent(row['sensitivity'])} and specificity {percent(row['specificity'])} give an F1 of "
                f"{percent(f1_at(row, share))}, not {percent(row['f1'])}."
            )
    if said:
        st.subheader("On whole images", anchor=False)
        st.markdown("\n\n".join(said))


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
