"""One network that says what several together say: `python -m training distil`.

Two networks as one are wrong less often than each, and take twice the time of one. Here a network, which begins as one
of them, learns what their mean says (Hinton et al. 2015, arXiv:1503.02531), on draws of what they learnt from. They
see each crop as it is, it sees the same with another tone, noise, dots or the wear of films and copies: so it learns to
say of the worn what they say of the plain. Half as much counts what is truly there. The magnifier stays, and all
settings are chosen again.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import log
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from mtunet.detection.devices import choose_device, tile_workers
from mtunet.detection.network import HEADS, Ensemble, MTUNet, build, with_magnifier, without_magnifier
from mtunet.detection.weights import read_weights
from mtunet.evaluation import runs
from training.augmentation import Draws
from training.data.recipes import Mixture
from training.data.views import stored_views
from training.experiments import DETAIL, FEW_STRAYS
from training.fitting import LARGEST_GRADIENT, How, carry_back, forward, parts_at_once, per_head
from training.objectives import kept_apart
from training.products import Product, Validation, conclude, machine, mixture_to_choose
from training.sampling import Sampler, Stage
from training.stepping import Steps, stepped

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
    """How the one learns. network: which of the run's it begins as. size, batch: of the crops. begin_with: a run of one
    network that was distilled before, and learns on; "" for none."""

    steps: int = 2400
    network: int = 1
    size: int = 192
    batch: int = 8
    learning_rate: float = 6e-4
    jpeg: tuple[int, int] = (40, 95)
    jpeg_share: float = 0.5
    seed: int = 0
    begin_with: str = ""


def distil(
    base: Path,
    folder: Path,
    plan: DistillingPlan,
    device_name: str = "auto",
    validation: Validation | None = None,
    begin_with: Path | None = None,
) -> dict[str, Any]:
    """A run of its own, with thresholds and figures on the images of `base`; its summary. Resumable.

    begin_with: a run made by this, whose network learns on, of other draws. Raises NotARun where the run holds a single
    network, or the other another one.
    """
    finished = runs.read(base)
    weights = runs.weights_of(finished)
    together, settings, _ = read_weights(weights)
    data = mixture_to_choose(finished)
    if not isinstance(together, Ensemble) or plan.network >= len(together.members):
        raise runs.NotARun(f"{base} holds no network {plan.network} of several: there is nothing to be distilled.")
    begun = together.members[plan.network]
    assert isinstance(begun, MTUNet)
    if begin_with is not None:
        begun, plan = _going_on(plan, runs.read(begin_with), begun)
    provenance = {
        "run": folder.name,
        "experiment": finished.config["experiment"] | {"distilled": asdict(plan), "expect": "Made of a finished run."},
        "data": str(finished.config["data"]),
        "distilled_from": base.name,
        **machine(choose_device(device_name)),
    }
    runs.start(folder, provenance, runs.read_splits(finished))
    checkpoint = folder / "network.safetensors"
    of, how = hashlib.sha256(weights).hexdigest(), How.on(choose_device(device_name))
    one, history = learn(plan, together.float(), begun, data, how, checkpoint, of)
    network = one if together.magnifier is None else with_magnifier(one, together.magnifier)
    provenance["experiment"]["network"] = network.config.to_json()
    runs.start(folder, provenance, runs.read_splits(finished))  # again, with what is known now
    product = Product(folder.name, settings, data)
    summary = conclude(product, folder, network, history, provenance, device_name, validation=validation)
    checkpoint.unlink(missing_ok=True)
    return summary


def _going_on(plan: DistillingPlan, earlier: runs.Run, alike: MTUNet) -> tuple[MTUNet, DistillingPlan]:
    """The network of a run that was distilled before, and the plan with a seed that it has not seen."""
    told = earlier.config["experiment"].get("distilled")
    network = without_magnifier(read_weights(runs.weights_of(earlier))[0])
    if told is None or not isinstance(network, MTUNet) or network.config != alike.config:
        raise runs.NotARun(f"{earlier.folder} holds no network that was distilled from one like this.")
    return network, replace(plan, begin_with=earlier.folder.name, seed=told["seed"] + 1)


def learn(
    plan: DistillingPlan, together: Ensemble, begun: MTUNet, data: Mixture, how: How, checkpoint: Path, of: str = ""
) -> tuple[MTUNet, list[dict[str, Any]]]:
    """The network after its last step, and a history row each ROW steps. begun: what it is before the first. of: sha256
    of the weights of those that it learns from: what was learnt from others is not gone on with."""
    sampler = _sampler(plan, data, how)
    teacher = together.to(how.device).eval().requires_grad_(False)
    one = build(begun.config)
    one.load_state_dict(begun.state_dict())
    one.to(how.device).train()
    optimiser = torch.optim.Adam(one.parameters(), lr=plan.learning_rate, fused=how.fused)

    def take(step: int) -> Tensor:
        worn, plain = sampler.with_plain(step, plan.batch, plan.steps * plan.batch)
        return _step(one, teacher, optimiser, worn, plain, how)

    told = asdict(plan) | {"data": asdict(data), "of": of}
    steps = Steps(plan.steps, plan.learning_rate, ROW, (*HEADS, *(f"truth_{head}" for head in HEADS)))
    history = stepped(one, optimiser, steps, checkpoint, told, take)
    return one.eval(), history


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
    if how.at_once[0] == 1:
        return _alone(plain, teacher, how)
    each = partial(_alone, teacher=teacher, how=how)
    return torch.cat(list(tile_workers(*how.at_once).map(each, parts_at_once(plain, how))))


def _alone(part: Draws, teacher: Ensemble, how: How) -> Tensor:
    with torch.no_grad():
        return forward(teacher, part, how)


def apart(logits: Tensor, said: Tensor) -> Tensor:
    """(heads,): how far logits are from those that are said, both (n, heads, rows, columns); mostly where either says
    more than nothing."""
    both = torch.stack([logits, said]).clamp(-FARTHEST, FARTHEST)
    off = smooth_l1_loss(both[0], both[1], reduction="none")
    counts = (torch.maximum(logits.detach(), said) > log(ANY / (1 - ANY))).to(off.dtype)
    return (off * counts).sum((0, 2, 3)) / counts.sum((0, 2, 3)).clamp_min(1) + REST * off.mean((0, 2, 3))


def _sampler(plan: DistillingPlan, data: Mixture, how: How) -> Sampler:
    """The last stage of the recipe, in larger crops that are compressed more often."""
    look = replace(DETAIL.look, size=plan.size)
    views = stored_views(data.recipes(), look.pitch_mm, scored=False)
    stages = (Stage(worn=replace(FEW_STRAYS, jpeg=plan.jpeg, jpeg_share=plan.jpeg_share)),)
    seed = (plan.seed, 17)
    return Sampler(views, look, seed, DETAIL.augmentation, stages, device=how.device, resident=how.resident)
