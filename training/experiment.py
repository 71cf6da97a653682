"""What an experiment is: everything that decides the outcome of a run besides the machine."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mtunet.detection.ensemble import EnsembleConfig
from mtunet.detection.network import NetworkConfig
from training.sampling import UNDEGRADED, Augmentation, Degradation


@dataclass(frozen=True)
class PhantomData:
    """How many phantoms each part has, and the seed of their cohort.

    harder: further ones to learn from, of another cohort: hard cases and views with both types.
    plain: further ones again, of a third cohort: plain films, whose texture is set by real ones.
    inserted: calcium put into real mammograms (`training.insertion`), to learn from; those without any among them.
    artefacts: share of the phantoms to learn from on which lines, borders and labels are laid (`training.artefacts`).
    """

    train: int = 400
    validation: int = 60
    test: int = 100
    seed: int = 1
    harder: int = 0
    plain: int = 0
    inserted: int = 0
    artefacts: float = 0.0


@dataclass(frozen=True)
class Experiment:
    """Everything that decides the outcome besides the machine.

    way, pitch_mm: how the network looks (None for `paper`). size: of a crop, in pixels of the network's grid.
    batch: crops per step. learning_rate: peak of a one-cycle schedule, or what it stays at where
        weights are averaged. head_weights: of MC, BAC, background.
    begin_with: name of a finished run whose weights to go on from, widened where the network is; None starts from fresh
        ones.
    mined: of every so many views the network it begins with is first asked where it is wrong, and crops are cut there
        too (1: of all, 0: of none).
    averaged: share of the steps, at the end, whose weights are averaged (0: the last weights are taken).
    mirrored: whether the network that comes of it looks at each tile from both sides.
    found: what came of it, beside what was expected; not part of what decides the outcome.
    """

    name: str
    expect: str
    way: Literal["detail", "paper"] = "detail"
    pitch_mm: float | None = 0.2
    network: NetworkConfig | EnsembleConfig = field(default_factory=lambda: NetworkConfig(width=12, norm="group"))
    size: int = 256
    batch: int = 8
    steps: int = 2400
    learning_rate: float = 3e-3
    objective: str = "batch-dice-bce"
    head_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    begin_with: str | None = None
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(intensity=True))
    degradation: Degradation = UNDEGRADED
    mined: int = 0
    averaged: float = 0.0
    mirrored: bool = False
    data: PhantomData = field(default_factory=PhantomData)
    seed: int = 0
    found: str = ""

    def __post_init__(self) -> None:
        if self.mined and self.begin_with is None:
            raise ValueError(f"{self.name} is to mine mistakes, but begins with no network that could make any.")
        if not 0.0 <= self.averaged <= 1.0:
            raise ValueError(f"The share of steps whose weights are averaged is 0 to 1, not {self.averaged}.")

    def to_json(self) -> dict[str, Any]:
        settings = {**asdict(self), "network": self.network.to_json()}
        del settings["found"]
        return settings
