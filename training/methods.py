"""The methods that are compared: which networks each has, what they make small, how their logits are read.

And the baselines, which learn nothing and must be beaten. Every network begins with fresh weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mtunet.detection.network import HEADS

DICE = "dice"
"""Stands for the Dice objective that the experiment names."""


def shares(logits: Tensor) -> Tensor:
    """Sigmoid scores divided by their sum, as Keras's categorical cross-entropy judges them; (n, heads, …)."""
    scores = logits.sigmoid()
    return scores / scores.sum(1, keepdim=True).clamp_min(1e-7)


def exclusive(logits: Tensor) -> Tensor:
    """Softmax over the heads; (n, heads, rows, columns)."""
    return logits.softmax(1)


@dataclass(frozen=True)
class Method:
    """networks: the heads of each network; none for a baseline. objective: key of OBJECTIVES, or DICE.

    read: logits (n, heads, rows, columns) to probabilities. norm: of its networks; None: the experiment's.
    share: of the experiment's epochs that each of its networks learns.
    """

    title: str
    networks: tuple[tuple[str, ...], ...] = ()
    objective: str = DICE
    read: Callable[[Tensor], Tensor] = torch.sigmoid
    norm: Literal["none", "group"] | None = None
    share: float = 1.0


METHODS: Mapping[str, Method] = {
    "single": Method("Two single-class U-Nets", (("mc",), ("bac",))),
    "single-half": Method("Two single-class U-Nets, half the draws each", (("mc",), ("bac",)), share=0.5),
    "multiclass": Method("Multi-class U-Net (sigmoid, categorical cross-entropy)", (HEADS,), "sigmoid-cce", shares),
    "multiclass-softmax": Method(
        "Multi-class U-Net (softmax, categorical cross-entropy)", (HEADS,), "softmax-cce", exclusive
    ),
    "multiclass-bce": Method("Multi-class U-Net (sigmoid, binary cross-entropy)", (HEADS,), "sigmoid-bce"),
    "mtunet": Method("MTU-Net", (HEADS,)),
    "mtunet-paper": Method(
        "MTU-Net, the paper's objective and no normalisation", (HEADS,), "negative-dice", norm="none"
    ),
    "mtunet-no-background": Method("MTU-Net without a background head", (("mc", "bac"),)),
    "nothing": Method("Predict nothing"),
    "everything": Method("Predict the whole breast"),
    "classical": Method("White top-hat (MC), ridge filter (BAC)"),
    "prior": Method("Where calcium lies on average in the views that are learnt from, the same map for every view"),
}
