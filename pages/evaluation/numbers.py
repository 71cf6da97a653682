"""Numbers as text, tables as files, and the way from a number to the images behind it."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mtunet.evaluation.figures import Metric
from mtunet.evaluation.table import to_csv
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


def decimal(value: float | None, digits: int = 3) -> str:
    return UNDEFINED if value is None or value != value else f"{value:.{digits}f}".replace("-", "−")


def in_unit(value: float | None, metric: Metric) -> str:
    """In the metric's own unit, which stands beside it: a share in percent, else two decimals."""
    return percent(value) if metric.unit == "%" else decimal(value, 2)


def downloads(name: str, records: Sequence[Mapping[str, Any]], *, whole: bytes | None = None) -> None:
    """What is shown, as CSV and as JSON. whole: the JSON, where it says more than the records."""
    columns = list(records[0]) if records else []
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Table (CSV)",
            data=functools.partial(to_csv, records, columns),
            file_name=f"mtunet-{name}.csv",
            mime="text/csv",
            icon=":material/table:",
            on_click="ignore",
            key=f"evaluation.csv.{name}",
            help="The numbers that are shown, one row each, not rounded.",
        )
        st.download_button(
            "Table (JSON)",
            data=functools.partial(_json, records) if whole is None else whole,
            file_name=f"mtunet-{name}.json",
            mime="application/json",
            icon=":material/data_object:",
            on_click="ignore",
            key=f"evaluation.json.{name}",
            help="The same numbers as JSON.",
        )


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
