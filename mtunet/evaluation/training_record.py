"""How a run was trained: losses per head, how fast, on what, with how much memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mtunet.evaluation.figures import Floats
from mtunet.evaluation.reading import Results, numbers
from mtunet.evaluation.run_files import HISTORY
from mtunet.evaluation.runs import RunPart

NOT_A_HEAD = ("epoch", "step", "seconds", "learning_rate")


@dataclass(frozen=True, eq=False)
class History:
    """One method on one fold. along: the steps (or epochs) of the rows, named by `unit`.

    losses: per head. validation: F1 per type on the inner validation part, NaN where it was not taken.
    """

    method: str
    fold: int
    unit: str
    along: Floats
    losses: Mapping[str, Floats]
    validation: Mapping[str, Floats]


@dataclass(frozen=True)
class Cost:
    """facts: what the run recorded: train_seconds, seconds_per_image, peak_memory_mb, parameters, device …"""

    method: str
    fold: int
    facts: Mapping[str, Any]


def histories(results: Results) -> list[History]:
    """Of every part that has begun. Raises UnreadableRun."""
    return [found for part in results.parts if (found := _history(part)) is not None]


def costs(results: Results) -> list[Cost]:
    """Of every part that recorded its time."""
    known = ((part, part.timing()) for part in results.parts)
    return [Cost(part.method, part.fold, facts) for part, facts in known if facts]


def epochs_to_reach(history: History, kind: str, share: float = 0.95) -> float | None:
    """When the validation F1 of a type first came to this share of its best; None where it never was above 0."""
    values = history.validation.get(kind)
    if values is None:
        return None
    known = values == values  # NaN is not itself
    if not known.any() or values[known].max() <= 0:
        return None
    reached = known & (values >= share * values[known].max())
    return float(history.along[reached][0])


def progress(part: RunPart) -> int:
    """Rows of history so far: epochs, or what the run logs by."""
    table = part.columns(HISTORY)
    return len(next(iter(table.values()))) if table else 0


def _history(part: RunPart) -> History | None:
    table = part.columns(HISTORY)
    if not table or not next(iter(table.values())):
        return None
    unit = next((name for name in ("epoch", "step") if name in table), next(iter(table)))
    others = {name: numbers(column) for name, column in table.items() if name not in NOT_A_HEAD}
    validation = {n.removeprefix("validation_f1_"): v for n, v in others.items() if n.startswith("validation_f1_")}
    heads = {n.removeprefix("loss_"): v for n, v in others.items() if n.startswith("loss_")}
    if not heads:
        heads = {name: values for name, values in others.items() if not name.startswith("validation")}
    return History(part.method, part.fold, unit, numbers(table[unit]), heads, validation)
