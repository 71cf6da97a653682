"""Which view comes next and where it is cut. All of it follows from the seed, the fold and the step's number, so every
method sees the same draws, and a run that was killed draws on as if nothing had happened.

Every view comes equally often, in an order that is shuffled anew each round. A crop is centred on a lesion where the
view has one, but for a share of them; the others half on what is easily mistaken for one and half anywhere in the
breast.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from training.augmentation import STILL, UNDEGRADED, Augmentation, Degradation, Draws, drawn
from training.data.views import ARTERIAL, BREAST, IGNORED, MICRO, MISTAKEN, GridView

TRIES = 200
AWAY = 0.35
"""How far a crop's centre may lie from the place that it is cut at, as a share of its side."""
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stage:
    """A stretch of the training. until: the share of all draws at which it ends. origins: of the views that are seen;
    empty: all. worn: what films and archives do to the crops."""

    until: float = 1.0
    origins: tuple[str, ...] = ()
    worn: Degradation = UNDEGRADED


@dataclass(frozen=True)
class FieldOfView:
    """What a network is shown. pitch_mm: of its grid; None: the whole view at 256×256. size: of a draw, in its pixels.

    off_lesion: share of the crops of views with a lesion that are centred elsewhere.
    """

    pitch_mm: float | None = None
    size: int = 256
    off_lesion: float = 0.25


@dataclass(frozen=True, eq=False)
class Sampler:
    """The draws of one part. seed: what every random choice follows from. origin_of: per view, for the stages.

    resident: views stay on the device once they were there, so that a GPU is not fed through its bus: the comparison's
    are 0.2 GB as whole views at 256×256, 3 GB at 0.2 mm.
    """

    views: Sequence[GridView]
    look: FieldOfView
    seed: tuple[int, ...]
    augmentation: Augmentation = STILL
    stages: tuple[Stage, ...] = (Stage(),)
    origin_of: Sequence[str] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    resident: bool = False
    _stay: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(init=False, default_factory=dict)

    def batch(self, step: int, count: int, draws: int) -> Draws:
        """The crops of one step. count: of crops in every step. draws: of crops in the whole training."""
        patches, offsets, stage, rng = self._patches(step, count, draws)
        return drawn(patches, offsets, self.look.size, self.augmentation, stage.worn, rng)

    def with_plain(self, step: int, count: int, draws: int) -> tuple[Draws, Draws]:
        """As `batch`; and the same crops, turned and scaled alike, with no other look, no dots and no wear."""
        patches, offsets, stage, rng = self._patches(step, count, draws)
        alike, plain = copy.deepcopy(rng), replace(self.augmentation, intensity=False)
        return (
            drawn(patches, offsets, self.look.size, self.augmentation, stage.worn, rng),
            drawn(patches, offsets, self.look.size, plain, UNDEGRADED, alike),
        )

    def _patches(self, step: int, count: int, draws: int) -> tuple[Draws, torch.Tensor, Stage, np.random.Generator]:
        """What the crops of a step may show, (x, y) of their centres, and what goes on from there."""
        rng = np.random.default_rng([*self.seed, 1, step])
        number, begun = self._stage(step * count / draws)
        first = step * count - int(np.ceil(begun * draws / count)) * count
        chosen = [self._view(number, first + place) for place in range(count)]
        centres = [self._centre(self.views[index], rng) for index in chosen]
        return *self._cut(chosen, centres), self.stages[number], rng

    def fixed(self) -> Draws:
        """One unchanged crop of every view: what the validation F1 of an epoch is taken on."""
        rng = np.random.default_rng([*self.seed, 2])
        centres = [self._centre(view, rng) for view in self.views]
        patches, offsets = self._cut(range(len(self.views)), centres)
        return drawn(patches, offsets, self.look.size, STILL, UNDEGRADED, rng)

    def _stage(self, share: float) -> tuple[int, float]:
        """Number of the stage, and the share at which it began."""
        number = next((n for n, stage in enumerate(self.stages) if share < stage.until), len(self.stages) - 1)
        return number, self.stages[number - 1].until if number else 0.0

    def _view(self, stage: int, draw: int) -> int:
        origins = self.stages[stage].origins
        among = _among(tuple(self.origin_of), origins) if origins else tuple(range(len(self.views)))
        turn, place = divmod(draw, len(among))
        return among[int(_order((*self.seed, 3, stage, turn), len(among))[place])]

    def _centre(self, view: GridView, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """(row, column) of a crop's middle on the view."""
        if self.look.pitch_mm is None:
            return (np.array(view.pixels.shape) - 1) / 2
        reach = self.augmentation.reach * self.look.size
        for _ in range(TRIES):
            points = view.places[_place(view, self.look.off_lesion, rng)]
            centre = points[int(rng.integers(len(points)))] + rng.uniform(-AWAY, AWAY, 2) * self.look.size
            if not _reaches_ignored(view, centre, reach):
                return np.asarray(centre, np.float64)
        raise ValueError(
            f"No crop of {self.look.size} pixels was found that holds nothing ignored: the views leave no room "
            f"({view.about.image})."
        )

    def _cut(self, chosen: Sequence[int], centres: Sequence[npt.NDArray[np.float64]]) -> tuple[Draws, torch.Tensor]:
        """What the crops may show of their views, black where there is no more view; and (x, y) of their centres.

        chosen: numbers of the views.
        """
        whole = self.look.pitch_mm is None
        half = int(np.ceil(self.augmentation.reach * self.look.size)) + 1
        side = self.look.size if whole else 2 * half + 1
        grey = torch.zeros(len(chosen), 1, side, side, device=self.device)
        targets = torch.zeros(len(chosen), 2, side, side, device=self.device)
        offsets = np.zeros((len(chosen), 2))
        for place, (number, centre) in enumerate(zip(chosen, centres, strict=True)):
            row, column = (0, 0) if whole else (int(np.floor(at)) - half for at in centre)
            offsets[place] = centre[1] - column, centre[0] - row
            there, here = _overlap(self.views[number].pixels.shape, row, column, side)
            pixels, layers = self._part(number, there)
            grey[place, 0][here] = pixels
            for bit in (MICRO, ARTERIAL):
                targets[place, bit][here] = (layers >> bit & 1).float()
        window = torch.tensor([self.views[number].window for number in chosen], dtype=torch.float32)
        known = torch.tensor([self.views[number].known for number in chosen], dtype=torch.float32)
        return Draws(grey / 65535, window.to(self.device), targets, known.to(self.device)), torch.from_numpy(offsets)

    def _part(self, number: int, there: tuple[slice, slice]) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels, float32 from 0 to 65535, and layers of a part of a view, on the device."""
        view = self.views[number]
        if not self.resident:
            pixels, layers = view.pixels[there].astype(np.float32), np.array(view.layers[there])
            return torch.from_numpy(pixels).to(self.device), torch.from_numpy(layers).to(self.device)
        if number not in self._stay:
            both = (torch.from_numpy(np.array(array)).to(self.device) for array in (view.pixels, view.layers))
            self._stay[number] = next(both), next(both)
        held, bits = self._stay[number]
        return held[there].float(), bits[there]


def _place(view: GridView, off_lesion: float, rng: np.random.Generator) -> int:
    lesions = [kind for kind in (MICRO, ARTERIAL) if len(view.places[kind])]
    if lesions and rng.random() >= off_lesion:
        return lesions[int(rng.integers(len(lesions)))]
    return MISTAKEN if len(view.places[MISTAKEN]) and rng.random() < 0.5 else BREAST


def _reaches_ignored(view: GridView, centre: npt.NDArray[np.float64], reach: float) -> bool:
    """Whether a crop about this centre that reaches this many pixels to each side may hold ignored ones."""
    low = np.maximum((centre - reach).astype(int), 0)
    high = np.maximum((centre + reach).astype(int) + 1, 0)
    return bool((view.layers[low[0] : high[0], low[1] : high[1]] >> IGNORED & 1).any())


def _overlap(
    shape: tuple[int, ...], row: int, column: int, side: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a view that a square shows, on the view and on the square."""
    there, here = [], []
    for length, start in zip(shape, (row, column), strict=True):
        low, high = max(start, 0), max(min(start + side, length), max(start, 0))
        there.append(slice(low, high))
        here.append(slice(low - start, high - start))
    return (there[0], there[1]), (here[0], here[1])


@lru_cache(maxsize=16)
def _order(seed: tuple[int, ...], count: int) -> Order:
    return np.random.default_rng(seed).permutation(count)


@lru_cache(maxsize=16)
def _among(origin_of: tuple[str, ...], origins: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of the views of these origins. Raises ValueError where there is none."""
    numbers = tuple(number for number, origin in enumerate(origin_of) if origin in origins)
    if not numbers:
        raise ValueError(f"A stage of the curriculum asks for {', '.join(origins)}, of which there are no views.")
    return numbers
