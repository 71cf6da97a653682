"""What training makes small. One function per objective, in one registry; each gives one value per head.

All take logits and targets (n, heads, rows, columns) and known (n, heads), 0 where a type is unknown in a sample and
must not count.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

SMOOTH = 1.0
"""Pixels added above and below in the batch Dice, so that a batch without a type still says: predict nothing. With 50,
as much as a small lesion, a network that predicts nothing was not moved from it."""
CONFUSED = 4.0
"""Added to the cost of 1 that a false pixel has where it is the other type."""
LEAST = 1e-7
"""Keras keeps probabilities this far from 0 before it takes their logarithm."""


def negative_dice_per_image(
    logits: Tensor, targets: Tensor, known: Tensor, norm: Literal["l1", "l2sq"] = "l1"
) -> Tensor:
    """The paper's −2 a·b / (‖a‖ + ‖b‖), per image and head, averaged over the images.

    norm: the paper does not say which. "l1" adds the values, "l2sq" their squares; both give −1 for a perfect match
    (the plain L2 norm would give −√n and grow with the lesion).
    An image without the type gives 0 whatever is predicted, and so no gradient: that is the formula.
    """
    probability = logits.sigmoid()
    overlap = (probability * targets).sum((2, 3))
    power = {"l1": 1, "l2sq": 2}[norm]
    total = (probability**power).sum((2, 3)) + targets.sum((2, 3))
    return (-2 * overlap / total.clamp_min(1e-6) * known).sum(0) / known.sum(0).clamp_min(1)


def batch_dice(
    logits: Tensor, targets: Tensor, known: Tensor, entropy_weight: float = 0.5, cost: Tensor | None = None
) -> Tensor:
    """1 − Dice over the whole batch, plus half the binary cross-entropy; per head. cost: of a false pixel; None: 1."""
    weight = known[:, :, None, None]
    false = logits.sigmoid() if cost is None else logits.sigmoid() * cost
    overlap = (logits.sigmoid() * targets * weight).sum((0, 2, 3))
    total = ((false + targets) * weight).sum((0, 2, 3))
    dice = 1 - (2 * overlap + SMOOTH) / (total + SMOOTH)
    return dice + entropy_weight * binary_cross_entropy(logits, targets, known, cost) if entropy_weight else dice


def kept_apart(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """As `batch_dice`, but a pixel of the other type costs five times as much to be taken for this.

    Heads in the order of `mtunet.detection.network.HEADS`: MC, BAC, then whatever. Where both types truly lie nothing
    changes.
    """
    cost = torch.ones_like(targets)
    cost[:, 0] += CONFUSED * targets[:, 1] * (1 - targets[:, 0])
    cost[:, 1] += CONFUSED * targets[:, 0] * (1 - targets[:, 1])
    return batch_dice(logits, targets, known, cost=cost)


def binary_cross_entropy(logits: Tensor, targets: Tensor, known: Tensor, cost: Tensor | None = None) -> Tensor:
    """Per head, averaged over the pixels of the images in which it is known."""
    entropy = binary_cross_entropy_with_logits(logits, targets, weight=cost, reduction="none").mean((2, 3))
    return (entropy * known).sum(0) / known.sum(0).clamp_min(1)


def sigmoid_cross_entropy_over_classes(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Sigmoid, then categorical cross-entropy as Keras computes it: scores are divided by their sum over the classes,
    kept within [1e-7, 1 − 1e-7], and −Σ target·log is averaged over the pixels. Head by head, so their sum is it.

    Keras's rule of `categorical_crossentropy` for probabilities: keras.io/api/losses/probabilistic_losses.
    A class that is unknown in an image takes no part in that image's sum.
    """
    scores = logits.sigmoid() * known[:, :, None, None]
    share = scores / scores.sum(1, keepdim=True).clamp_min(LEAST)
    entropy = -targets * share.clamp(LEAST, 1 - LEAST).log()
    return _averaged(entropy, known)


def softmax_cross_entropy(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Softmax over the known classes, then −Σ target·log, averaged over the pixels; head by head."""
    absent = known[:, :, None, None] == 0
    entropy = -targets * logits.masked_fill(absent, -1e4).log_softmax(1)
    return _averaged(entropy, known)


def _averaged(entropy: Tensor, known: Tensor) -> Tensor:
    return (entropy.mean((2, 3)) * known).mean(0)


Objective = Callable[[Tensor, Tensor, Tensor], Tensor]
OBJECTIVES: Mapping[str, Objective] = {
    "negative-dice": negative_dice_per_image,
    "negative-dice-squared": partial(negative_dice_per_image, norm="l2sq"),
    "batch-dice": batch_dice,
    "batch-dice-alone": partial(batch_dice, entropy_weight=0.0),
    "batch-dice-apart": kept_apart,
    "sigmoid-bce": binary_cross_entropy,
    "sigmoid-cce": sigmoid_cross_entropy_over_classes,
    "softmax-cce": softmax_cross_entropy,
}


def total(per_head: Tensor, weights: tuple[float, ...]) -> Tensor:
    """The heads' objectives, weighed (the paper weighs each 1.0) and added."""
    return (per_head * torch.tensor(weights, device=per_head.device)).sum()
