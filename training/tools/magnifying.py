"""A magnifier for the networks of a finished run: `python -m training magnify`.

The networks look at views that they did not learn from, and a small network learns to tell what they rightly take for
MC from what they do not (`tools.crops`). Crops of arteries, benign calcium, plain tissue and MC where the networks saw
none go along, so that it knows more than today's mistakes. On every eighth view, which it does not learn from, what it
says is put on the scale of the networks' own logits. Then MC's thresholds are chosen as for any run; BAC, which it does
not move, keeps the settings of the networks unless it is to be chosen as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from mtunet.case import Calcification
from mtunet.detection.devices import choose_device
from mtunet.detection.magnification import SIDE, look_at
from mtunet.detection.network import Magnifier, MagnifierConfig, with_magnifier
from mtunet.detection.weights import read_weights
from mtunet.evaluation import runs
from training.augmentation import Augmentation, Degradation, Draws, drawn
from training.data.recipes import Mixture
from training.fitting import LARGEST_GRADIENT, How, carry_back
from training.products import Product, Validation, conclude, machine, mixture_to_choose, validation_samples
from training.realism import area_under_roc
from training.stepping import Steps, stepped
from training.tools.crops import HELD_OUT, KINDS, Crops, gather

SURE: Final = 0.98
"""What is asked of a crop that is true; of others what is left of 1: a label may be wrong."""
ROW: Final = 100
"""Steps of a row of history."""
LOOKS: Final = Augmentation(180.0, 0.2, 0.06, flip=True, intensity=True, harshest_blur=1.5, harshest_noise=0.04)
CROP: Final = 2 * int(np.ceil(LOOKS.reach * SIDE)) + 1
"""Pixels along each side of a crop that may be shown, whichever way it is turned."""
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


def add_magnifier(
    base: Path,
    folder: Path,
    plan: MagnifyingPlan,
    device_name: str = "auto",
    validation: Callable[[Mixture], Validation] | None = None,
    learnt: Path | None = None,
    begin_with: Path | None = None,
    kinds: Sequence[Calcification] = (Calcification.MICRO,),
) -> dict[str, Any]:
    """A run of its own: the networks of a finished one with a magnifier that was learnt for them; its summary.

    Resumable: crops and steps that are done are not done again. learnt: a run whose magnifier is taken instead, by the
    same plan, and only put on these networks' scale; begin_with: one whose magnifier learns on. Raises NotARun where it
    has none. kinds: types whose settings are chosen.
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
    data = mixture_to_choose(finished)
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
        crops = gather(plan.data, weights, CROP, device_name)
        magnifier, history, fit = learn(plan, crops, how, folder / "magnifier.safetensors", begun)
    else:
        magnifier, history = taken
        crops = gather(plan.data, weights, CROP, device_name, held_out=True)
        fit = scale(magnifier.to(how.device), _regions(crops), how)
    provenance["magnifier_fit"] = fit
    both = with_magnifier(network, magnifier)
    provenance["experiment"]["network"] = both.config.to_json()
    runs.start(folder, provenance, runs.read_splits(finished))  # again, with what is known now
    chosen_on = validation(data) if validation else Validation([lambda: validation_samples(data)])
    summary = conclude(
        Product(folder.name, settings, data),
        folder,
        both,
        history,
        provenance,
        device_name,
        validation=replace(chosen_on, kinds=kinds),
    )
    (folder / "magnifier.safetensors").unlink(missing_ok=True)
    return summary


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
    pools = [_pool(crops, true=True), _pool(crops, true=False)]
    steps = Steps(plan.steps, plan.learning_rate, ROW, ("magnifier",))
    return stepped(
        magnifier,
        optimiser,
        steps,
        path,
        told,
        lambda step: _step(plan, magnifier, optimiser, crops, pools, step, how),
    )


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
