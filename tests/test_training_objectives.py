"""What is made small, on drawn cases with exact answers; and how the loop hands it to the network."""

from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from training.fitting import per_head
from training.methods import METHODS, exclusive, shares
from training.objectives import OBJECTIVES, negative_dice_per_image


def logits_of(probability: Tensor) -> Tensor:
    return torch.logit(probability, eps=1e-9)


def one_head(values: list[float]) -> Tensor:
    """(1, 1, 1, n)."""
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


KNOWN = torch.ones(1, 1)


@pytest.mark.parametrize(
    ("norm", "prediction", "truth", "expected"),
    [
        # a·b = 1.5; sums 2 and 2, squares 1.5 and 2
        ("l1", [1.0, 0.5, 0.5, 0.0], [1.0, 1.0, 0.0, 0.0], -2 * 1.5 / (2 + 2)),
        ("l2sq", [1.0, 0.5, 0.5, 0.0], [1.0, 1.0, 0.0, 0.0], -2 * 1.5 / (1.5 + 2)),
        # a·b = 0.25 + 0.25; sums 1 and 2, squares 1/4 and 2
        ("l1", [0.25] * 4, [1.0, 1.0, 0.0, 0.0], -2 * 0.5 / (1 + 2)),
        ("l2sq", [0.25] * 4, [1.0, 1.0, 0.0, 0.0], -2 * 0.5 / (0.25 + 2)),
        ("l1", [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], -1.0),
        ("l2sq", [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], -1.0),
        ("l1", [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0], 0.0),
    ],
)
def test_the_papers_dice_under_both_norms(
    norm: str, prediction: list[float], truth: list[float], expected: float
) -> None:
    value = negative_dice_per_image(logits_of(one_head(prediction)), one_head(truth), KNOWN, norm)  # type: ignore[arg-type]
    assert value.item() == pytest.approx(expected, abs=1e-6)


def three_heads(*pixels: list[float]) -> Tensor:
    """Pixels of (mc, bac, background) to (1, 3, 1, n)."""
    return torch.tensor(pixels, dtype=torch.float64).T.view(1, 3, 1, -1)


def test_keras_divides_the_sigmoid_scores_by_their_sum() -> None:
    """Scores 0.5, 0.25, 0.25 of an MC pixel and 0.2, 0.2, 0.6 of background: −log(1/2) and −log(0.6), over 2 pixels."""
    scores = three_heads([0.5, 0.25, 0.25], [0.2, 0.2, 0.6])
    truth = three_heads([1, 0, 0], [0, 0, 1])
    values = OBJECTIVES["sigmoid-cce"](logits_of(scores), truth, torch.ones(1, 3))
    assert values.tolist() == pytest.approx([log(2) / 2, 0, -log(0.6) / 2], abs=1e-6)
    twice = logits_of(scores / 2)
    assert OBJECTIVES["sigmoid-cce"](twice, truth, torch.ones(1, 3)).tolist() == pytest.approx(values.tolist())


def test_keras_keeps_probabilities_a_ten_millionth_from_zero() -> None:
    scores = three_heads([0.0, 1.0, 1.0])
    values = OBJECTIVES["sigmoid-cce"](torch.logit(scores, eps=1e-12), three_heads([1, 0, 0]), torch.ones(1, 3))
    assert values[0].item() == pytest.approx(-log(1e-7), rel=1e-3)


def test_softmax_cross_entropy_is_that_of_torch() -> None:
    logits = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    classes = torch.randint(3, (2, 4, 5), generator=torch.Generator().manual_seed(1))
    truth = torch.nn.functional.one_hot(classes, 3).movedim(-1, 1).float()
    ours = OBJECTIVES["softmax-cce"](logits, truth, torch.ones(2, 3)).sum()
    assert ours.item() == pytest.approx(torch.nn.functional.cross_entropy(logits, classes).item(), rel=1e-5)


def test_binary_cross_entropy_of_a_half_is_the_logarithm_of_two() -> None:
    values = OBJECTIVES["sigmoid-bce"](torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4), torch.ones(2, 3))
    assert values.tolist() == pytest.approx([log(2)] * 3)


def test_batch_dice_adds_the_images_up_before_it_divides() -> None:
    """Two images: overlap 2 + 0, sums (2 + 2) and (2 + 0): 1 − (2·2 + 1) / (6 + 1). Per image it would be 1 and 0."""
    prediction = torch.zeros(2, 1, 1, 4)
    prediction[0, ..., :2] = prediction[1, ..., :2] = 1
    truth = torch.zeros(2, 1, 1, 4)
    truth[0, ..., :2] = 1
    value = OBJECTIVES["batch-dice-alone"](logits_of(prediction), truth, torch.ones(2, 1))
    assert value.item() == pytest.approx(1 - 5 / 7, abs=1e-6)


def test_a_batch_without_the_type_still_says_predict_nothing() -> None:
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    OBJECTIVES["batch-dice-alone"](logits, torch.zeros(1, 1, 8, 8), torch.ones(1, 1)).sum().backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def test_background_is_where_neither_type_is_and_known_only_where_both_are() -> None:
    targets = torch.zeros(2, 2, 1, 3)
    targets[0, 0, 0, 0] = targets[0, 1, 0, 1] = 1
    layers, known = per_head(("mc", "bac", "background"), targets, torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    assert layers[0].squeeze(1).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert known.tolist() == [[1, 1, 1], [1, 0, 0]]
    only, _ = per_head(("bac",), targets, torch.ones(2, 2))
    assert only[0].squeeze(1).tolist() == [[0, 1, 0]]


def test_shares_and_softmax_add_up_to_one() -> None:
    logits = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for read in (shares, exclusive):
        np.testing.assert_allclose(read(logits).sum(1).numpy(), 1, rtol=1e-6)


def test_every_method_has_an_objective_and_answers_for_each_type_once() -> None:
    for name, method in METHODS.items():
        assert method.objective == "dice" or method.objective in OBJECTIVES, name
        heads = [head for network in method.networks for head in network if head != "background"]
        assert sorted(heads) == (["bac", "mc"] if method.networks else []), name


def test_taking_one_type_for_the_other_costs_more_than_a_false_pixel_of_nothing() -> None:
    """One BAC pixel of two; MC predicted with p = 1/2 on it, or on the empty one."""
    targets = torch.zeros(1, 3, 1, 2)
    targets[0, 1, 0, 0] = 1
    known = torch.ones(1, 3)
    sure = torch.full((1, 3, 1, 2), -40.0)
    on_artery, on_nothing = sure.clone(), sure.clone()
    on_artery[0, 0, 0, 0] = on_nothing[0, 0, 0, 1] = 0.0
    confused = OBJECTIVES["batch-dice-apart"](on_artery, targets, known)[0]
    false = OBJECTIVES["batch-dice-apart"](on_nothing, targets, known)[0]
    # Dice with a pixel of smoothing: 1 − 1 / (1 + cost / 2); entropy: half of cost · ln 2 / 2 pixels.
    for value, cost in ((confused, 5.0), (false, 1.0)):
        assert value.item() == pytest.approx(1 - 1 / (1 + cost / 2) + cost * log(2) / 4, rel=1e-5)
