"""`mtunet models`: what can look, and whether its weights are there. Does not import torch."""

from mtunet.detection.models import DEFAULT_MODEL, MODELS, ModelSpec, file_state
from mtunet.detection.settings import ModelUnavailable
from mtunet.evaluation.model_card import card_of, to_markdown

COLUMNS = ("name", "looks", "weights", "sha256", "title")


def run() -> int:
    """Print the table; 0 if every model can be used, else 1."""
    states = {name: file_state(spec) for name, spec in MODELS.items()}
    rows = [COLUMNS, *(_row(spec, states[name]) for name, spec in MODELS.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"* used when no --model is given. {len(MODELS)} models; not for clinical use.")
    return 0 if all(state == "ok" for state in states.values()) else 1


def show_card(name: str) -> int:
    """Print a model's card; 0, or 1 with a sentence where its weights cannot be read."""
    try:
        print(to_markdown(card_of(MODELS[name])))
    except ModelUnavailable as problem:
        print(problem)
        return 1
    for failure in card_of(MODELS[name]).failures:
        print(f"\n![{failure.said}]({failure.path})")
    return 0


def _row(spec: ModelSpec, state: str) -> tuple[str, ...]:
    mark = "*" if spec.name == DEFAULT_MODEL else ""
    return spec.name + mark, spec.way, state, spec.sha256[:12], spec.title
