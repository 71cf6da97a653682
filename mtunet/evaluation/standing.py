"""Which measurement on real mammograms is of what ships now: these weights, used with these settings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mtunet.detection import models
from mtunet.detection.models import ModelSpec, read_metadata
from mtunet.detection.settings import ModelUnavailable, Settings
from mtunet.detection.triage import RULES_VERSION
from mtunet.evaluation import runs

SHIPS: Final = "ships now"
OLDER: Final = "older rules"
EARLIER: Final = "measured earlier"
OTHER: Final = "other weights"
"""Of the weights that ship, with the settings that ship or with other ones; measured again since; of weights that do
not ship, or not any more."""


def of_what_ships(measured: Iterable[runs.Run], spec: ModelSpec) -> runs.Run | None:
    """The newest of these that measured what ships as this model. Raises ModelUnavailable."""
    ships = read_metadata(spec)["settings"]
    of_it = (run for run in measured if _weights(run) == spec.sha256 and alike(run.config.get("settings"), ships))
    return max(of_it, key=measured_at, default=None)


def standings(measured: Sequence[runs.Run]) -> Mapping[str, str]:
    """By the measurement's name: `SHIPS`, `OLDER`, `EARLIER` or `OTHER`."""
    stand = {run.folder.name: OTHER for run in measured}
    for spec in models.MODELS.values():
        try:
            ships, newest = read_metadata(spec)["settings"], of_what_ships(measured, spec)
        except ModelUnavailable:
            continue
        for run in measured:
            if _weights(run) == spec.sha256:
                same = EARLIER if alike(run.config.get("settings"), ships) else OLDER
                stand[run.folder.name] = SHIPS if run is newest else same
    return stand


def alike(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether both are settings, and say the same: what an earlier version did not know has its default."""
    if one is None or other is None:
        return False
    return Settings.from_json(dict(one)) == Settings.from_json(dict(other))


def rules_since(run: runs.Run) -> str:
    """A sentence where other rules than those of today weighed what was found, or may have; else ""."""
    rules = run.config.get("rules")
    if rules == RULES_VERSION:
        return ""
    by = "The measurement does not say by which rules" if rules is None else f"Rules of version {rules} were used"
    return f"{by}; those of today are of version {RULES_VERSION}, and what they changed may not be in its figures."


def measured_at(run: runs.Run) -> str:
    return str(run.config.get("measured_at", ""))


def _weights(run: runs.Run) -> str:
    return str(run.config.get("weights_sha256"))
