"""What training makes small. One function per objective, in one registry; each gives one value per head.

All take logits and targets (n, heads, rows, columns) and known (n, heads), 0 where a type is unknown in a sample and
must not count.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

SMOOTH = 50.0
"""Pixels added above and below in the batch Dice, so that a batch without a type still says: predict nothing."""


def negative_dice_per_image(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """The paper's −2 a·b / (‖a‖ + ‖b‖) with L1 norms, per image and head, averaged over the images.

    An image without the type gives 0 whatever is predicted, and so no gradient: that is the formula.
    """
    probability = logits.sigmoid()
    overlap = (probability * targets).sum((2, 3))
    total = probability.sum((2, 3)) + targets.sum((2, 3))
    return (-2 * overlap / total.clamp_min(1e-6) * known).sum(0) / known.sum(0).clamp_min(1)


def batch_dice_and_cross_entropy(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """1 − Dice over the whole batch, smoothed, plus twice the binary cross-entropy; per head."""
    return _batch_dice(logits, targets, known, SMOOTH) + 2 * _cross_entropy(logits, targets, known)


def batch_dice(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """As above with hardly any smoothing and a quarter of the cross-entropy: for views in which a lesion is few pixels.

    There 50 pixels of smoothing are as much as a lesion, and a network that predicts nothing is not moved from it.
    """
    return _batch_dice(logits, targets, known, 1.0) + 0.5 * _cross_entropy(logits, targets, known)


def _batch_dice(logits: Tensor, targets: Tensor, known: Tensor, smooth: float) -> Tensor:
    weight = known[:, :, None, None]
    probability = logits.sigmoid()
    overlap = (probability * targets * weight).sum((0, 2, 3))
    total = ((probability + targets) * weight).sum((0, 2, 3))
    return 1 - (2 * overlap + smooth) / (total + smooth)


def _cross_entropy(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    entropy = binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((2, 3))
    return (entropy * known).sum(0) / known.sum(0).clamp_min(1)


OBJECTIVES: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "negative-dice": negative_dice_per_image,
    "batch-dice-bce": batch_dice_and_cross_entropy,
    "batch-dice": batch_dice,
}


def total(per_head: Tensor, weights: tuple[float, ...]) -> Tensor:
    """The heads' objectives, weighed (the paper weighs each 1.0) and added."""
    return (per_head * torch.tensor(weights, device=per_head.device)).sum()
