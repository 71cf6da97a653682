"""Mistakes are found where a painted network makes them, and crops are cut there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from training.mining import mined, mistakes

from mtunet.case import Calcification
from tests.test_segmentation import Painter
from training.data.samples import Sample
from training.sampling import BREAST, MISTAKEN, Augmentation, Canvas, batches, canvas

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
CPU = torch.device("cpu")
TRUE, MERELY_BRIGHT, ARTERY = (slice(60, 90), slice(60, 90)), (slice(300, 330), slice(100, 140)), slice(200, 212)


def drawn(known: tuple[Calcification, ...] = (MC, BAC)) -> Canvas:
    """The painter calls everything bright MC: a true cluster, a bright thing that is none, and half of an artery."""
    pixels = np.full((700, 500), 0.3, np.float32)
    mc, bac = np.zeros(pixels.shape, bool), np.zeros(pixels.shape, bool)
    pixels[TRUE] = pixels[MERELY_BRIGHT] = pixels[ARTERY, 250:300] = 0.9
    pixels[ARTERY, 300:350] = 0.7
    mc[TRUE] = bac[ARTERY, 250:350] = True
    masks = {kind: mask for kind, mask in {MC: mc, BAC: bac}.items() if kind in known}
    sample = Sample("a", "a", (pixels * 65535).astype(np.uint16), masks, np.zeros(pixels.shape, bool), 0.2, "drawn")
    made = canvas(sample, 0.2)
    everywhere = np.argwhere(np.ones((175, 125), bool)) * 4
    return replace(made, window=(0.0, 1.0), centres=(*made.centres[:BREAST], everywhere, made.centres[MISTAKEN]))


def test_what_is_called_without_a_cause_is_a_mistake_and_so_is_an_artery_called_mc() -> None:
    places = mistakes(drawn(), Painter(), CPU)
    assert sorted(map(tuple, places)) == [
        (pytest.approx(206, abs=1), pytest.approx(275, abs=1)),
        (pytest.approx(315, abs=1), pytest.approx(120, abs=1)),
    ]


def test_where_a_type_is_unknown_nothing_is_a_mistake() -> None:
    assert mistakes(drawn((BAC,)), Painter(), CPU).shape == (0, 2)


class Framed(Painter):
    """Calls MC along the edges of every tile as well, as a network that sees one side only may."""

    def forward(self, pixels: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        logits = super().forward(pixels, window)
        logits[:, 0, :12] = logits[:, 0, -12:] = logits[:, 0, :, :12] = logits[:, 0, :, -12:] = 10
        return logits


def test_what_is_called_at_the_edge_between_tiles_is_no_mistake() -> None:
    inside = [(row, column) for row, column in mistakes(drawn(), Framed(), CPU) if 20 < row < 680 and 20 < column < 480]
    assert len(inside) == 2


def test_only_some_views_are_asked_where_that_is_enough() -> None:
    shown = mined([drawn()] * 3, Painter(), CPU, every=2)
    assert [len(one.centres[MISTAKEN]) for one in shown] == [2, 0, 2]


def test_half_of_the_crops_on_neither_show_a_mistake() -> None:
    shown = mined([drawn()], Painter(), CPU)
    assert len(shown[0].centres[MISTAKEN]) == 2
    plain = Augmentation(rotation_degrees=0, scale=0, shift=0, flip=False)

    def bright(canvases: list[Canvas]) -> float:
        drawing = batches(canvases, 64, 3, plain, np.random.default_rng(0))
        return float(np.mean([(next(drawing).pixels[2] > 0.8).any() for _ in range(200)]))

    assert bright(shown) > 0.4 > 0.2 > bright([drawn()])
