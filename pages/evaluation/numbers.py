"""Numbers as text, tables as files, and the way from a number to the images behind it."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mtunet.evaluation.figures import EVERY, Metric
from mtunet.evaluation.statistics import Estimate
from mtunet.evaluation.table import TYPE_TITLES, Cell, method_title, to_csv
from pages.evaluation.address import go

UNDEFINED = "–"


def percent(value: float | None) -> str:
    """ "63.1"; "<0.1" and ">99.9" where rounding would say none or all; "–" where undefined."""
    if value is None or value != value:
        return UNDEFINED
    text = f"{100 * value:.1f}"
    if text in ("0.0", "-0.0"):
        return "0" if value == 0 else "<0.1" if value > 0 else ">−0.1"
    if text == "100.0":
        return "100" if value == 1 else ">99.9"
    return text.replace("-", "−")


def signed(value: float | None) -> str:
    """ "+3.2", "−29.5", in percentage points."""
    return UNDEFINED if value is None else f"{100 * value:+.1f}".replace("-", "−")


def difference(value: float | None, unit: str) -> str:
    """ "+3.2" points where the unit is "%", else three digits of the unit."""
    if unit == "%" or value is None:
        return signed(value)
    return f"{value:+.3g}".replace("-", "−")


def span(estimate: Estimate, unit: str) -> str:
    """The ends of its interval, "−13.1 to 0.1", in the same."""
    if estimate.low is None or estimate.high is None:
        return UNDEFINED
    low, high = (f"{100 * end:.1f}" if unit == "%" else f"{end:.3g}" for end in (estimate.low, estimate.high))
    return f"{low} to {high}".replace("-", "−")


def decimal(value: float | None, digits: int = 3) -> str:
    return UNDEFINED if value is None or value != value else f"{value:.{digits}f}".replace("-", "−")


def threshold_words(threshold: float) -> str:
    """ "0.5", "0.0078", "0.9961": as many digits as tell apart those that a run tries, which lie close at both ends."""
    return f"{threshold:.4g}"


def p_words(p: float | None) -> str:
    """ "0.034"; "<0.001"; "–" where nothing was tested."""
    return UNDEFINED if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def in_unit(value: float | None, metric: Metric) -> str:
    """In the metric's own unit, which stands beside it: a share in percent, else two decimals."""
    return percent(value) if metric.unit == "%" else decimal(value, 2)


def regions(count: float) -> str:
    """A mean over seeds: whole where it is whole."""
    return f"{count:.0f}" if count == round(count) else f"{count:.1f}"


def downloads(
    name: str,
    records: Sequence[Mapping[str, Any]],
    *,
    whole: bytes | None = None,
    text: Sequence[Cell] = (),
) -> None:
    """What is shown, as CSV and as JSON. whole: the JSON, where it says more than the records. text: a table that is
    given for a paper as well, as LaTeX and as Markdown."""
    columns = list(records[0]) if records else []
    as_csv = functools.partial(to_csv, records, columns)
    as_json = functools.partial(_json, records) if whole is None else whole
    with st.container(horizontal=True, gap="small"):
        _download(name, "CSV", "csv", as_csv, "The numbers that are shown, one row each, not rounded.")
        _download(name, "JSON", "json", as_json, "The same numbers as JSON.")
        if text:
            about = "The table above with its intervals, in percent, for a paper."
            _download(name, "LaTeX", "tex", functools.partial(as_latex, text), about)
            _download(name, "Markdown", "md", functools.partial(as_markdown, text), about)


_FORMS = {
    "csv": ("text/csv", ":material/table:"),
    "json": ("application/json", ":material/data_object:"),
    "tex": ("text/plain", ":material/article:"),
    "md": ("text/plain", ":material/article:"),
}
"""By the end of a file's name: its media type and its icon."""


def _download(name: str, form: str, end: str, data: bytes | Callable[[], bytes], about: str) -> None:
    media, icon = _FORMS[end]
    st.download_button(
        f"Table ({form})",
        data=data,
        file_name=f"mtunet-{name}.{end}",
        mime=media,
        icon=icon,
        on_click="ignore",
        key=f"evaluation.{end}.{name}",
        help=about,
    )


def as_markdown(cells: Sequence[Cell]) -> bytes:
    head, rows = _for_paper(cells)
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return ("\n".join(lines) + "\n").encode()


def as_latex(cells: Sequence[Cell]) -> bytes:
    """With booktabs."""
    head, rows = _for_paper(cells)
    body = [" & ".join(row).translate(_IN_LATEX) + r" \\" for row in (head, *rows)]
    lines = [rf"\begin{{tabular}}{{ll{'r' * (len(head) - 2)}}}", r"\toprule", body[0], r"\midrule", *body[1:]]
    return ("\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n").encode()


_IN_LATEX = str.maketrans({"%": r"\%", "−": "$-$", "–": "--", "<": "$<$", ">": "$>$", "²": "$^2$"})
"""In text, a font of LaTeX's own draws < and > as other signs."""


def _for_paper(cells: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    metrics = list(dict.fromkeys(cell.metric for cell in cells))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        ends = [in_unit(end, EVERY[cell.metric]) for end in cell.interval or ()]
        value = in_unit(cell.ours.value, EVERY[cell.metric])
        rows.setdefault((cell.method, cell.type), {})[cell.metric] = (
            "{} [{}, {}]".format(value, *ends) if ends else value
        )
    head = ["Method", "Type", *(f"{EVERY[metric].title}, {EVERY[metric].unit}" for metric in metrics)]
    return head, [
        [method_title(method), TYPE_TITLES[kind], *(row.get(metric, "") for metric in metrics)]
        for (method, kind), row in rows.items()
    ]


def _json(records: Sequence[Mapping[str, Any]]) -> bytes:
    return (json.dumps([dict(record) for record in records], indent=2) + "\n").encode()


IMAGES = "Images"


@dataclass(frozen=True)
class Behind:
    """Which images: of a method and type, of one fold or (None) all, ordered by a metric or as they are."""

    method: str
    type: str
    metric: str = "f1"
    fold: int | None = None


def go_behind(choice: Behind) -> None:
    """Show those images. To be called before the page's widgets are made, so from a callback."""
    fold = "all" if choice.fold is None else choice.fold
    go(section=IMAGES, method=choice.method, type=choice.type, order=choice.metric, fold=fold, image=None, view=None)


def from_point(key: str) -> None:
    """A callback of a chart whose points carry (method, type, metric, fold) as their custom data."""
    event: Any = st.session_state.get(key)
    points = event["selection"]["points"] if event else []
    if points and points[0].get("customdata"):
        method, kind, metric, fold = list(points[0]["customdata"])[:4]
        go_behind(Behind(str(method), str(kind), str(metric), None if fold is None else int(fold)))
