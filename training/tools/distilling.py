"""One network that says what several together say: `python -m training distil`.

Two networks as one are wrong less often than each, and take twice the time of one. Here a network, which begins as one
of them, learns what their mean says (Hinton et al. 2015, arXiv:1503.02531), on draws of what they learnt from. They
see each crop as it is, it sees the same with another tone, noise, dots or the wear of films and copies: so it learns to
say of the worn what they say of the plain. Half as much counts what is truly there. The magnifier stays, and all
settings are chosen again.
"""

import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from mtunet.detection.devices import choose_device, tile_workers
from mtunet.detection.network import Ensemble, MTUNet, with_magnifier
from mtunet.detection.weights import read_weights
from mtunet.evaluation import runs
from training.augmentation import Draws
from training.checkpoints import (
    Checkpoint,
    optimiser_state,
    read_checkpoint,
    restore_optimiser,
    write_checkpoint,
)
from training.data.recipes import Mixture
from training.data.views import stored_views
from training.experiments import DETAIL, FEW_STRAYS, Experiment
from training.fitting import KEEP_EVERY, LARGEST_GRADIENT, How, carry_back, forward, one_cycle, per_head
from training.objectives import kept_apart
from training.products import Product, Validation, conclude, machine, mixture_to_choose
from training.sampling import Sampler, Stage

ROW = 50
"""Steps of a row of history."""
FARTHEST = 8.0
"""Logits beyond are as far as this: how sure is sure does not matter."""
ANY = 0.02
"""Probability from which a pixel counts fully, whoever says it; others count a quarter, all together."""
REST = 0.25
TRUTH = 0.5
"""What is truly there counts so much beside what is said."""


@dataclass(frozen=True)
class DistillingPlan:
    """How the one learns. network: which of the run's it begins as. size, batch: of the crops."""

    steps: int = 2400
    network: int = 1
    size: int = 192
    batch: int = 8
    learning_rate: float = 6e-4
    jpeg: tuple[int, int] = (40, 95)
    jpeg_share: float = 0.5
    seed: int = 0


def distil(
    base: Path,
    folder: Path,
    plan: DistillingPlan,
    device_name: str = "auto",
    validation: Validation | None = None,
) -> dict[str, Any]:
    """A run of its own, with thresholds and figures on the images of `base`; its summary. Resumable.

    Raises NotARun where the run holds a single network.
    """
    finished = runs.read(base)
    together, settings, _ = read_weights(runs.weights_of(finished))
    data = mixture_to_choose(finished)
    if not isinstance(together, Ensemble) or plan.network >= len(together.members):
        raise runs.NotARun(f"{base} holds no network {plan.network} of several: there is nothing to be distilled.")
    provenance = {
        "run": folder.name,
        "experiment": finished.config["experiment"] | {"distilled": asdict(plan), "expect": "Made of a finished run."},
        "data": str(finished.config["data"]),
        "distilled_from": base.name,
        **machine(choose_device(device_name)),
    }
    runs.start(folder, provenance, runs.read_splits(finished))
    checkpoint = folder / "network.safetensors"
    one, history = learn(plan, together.float(), data, How.on(choose_device(device_name)), checkpoint)
    network = one if together.magnifier is None else with_magnifier(one, together.magnifier)
    provenance["experiment"]["network"] = network.config.to_json()
    runs.start(folder, provenance, runs.read_splits(finished))  # again, with what is known now
    product = Product(folder.name, settings, data)
    summary = conclude(product, folder, network, history, provenance, device_name, validation=validation)
    checkpoint.unlink(missing_ok=True)
    return summary


def learn(
    plan: DistillingPlan, together: Ensemble, data: Mixture, how: How, checkpoint: Path
) -> tuple[MTUNet, list[dict[str, Any]]]:
    """The network after its last step, and a history row each ROW steps."""
    experiment = _experiment(plan, data)
    sampler = _sampler(experiment, how)
    teacher = together.to(how.device).eval().requires_grad_(False)
    one = MTUNet(_member(teacher, plan.network).config)
    one.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    one.load_state_dict(_member(teacher, plan.network).state_dict())
    one.to(how.device).train()
    optimiser = torch.optim.Adam(one.parameters(), lr=plan.learning_rate, fused=how.fused)
    told = asdict(plan) | {"data": asdict(data)}
    history: list[dict[str, Any]] = []
    first, seconds, losses = 0, 0.0, torch.zeros(len(HEADS_TOLD), dtype=torch.float64)
    if (earlier := read_checkpoint(checkpoint, told)) is not None:
        one.load_state_dict(dict(earlier.network))
        restore_optimiser(optimiser, earlier.optimiser)
        history, first, losses, seconds = list(earlier.history), earlier.step, earlier.losses, earlier.seconds
        print(f"going on after step {first}", flush=True)
    kept = time.perf_counter()
    for step in range(first, plan.steps):
        started = time.perf_counter()
        for group in optimiser.param_groups:
            group["lr"] = one_cycle(plan.learning_rate, step, plan.steps)
        worn, plain = sampler.with_plain(step, plan.batch, experiment.draws * experiment.epochs)
        losses += _step(one, teacher, optimiser, worn, plain, how)
        seconds += time.perf_counter() - started
        if (step + 1) % ROW == 0:
            means = {name: value / ROW for name, value in zip(HEADS_TOLD, losses.tolist(), strict=True)}
            row = {"epoch": len(history) + 1, "step": step + 1, "seconds": round(seconds, 1)}
            history.append(row | {f"loss_{name}": value for name, value in means.items()})
            words = " ".join(f"{name} {value:.3f}" for name, value in means.items())
            print(f"step {step + 1}/{plan.steps} {words} {seconds:.0f} s", flush=True)
            losses, seconds = torch.zeros_like(losses), 0.0
        if time.perf_counter() - kept > KEEP_EVERY or step + 1 == plan.steps:
            state = optimiser_state(optimiser)
            rows = tuple(history)
            write_checkpoint(checkpoint, Checkpoint(told, step + 1, one.state_dict(), state, losses, seconds, rows))
            kept = time.perf_counter()
    return one.eval(), history


HEADS_TOLD = ("mc", "bac", "background", "truth_mc", "truth_bac", "truth_background")


def _step(
    one: MTUNet, teacher: Ensemble, optimiser: torch.optim.Optimizer, worn: Draws, plain: Draws, how: How
) -> Tensor:
    """One step; per head how far it is from what is said, and the objective of what is truly there."""
    said = _said(teacher, plain, how)
    targets, known = per_head(one.config.heads, worn.targets, worn.known)
    optimiser.zero_grad(set_to_none=True)
    heads = len(one.config.heads)
    values = carry_back(
        one,
        worn,
        how,
        lambda logits: torch.cat([apart(logits, said), kept_apart(logits, targets, known)]),
        (1.0,) * heads + (TRUTH,) * heads,
    )
    nn.utils.clip_grad_norm_(one.parameters(), LARGEST_GRADIENT)
    optimiser.step()
    return values.double().cpu()


def _said(teacher: Ensemble, plain: Draws, how: How) -> Tensor:
    """(n, heads, rows, columns): the mean of the networks' logits, in parts at once as `carry_back` passes them."""
    at_once, threads = how.at_once
    if at_once == 1:
        return _alone(plain, teacher, how)
    parts = [plain.part(numbers) for numbers in torch.arange(len(plain)).tensor_split(at_once) if len(numbers)]
    return torch.cat(list(tile_workers(at_once, threads).map(partial(_alone, teacher=teacher, how=how), parts)))


def _alone(part: Draws, teacher: Ensemble, how: How) -> Tensor:
    with torch.no_grad():
        return forward(teacher, part, how)


def apart(logits: Tensor, said: Tensor) -> Tensor:
    """(heads,): how far logits are from those that are said, both (n, heads, rows, columns); mostly where either says
    more than nothing."""
    both = torch.stack([logits, said]).clamp(-FARTHEST, FARTHEST)
    off = smooth_l1_loss(both[0], both[1], reduction="none")
    counts = (torch.maximum(logits.detach(), said) > _logit(ANY)).to(off.dtype)
    return (off * counts).sum((0, 2, 3)) / counts.sum((0, 2, 3)).clamp_min(1) + REST * off.mean((0, 2, 3))


def _logit(share: float) -> float:
    return float(torch.logit(torch.tensor(share)))


def _member(together: Ensemble, number: int) -> MTUNet:
    member = together.members[number]
    assert isinstance(member, MTUNet)
    return member


def _experiment(plan: DistillingPlan, data: Mixture) -> Experiment:
    """The last stage of the recipe, more often compressed."""
    worn = replace(FEW_STRAYS, jpeg=plan.jpeg, jpeg_share=plan.jpeg_share)
    return replace(
        DETAIL,
        name="distil",
        data=data,
        look=replace(DETAIL.look, size=plan.size),
        batch=plan.batch,
        draws=plan.batch * ROW,
        epochs=-(-plan.steps // ROW),
        learning_rate=plan.learning_rate,
        schedule="one-cycle",
        stages=(Stage(worn=worn),),
        seeds=(plan.seed,),
    )


def _sampler(experiment: Experiment, how: How) -> Sampler:
    recipes = experiment.data.recipes()
    views = stored_views(recipes, experiment.look.pitch_mm, scored=False)
    origin_of = tuple(recipe.origin for recipe in recipes)
    told = experiment.augmentation, experiment.stages, origin_of, how.device, how.resident
    return Sampler(views, experiment.look, (experiment.seeds[0], 17), *told)
