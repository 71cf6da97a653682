"""How a network is to be used, as it stands in its weights file; and the sentence for weights that cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mtunet.case import Calcification

Way = Literal["detail", "paper"]


class ModelUnavailable(ValueError):
    """A model that cannot be used; `str()` says which, why, and what to do."""


@dataclass(frozen=True)
class Settings:
    """How a network is to be used; stored with its weights.

    pitch_mm: of the network's grid for `detail`, None for `paper`.
    thresholds: per type, probability at and above which a pixel counts.
    minimum_mm2: per type, smaller components are dropped.
    minimum_specks and minimum_peak, minimum_track_mm2: what MC and BAC need besides to count
        (`mtunet.detection.components`).
    mirrored: whether each tile is looked at from both sides, and the mean of both logits taken: twice the time.
    temperatures: per type, what logits are divided by, so that a probability means the share that is true.
    """

    way: Way
    pitch_mm: float | None
    thresholds: Mapping[Calcification, float]
    minimum_mm2: Mapping[Calcification, float]
    mirrored: bool = False
    temperatures: Mapping[Calcification, float] = field(default_factory=lambda: dict.fromkeys(Calcification, 1.0))
    minimum_specks: int = 0
    minimum_track_mm2: float = 0.0
    minimum_peak: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "way": self.way,
            "pitch_mm": self.pitch_mm,
            "thresholds": {kind.value: value for kind, value in self.thresholds.items()},
            "minimum_mm2": {kind.value: value for kind, value in self.minimum_mm2.items()},
            "mirrored": self.mirrored,
            "temperatures": {kind.value: value for kind, value in self.temperatures.items()},
            "minimum_specks": self.minimum_specks,
            "minimum_track_mm2": self.minimum_track_mm2,
            "minimum_peak": self.minimum_peak,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Settings":
        return cls(
            way=value["way"],
            pitch_mm=value["pitch_mm"],
            thresholds={kind: float(value["thresholds"][kind.value]) for kind in Calcification},
            minimum_mm2={kind: float(value["minimum_mm2"][kind.value]) for kind in Calcification},
            mirrored=bool(value.get("mirrored", False)),  # earlier weights say none of these
            temperatures={kind: float(value.get("temperatures", {}).get(kind.value, 1.0)) for kind in Calcification},
            minimum_specks=int(value.get("minimum_specks", 0)),
            minimum_track_mm2=float(value.get("minimum_track_mm2", 0.0)),
            minimum_peak=float(value.get("minimum_peak", 0.0)),
        )
