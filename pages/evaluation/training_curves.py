"""How the networks learnt, and what it cost: loss per head, F1 on the inner validation part, time, a GPU's memory."""

from dataclasses import fields
from typing import Any

import numpy as np
import streamlit as st

from mtunet.evaluation.figures import Floats
from mtunet.evaluation.reading import Cost, History, Results, costs, histories
from mtunet.evaluation.statistics import Estimate, Price, shares_memory
from mtunet.evaluation.table import TYPE_TITLES, method_title
from mtunet.evaluation.together import convergence_of, prices_of
from pages.evaluation.learning_now import HEADS, show_learning
from pages.evaluation.numbers import UNDEFINED, downloads
from pages.evaluation.results_table import chosen_method, of_one_seed
from pages.evaluation.runs_shown import BY_RUN
from pages.shared.charts import figure, line, look, show

BARS = {
    "train_seconds": ("Training time per fold", "minutes", 1 / 60),
    "images_per_second": ("Training speed", "draws per second", 1.0),
    "seconds_per_image": ("Time to segment one image", "seconds", 1.0),
    "peak_memory_mb": ("Most memory in use", "MB", 1.0),
    "parameters": ("Size of the network", "million parameters", 1e-6),
}
"""What timing.json may hold: title, unit, and what to multiply by."""
PRICED = frozenset(field.name for field in fields(Price))


def show_training(results: Results) -> None:
    histories, costs = _recorded(results)
    if not results.finished:
        show_learning(results)
    if histories:
        _losses(results, histories)
        _validation(results, histories)
    elif results.finished:
        st.info("This run has no history of its training.", icon=":material/show_chart:")
    _costs(results, costs)


@st.cache_data(max_entries=20, show_spinner=False, hash_funcs=BY_RUN)
def _recorded(results: Results) -> tuple[list[History], list[Cost]]:
    """Of the first seed."""
    return histories(results), costs(results)


def _losses(results: Results, histories: list[History]) -> None:
    method = chosen_method(list(dict.fromkeys(history.method for history in histories)))
    shown = [history for history in histories if history.method == method]
    heads = list(dict.fromkeys(head for history in shown for head in history.losses))
    st.caption(
        "Each head has its own chart, as their sum hides them: the background's loss is near its best from the start. "
        f"A line is a fold. Each method has an objective of its own.{of_one_seed(results)}"
    )
    for column, head in zip(st.columns(max(len(heads), 1), gap="small"), heads, strict=False):
        with column:
            _loss(results, shown, head)
    downloads(f"{results.name}-history-{method}", [row for history in shown for row in _records(history)])


def _loss(results: Results, shown: list[History], head: str) -> None:
    known = [history for history in shown if head in history.losses]
    fell = np.mean([_fall(history.losses[head]) for history in known])
    name = HEADS.get(head, head)
    made = figure(
        f"{name}: the loss {'fell' if fell > 0 else 'rose'} by {abs(fell):.2f}", known[0].unit, "Loss", height=320
    )
    for history in known:
        made.add_scatter(
            x=history.along,
            y=history.losses[head],
            mode="lines",
            line=line(history.method, results.methods, width=1.6),
            name=f"fold {history.fold}",
            hovertemplate="%{x}: %{y:.3f}<extra>fold " + str(history.fold) + "</extra>",
            showlegend=False,
        )
    show(made, f"loss-{head}", f"Loss of the head {name} while training, one line per fold")


def _fall(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known[0] - known[-1]) if known.size else 0.0


def _validation(results: Results, histories: list[History]) -> None:
    kinds = [kind for kind in TYPE_TITLES if any(kind in history.validation for history in histories)]
    if not kinds:
        return
    st.subheader("How soon is it learnt?", anchor=False)
    told = convergence_of(results, histories)
    for column, kind in zip(st.columns(2, gap="medium"), kinds, strict=False):
        with column:
            soon = {convergence.method: convergence.mean for convergence in told if convergence.type == kind}
            _validation_chart(results, [history for history in histories if kind in history.validation], kind, soon)


def _over(results: Results) -> str:
    """What a mean or a median of a run is of: all that `convergence_of` and `prices_of` look at."""
    return "seeds and folds" if results.current else "the first seed's folds"


def _validation_chart(results: Results, shown: list[History], kind: str, soon: dict[str, float | None]) -> None:
    """soon: by method."""
    unit = shown[0].unit
    means = ", ".join(f"{method_title(method)} {mean:.0f}" for method, mean in soon.items() if mean is not None)
    claim = (
        f"{TYPE_TITLES[kind]}: {unit} at which 95 % of the final F1 is reached, mean of {_over(results)}: "
        f"{means or 'never'}"
    )
    made = figure(claim, unit, "F1 on the inner validation part")
    named: set[str] = set()
    for history in shown:
        known_rows = ~np.isnan(history.validation[kind])
        made.add_scatter(
            x=history.along[known_rows],
            y=history.validation[kind][known_rows],
            mode="lines",  # told apart by their dashes: a mark for each epoch would be half of what a browser draws
            line=line(history.method, results.methods, width=1.4),
            name=method_title(history.method),
            legendgroup=history.method,
            showlegend=history.method not in named,
            hovertemplate="%{x}: %{y:.3f}<extra>" + f"{method_title(history.method)}, fold {history.fold}</extra>",
        )
        named.add(history.method)
    made.update_yaxes(rangemode="tozero")
    show(made, f"validation-{kind}", claim)


def _costs(results: Results, fold_costs: list[Cost]) -> None:
    known = [key for key in BARS if any(key in cost.facts for cost in fold_costs)]
    shared = any(shares_memory(str(cost.facts.get("device", "CPU"))) for cost in fold_costs)
    shown = [key for key in known if key != "peak_memory_mb" or not shared]
    st.subheader("What it costs", anchor=False)
    if not shown:
        seconds = (results.summary or {}).get("median_seconds_per_image")
        device = results.config.get("device")
        if seconds is None:
            st.caption("This run did not record what it cost.")
        else:
            st.markdown(f"One image takes {seconds:.2f} s (median){f' on {device}' if device else ''}.")
        return
    devices = sorted({str(cost.facts["device"]) for cost in fold_costs if "device" in cost.facts})
    st.caption(
        f"Median of {_over(results)}. Measured on: {', '.join(devices) or 'a device that the run does not name'}. "
        "Folds of which one took far longer shared the machine with something else."
    )
    prices = prices_of(results, fold_costs)
    for column, key in zip(st.columns(2) * 2, [key for key in shown if key in PRICED], strict=False):
        with column:
            _bars(results, prices, key)
    with st.expander("Every fold with the first seed", icon=":material/table_rows:"):
        _every_fold(results, fold_costs, shown)


def _every_fold(results: Results, fold_costs: list[Cost], shown: list[str]) -> None:
    """In the units of the charts on screen; as recorded in the file."""
    heads = {key: f"{BARS[key][0]}, {BARS[key][1]}" for key in shown}
    rows: list[dict[str, Any]] = [
        {"Method": method_title(cost.method), "Fold": cost.fold}
        | {heads[key]: _measured(cost.facts.get(key), BARS[key][2]) for key in shown}
        for cost in fold_costs
    ]
    st.dataframe(rows, hide_index=True, key="evaluation.training.costs", alt="What every fold cost")
    flat = [
        {"method": cost.method, "fold": cost.fold} | {key: cost.facts.get(key) for key in (*shown, "device")}
        for cost in fold_costs
    ]
    downloads(f"{results.name}-costs", flat)


def _measured(value: float | None, factor: float) -> str:
    return UNDEFINED if value is None else f"{value * factor:.4g}"


def _bars(results: Results, prices: tuple[Price, ...], key: str) -> None:
    title, unit, factor = BARS[key]
    spans = {price.method: getattr(price, key) for price in prices}
    values = {method: span.value if isinstance(span, Estimate) else span for method, span in spans.items()}
    medians = {method: factor * value for method, value in values.items() if value}  # no learning costs nothing
    made = figure(_cost_claim(key, medians), unit, "", height=140 + 38 * len(medians))
    made.add_bar(
        x=list(medians.values()),
        y=[method_title(method) for method in medians],
        orientation="h",
        marker_color=[look(method, results.methods).colour for method in medians],
        text=[f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in medians.values()],
        textposition="auto",
        hovertemplate="%{x:.4g} " + unit + "<extra>%{y}</extra>",
    )
    made.update_yaxes(autorange="reversed", showgrid=False)
    made.update_xaxes(rangemode="tozero")
    show(made, f"cost-{key}", title)


def _cost_claim(key: str, medians: dict[str, float]) -> str:
    """The paper's claim is that one MTU-Net costs less than two single U-Nets."""
    title = BARS[key][0]
    single, mtunet = medians.get("single"), medians.get("mtunet")
    if not single or not mtunet:
        return title
    return f"{title}: one MTU-Net takes {100 * mtunet / single:.0f} % of what two U-Nets take"


def _records(history: History) -> list[dict[str, Any]]:
    columns = {f"loss_{k}": v for k, v in history.losses.items()} | {
        f"validation_f1_{k}": v for k, v in history.validation.items()
    }
    return [
        {"method": history.method, "fold": history.fold, history.unit: float(at)}
        | {name: None if np.isnan(values[i]) else float(values[i]) for name, values in columns.items()}
        for i, at in enumerate(history.along)
    ]
