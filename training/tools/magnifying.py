"""A magnifier for the networks of a finished run: `python -m training magnify`.

The networks look at views that they did not learn from; what they take for MC, rightly or not, is cut out at 0.1 mm,
and a small network learns to tell the true from the false. Crops of arteries, benign calcium, plain tissue and MC where
the networks saw none go along, so that it knows more than today's mistakes. On every eighth view, which it does not
learn from, what it says is put on the scale of the networks' own logits. Then thresholds are chosen as for any run.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from mtunet.case import Calcification
from mtunet.detection.devices import choose_device
from mtunet.detection.magnification import MAGNIFIED_MM, SIDE, Place, look_at, may_be_mc
from mtunet.detection.models import Model, model_from_bytes
from mtunet.detection.network import Magnifier, MagnifierConfig, with_magnifier, without_magnifier
from mtunet.detection.preprocessing import Prepared, magnify
from mtunet.detection.segmentation import look_once
from mtunet.detection.weights import read_weights
from mtunet.evaluation import runs
from mtunet.evaluation.metrics import HIT_SHARE
from mtunet.files import write_arrays, write_whole
from training.augmentation import Augmentation, Degradation, Draws, drawn
from training.checkpoints import (
    Checkpoint,
    optimiser_state,
    read_checkpoint,
    restore_optimiser,
    write_checkpoint,
)
from training.data import samples as datasets
from training.data.recipes import Mixture, Recipe
from training.data.samples import Sample, in_parallel
from training.fitting import KEEP_EVERY, LARGEST_GRADIENT, How, carry_back, one_cycle
from training.products import Product, Validation, conclude, machine, mixture_of
from training.realism import area_under_roc

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
CLEAR_MM: Final = 5.0
"""Crops that are false lie this far from MC."""
KINDS: Final = ("region", "mc", "artery", "benign", "tissue")
BESIDES: Final[Mapping[str, int]] = {"mc": 2, "artery": 3, "benign": 2, "tissue": 1}
"""Crops of each view besides those of regions that the networks take for MC."""
HELD_OUT: Final = 8
"""Every so manieth view is not learnt from."""
SURE: Final = 0.98
"""What is asked of a crop that is true; of others what is left of 1: a label may be wrong."""
ROW: Final = 100
"""Steps of a row of history."""
LOOKS: Final = Augmentation(180.0, 0.2, 0.06, flip=True, intensity=True, harshest_blur=1.5, harshest_noise=0.04)
WORN: Final = Degradation(detail=(0.5, 1.15), detail_share=0.5, jpeg_share=0.2)


@dataclass(frozen=True)
class MagnifyingPlan:
    """What to learn from, and how. data: its `train` part, of a cohort that the networks did not learn from.

    begin_with: a run whose magnifier learns on; "" for fresh weights.
    """

    data: Mixture = field(
        default_factory=lambda: Mixture(
            train=640,
            validation=0,
            test=0,
            seed=601,
            plain=160,
            inserted=400,
            artefacts=0.5,
            unusual=200,
            winding=300,
        )
    )
    steps: int = 5000
    batch: int = 48
    learning_rate: float = 3e-3
    seed: int = 0
    widths: tuple[int, ...] = MagnifierConfig().widths
    begin_with: str = ""


@dataclass(frozen=True, eq=False)
class Crops:
    """Of one view or of many. pixels: (n, side, side) uint16 at 0.1 mm. window: (n, 2) float32. kind: (n,), number in
    KINDS. true: (n,) bool. region: (n,), which places lie in one; peak: (n,) float32, the networks' highest logit in
    it. view: (n,) number of the view."""

    pixels: npt.NDArray[np.uint16]
    window: npt.NDArray[np.float32]
    kind: npt.NDArray[np.uint8]
    true: npt.NDArray[np.bool_]
    region: npt.NDArray[np.int32]
    peak: npt.NDArray[np.float32]
    view: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.kind)

    def of(self, chosen: npt.NDArray[Any]) -> "Crops":
        return Crops(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})


def add_magnifier(
    base: Path,
    folder: Path,
    plan: MagnifyingPlan,
    device_name: str = "auto",
    validation: Callable[[Mixture], Validation] | None = None,
    learnt: Path | None = None,
    begin_with: Path | None = None,
) -> dict[str, Any]:
    """A run of its own: the networks of a finished one with a magnifier that was learnt for them; its summary.

    Resumable: crops and steps that are done are not done again. learnt: a run whose magnifier is taken instead, by the
    same plan, and only put on these networks' scale; begin_with: one whose magnifier learns on. Raises NotARun where it
    has none.
    """
    finished, taken = runs.read(base), None if learnt is None else _taken_from(runs.read(learnt))
    begun = None
    if begin_with is not None:
        begun, _ = _taken_from(runs.read(begin_with))
        plan = replace(plan, begin_with=begin_with.name, widths=begun.config.widths)
    weights = runs.weights_of(finished)
    network, settings, _ = read_weights(weights)
    if settings.pitch_mm is None:
        raise runs.NotARun(f"{base} looks at whole views, squeezed: there is no pitch to look closer than.")
    data = mixture_of(finished)
    provenance = {
        "run": folder.name,
        "experiment": finished.config["experiment"] | {"magnifier": asdict(plan), "expect": "Made of a finished run."},
        "data": str(finished.config["data"]).split(runs.OF_THE_MAGNIFIER)[0] + runs.OF_THE_MAGNIFIER + plan.data.said,
        "magnified_from": base.name,
        **({} if learnt is None else {"magnifier_from": learnt.name}),
        **machine(choose_device(device_name)),
    }
    runs.start(folder, provenance, runs.read_splits(finished))
    how = How.on(choose_device(device_name))
    if taken is None:
        crops = gather(plan, weights, device_name)
        magnifier, history, fit = learn(plan, crops, how, folder / "magnifier.safetensors", begun)
    else:
        magnifier, history = taken
        crops = gather(plan, weights, device_name, held_out=True)
        fit = scale(magnifier.to(how.device), _regions(crops), how)
    provenance["magnifier_fit"] = fit
    both = with_magnifier(network, magnifier)
    provenance["experiment"]["network"] = both.config.to_json()
    runs.start(folder, provenance, runs.read_splits(finished))  # again, with what is known now
    product = Product.looking(folder.name, settings.way, settings.pitch_mm, data, mirrored=settings.mirrored)
    chosen_on = validation(data) if validation else None
    summary = conclude(product, folder, both, history, provenance, device_name, validation=chosen_on)
    (folder / "magnifier.safetensors").unlink(missing_ok=True)
    return summary


# What is learnt from: crops about what the networks take for MC, and some besides.


def gather(plan: MagnifyingPlan, weights: bytes, device_name: str, *, held_out: bool = False) -> Crops:
    """The crops of all views, or of those that nothing is learnt from; they are made in parallel and kept on disk."""
    folder = datasets.CACHE / f"magnified-{_told_by(weights)}-{_side()}"
    folder.mkdir(parents=True, exist_ok=True)
    network = folder / "network.safetensors"
    write_whole(network, weights, synced=False)
    recipes = plan.data.recipes()[HELD_OUT - 1 :: HELD_OUT] if held_out else plan.data.recipes()
    jobs = [(network, device_name, recipe, folder / f"{recipe.name}.npz") for recipe in recipes]
    in_parallel(_make, [job for job in jobs if not job[-1].exists()], "views with crops")
    return _together(job[-1] for job in jobs)


def _told_by(weights: bytes) -> str:
    """A short name of all that says where the networks look, whatever their magnifier, which crops do not depend on."""
    network, settings, _ = read_weights(weights)
    told = hashlib.sha256(f"{settings.way} {settings.pitch_mm} {settings.mirrored}".encode())
    for name, tensor in sorted(without_magnifier(network).state_dict().items()):
        told.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return told.hexdigest()[:12]


def _make(job: tuple[Path, str, Recipe, Path]) -> None:
    network, device_name, recipe, path = job
    crops = crops_of(
        _looking(network, device_name), recipe.sample(), int(hashlib.sha256(recipe.name.encode()).hexdigest()[:8], 16)
    )
    write_arrays(path, {name: getattr(crops, name) for name in Crops.__dataclass_fields__})


@lru_cache(maxsize=1)
def _looking(network: Path, device_name: str) -> Model:
    torch.set_num_threads(1)
    return model_from_bytes(network.read_bytes(), "magnifying", device_name)


def _together(paths: Iterator[Path]) -> Crops:
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in Crops.__dataclass_fields__}
    for number, path in enumerate(paths):
        with np.load(path) as kept:
            for name, part in parts.items():
                part.append(kept[name] if name != "view" else np.full(len(kept["kind"]), number, np.int32))
    return Crops(**{name: np.concatenate(part) for name, part in parts.items()})


def _side() -> int:
    """Pixels that a crop may show, whichever way it is turned."""
    return 2 * int(np.ceil(LOOKS.reach * SIDE)) + 1


def crops_of(model: Model, sample: Sample, seed: int) -> Crops:
    """Of one view: the places in what the networks take for MC, true where enough of it is; and some besides.

    Places in what is ignored are left out; of a view on which MC is unknown all are.
    """
    mammogram = sample.mammogram()
    prepared, logits = look_once(model, mammogram)
    of_mc, pitch = logits[list(Calcification).index(MC)], model.settings.pitch_mm
    assert pitch is not None
    found: list[_Found] = []
    if MC in sample.masks:
        truth = on_grid(sample.masks[MC], prepared) >= 0.5
        unknown = np.zeros_like(truth) if sample.ignore is None else on_grid(sample.ignore, prepared) > 0
        regions = may_be_mc(of_mc, pitch)
        for number, places in enumerate(regions.places, start=1):
            own = regions.labels == number
            if (own & unknown).any():
                continue
            true = bool(np.count_nonzero(own & truth) >= HIT_SHARE * np.count_nonzero(own))
            found += [_Found(place, "region", true, number, float(of_mc[own].max())) for place in places]
        found += _besides(sample, prepared, truth, unknown, pitch, seed)
    return Crops(
        np.rint(magnify(mammogram, prepared, [each.place for each in found], MAGNIFIED_MM, _side()) * 65535).astype(
            np.uint16
        ),
        np.tile(np.array(prepared.window, np.float32), (len(found), 1)),
        np.array([KINDS.index(each.kind) for each in found], np.uint8),
        np.array([each.true for each in found], np.bool_),
        np.array([each.region for each in found], np.int32),
        np.array([each.peak for each in found], np.float32),
        np.zeros(len(found), np.int32),
    )


class _Found(NamedTuple):
    """A place on the network's grid. region, peak: of one in what the networks take for MC."""

    place: Place
    kind: str
    true: bool
    region: int = 0
    peak: float = 0.0


def _besides(
    sample: Sample,
    prepared: Prepared,
    truth: npt.NDArray[np.bool_],
    unknown: npt.NDArray[np.bool_],
    pitch: float,
    seed: int,
) -> list[_Found]:
    """Places on what the view holds, drawn at random."""
    rng = np.random.default_rng([seed, 0x4D41])
    clear = prepared.breast_on_grid & ~unknown
    if truth.any():
        clear &= cv2.distanceTransform((~truth).view(np.uint8), cv2.DIST_L2, 5) * pitch > CLEAR_MM
    where = {
        "mc": truth & ~unknown,
        "artery": on_grid(sample.masks[BAC], prepared) > 0 if BAC in sample.masks else np.zeros_like(truth),
        "benign": on_grid(sample.hard_negatives, prepared) > 0,
        "tissue": np.ones_like(truth),
    }
    found: list[_Found] = []
    for name, count in BESIDES.items():
        places = np.argwhere(where[name] if name == "mc" else where[name] & clear)
        if len(places):
            drawn_ones = places[rng.integers(len(places), size=count)].tolist()
            found += [_Found((row, column), name, name == "mc") for row, column in drawn_ones]
    return found


def on_grid(mask: npt.NDArray[np.bool_], prepared: Prepared) -> npt.NDArray[np.float32]:
    """The share of each cell of the network's grid that is set."""
    crop, (rows, columns) = prepared.crop, prepared.pixels.shape
    part = mask[crop.top : crop.bottom, crop.left : crop.right].astype(np.float32)
    return np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


# How it learns.


def learn(
    plan: MagnifyingPlan, crops: Crops, how: How, checkpoint: Path, begun: Magnifier | None = None
) -> tuple[Magnifier, list[dict[str, Any]], dict[str, Any]]:
    """The magnifier, a history row each ROW steps, and how it ranks the regions of views that it did not learn from.

    begun: one of the plan's widths that learns on, in place of fresh weights.
    """
    held = crops.view % HELD_OUT == HELD_OUT - 1
    learnt = crops.of(np.flatnonzero(~held))
    torch.manual_seed(plan.seed)
    magnifier = begun or Magnifier(MagnifierConfig(plan.widths))
    magnifier.to(how.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    history = _fit(plan, magnifier, learnt, how, checkpoint)
    fit = scale(magnifier.eval(), _regions(crops.of(np.flatnonzero(held))), how)
    return magnifier, history, fit


def _regions(crops: Crops) -> Crops:
    return crops.of(np.flatnonzero(crops.kind == KINDS.index("region")))


def _taken_from(run: runs.Run) -> tuple[Magnifier, list[dict[str, Any]]]:
    """The magnifier of a finished run, and its history."""
    magnifier = read_weights(runs.weights_of(run))[0].magnifier
    if magnifier is None:
        raise runs.NotARun(f"{run.folder} has no magnifier: `python -m training magnify` makes a run that has one.")
    return magnifier.eval(), list(runs.read_table(run, 0, "history"))


def _fit(plan: MagnifyingPlan, magnifier: Magnifier, crops: Crops, how: How, path: Path) -> list[dict[str, Any]]:
    told = {**asdict(plan), "crops": len(crops)}
    optimiser = torch.optim.AdamW(magnifier.parameters(), lr=plan.learning_rate, weight_decay=0.01, fused=how.fused)
    history: list[dict[str, Any]] = []
    losses, first, seconds = torch.zeros(1, dtype=torch.float64), 0, 0.0
    if (earlier := read_checkpoint(path, told)) is not None:
        magnifier.load_state_dict(dict(earlier.network))
        restore_optimiser(optimiser, earlier.optimiser)
        history, first, losses, seconds = list(earlier.history), earlier.step, earlier.losses, earlier.seconds
        print(f"going on after step {first}", flush=True)
    pools = [_pool(crops, true=True), _pool(crops, true=False)]
    kept = time.perf_counter()
    for step in range(first, plan.steps):
        started = time.perf_counter()
        for group in optimiser.param_groups:
            group["lr"] = one_cycle(plan.learning_rate, step, plan.steps)
        losses += _step(plan, magnifier, optimiser, crops, pools, step, how)
        seconds += time.perf_counter() - started
        if (step + 1) % ROW == 0:
            history.append(
                {
                    "epoch": len(history) + 1,
                    "step": step + 1,
                    "seconds": round(seconds, 1),
                    "loss_magnifier": losses.item() / ROW,
                }
            )
            print(f"magnifier step {step + 1}/{plan.steps} loss {losses.item() / ROW:.3f} {seconds:.0f} s", flush=True)
            losses, seconds = torch.zeros_like(losses), 0.0
        if time.perf_counter() - kept > KEEP_EVERY or step + 1 == plan.steps:
            state = optimiser_state(optimiser)
            write_checkpoint(
                path, Checkpoint(told, step + 1, magnifier.state_dict(), state, losses, seconds, tuple(history))
            )
            kept = time.perf_counter()
    return history


def _step(
    plan: MagnifyingPlan,
    magnifier: Magnifier,
    optimiser: torch.optim.Optimizer,
    crops: Crops,
    pools: Sequence[Sequence[npt.NDArray[np.intp]]],
    step: int,
    how: How,
) -> torch.Tensor:
    """One step on as many true crops as false ones; the loss. Every choice follows from seed and step."""
    rng = np.random.default_rng([plan.seed, 3, step])
    numbers = [
        int(own[rng.integers(len(own))])
        for pool in pools
        for own in (pool[int(n)] for n in rng.integers(len(pool), size=plan.batch // 2))
    ]
    batch = crops.of(np.array(numbers))
    patches = Draws(
        torch.from_numpy(batch.pixels.astype(np.float32) / np.float32(65535))[:, None].to(how.device),
        torch.from_numpy(batch.window).to(how.device),
        torch.zeros(len(batch), 2, *batch.pixels.shape[1:], device=how.device),
        torch.ones(len(batch), 2, device=how.device),
    )
    middle = torch.full((len(batch), 2), (batch.pixels.shape[1] - 1) / 2, dtype=torch.float64)
    shown = drawn(patches, middle, SIDE, LOOKS, WORN, rng)
    asked = torch.from_numpy(np.where(batch.true, np.float32(SURE), np.float32(1 - SURE))).to(how.device)
    magnifier.train()
    optimiser.zero_grad(set_to_none=True)
    loss = carry_back(magnifier, shown, how, lambda said: binary_cross_entropy_with_logits(said, asked)[None], (1.0,))
    nn.utils.clip_grad_norm_(magnifier.parameters(), LARGEST_GRADIENT)
    optimiser.step()
    return loss.double().cpu()


def _pool(crops: Crops, *, true: bool) -> list[npt.NDArray[np.intp]]:
    """Per view that has any, the crops that are true, or false: a view with many is drawn no more often."""
    mine = np.flatnonzero(crops.true == true)
    return np.split(mine, np.flatnonzero(np.diff(crops.view[mine])) + 1) if len(mine) else []


def scale(magnifier: Magnifier, crops: Crops, how: How) -> dict[str, Any]:
    """Sets by what share of their own logit and how much of the magnifier's regions are moved, so that their highest
    logit is that of a logistic fit of both; and says how regions are ranked before and after (the share of pairs of a
    true and a false one in which the true one is higher). crops: places in regions."""
    inner = (crops.pixels.shape[1] - SIDE) // 2
    cut = crops.pixels[:, inner : inner + SIDE, inner : inner + SIDE].astype(np.float32) / np.float32(65535)
    said = look_at(magnifier, how.device, how.dtype, cut, crops.window)
    keys, first, which = np.unique(
        np.stack([crops.view, crops.region], 1), axis=0, return_index=True, return_inverse=True
    )
    highest = np.full(len(keys), -np.inf)
    np.maximum.at(highest, which.ravel(), said)
    true, peak = crops.true[first], crops.peak[first].astype(np.float64)
    own, weight, offset = _logistic(np.stack([peak, highest], 1), true)
    for name, value in (("kept", own), ("weight", weight), ("offset", offset)):
        getattr(magnifier, name).fill_(value)
    return {
        "regions": len(true),
        "true": int(np.count_nonzero(true)),
        "ranked_right_before": _ranked_right(peak, true),
        "ranked_right_by_it_alone": _ranked_right(highest, true),
        "ranked_right_after": _ranked_right(own * peak + weight * highest, true),
        "kept": own,
        "weight": weight,
        "offset": offset,
    }


def _logistic(told: npt.NDArray[np.float64], true: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Weights of both columns, and what is added."""

    def loss(values: npt.NDArray[np.float64]) -> float:
        logits = told @ values[:2] + values[2]
        return float(np.logaddexp(0, logits).sum() - logits[true].sum() + 0.5 * (values[:2] ** 2).sum())

    first, second, added = minimize(loss, np.zeros(3)).x
    return float(first), float(second), float(added)


def _ranked_right(score: npt.NDArray[np.float64], true: npt.NDArray[np.bool_]) -> float | None:
    return area_under_roc(score, true) if 0 < np.count_nonzero(true) < len(true) else None
