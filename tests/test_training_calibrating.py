"""Temperatures on drawn maps with a known answer: what is too sure is said less surely, and decisions stay."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit, logit

from mtunet.case import Calcification, Segmentation
from mtunet.models import Settings
from training.calibrating import LOOSE, Reliability, calibrated, counting, tempered
from training.datasets import Sample

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
SHAPE = (400, 500)


def drawn(too_sure: float, known: tuple[Calcification, ...] = (MC, BAC)) -> tuple[Sample, Segmentation]:
    """Truth is drawn from honest logits; what is said are those times `too_sure`."""
    rng = np.random.default_rng(5)
    honest = rng.normal(-1, 2, SHAPE)
    true: npt.NDArray[np.bool_] = rng.random(SHAPE) < expit(honest)
    said = expit(honest * too_sure).astype(np.float32)
    pixels = np.zeros(SHAPE, np.uint16)
    sample = Sample("drawn", "drawn", pixels, dict.fromkeys(known, true), np.zeros(SHAPE, bool), 0.1, "drawn")
    found = Segmentation(
        probability={MC: said, BAC: said},
        breast=np.ones(SHAPE, bool),
        spacing_mm=(0.1, 0.1),
        spacing_assumed=False,
        thresholds={MC: 0.5, BAC: 0.5},
        minimum_mm2={MC: 0.0, BAC: 0.0},
        model="drawn",
        weights_sha256="0" * 64,
        device="none",
        seconds=0.0,
    )
    return sample, found


def counted(too_sure: float, known: tuple[Calcification, ...] = (MC, BAC)) -> Reliability:
    reliability = Reliability()
    assert len(list(counting([drawn(too_sure, known)], reliability))) == 1
    return reliability


@pytest.mark.parametrize("too_sure", [0.7, 1.0, 2.0])
def test_the_temperature_is_by_how_much_the_network_is_too_sure(too_sure: float) -> None:
    assert counted(too_sure).temperatures() == {
        MC: pytest.approx(too_sure, abs=0.03),
        BAC: pytest.approx(too_sure, abs=0.03),
    }


def test_a_loose_look_is_counted_as_if_it_had_been_a_plain_one() -> None:
    sample, found = drawn(2.0)
    loose = {
        kind: (np.rint(expit(logit(p) / LOOSE) * 255) / 255).astype(np.float32) for kind, p in found.probability.items()
    }
    reliability = Reliability()
    [(_, firm)] = counting([(sample, replace(found, probability=loose))], reliability, LOOSE)
    assert reliability.temperatures()[MC] == pytest.approx(2.0, abs=0.05)
    assert np.abs(firm.probability[MC] - found.probability[MC]).max() < 0.02


def test_what_is_divided_by_its_temperature_means_what_it_says() -> None:
    sure, honest = counted(2.0).said()["mc"], counted(1.0).said()["mc"]
    assert sure["sure_said"] > sure["sure_true"] + 0.05
    assert honest["sure_said"] == pytest.approx(honest["sure_true"], abs=0.01)
    assert honest["error"] < 0.01 < sure["error"]


def test_a_carried_over_threshold_decides_as_before() -> None:
    _, found = drawn(2.0)
    said = found.probability[MC].astype(np.float64)
    settings = Settings("detail", 0.2, {MC: 0.75, BAC: 0.5}, {MC: 0.0, BAC: 0.0})
    table = [{"type": "mc", "threshold": 0.75}, {"type": "bac", "threshold": 0.5}]
    new = calibrated(settings, counted(2.0), table)
    calm = expit(np.log(said / (1 - said)) / new.temperatures[MC])
    assert ((calm >= new.thresholds[MC]) == (said >= 0.75)).mean() > 0.99  # thresholds are rounded to a hundredth
    assert table == [{"type": "mc", "threshold": new.thresholds[MC]}, {"type": "bac", "threshold": 0.5}]
    assert new.thresholds[BAC] == tempered(0.5, 3.0) == 0.5


def test_a_type_that_is_known_nowhere_keeps_its_temperature_and_threshold() -> None:
    settings = Settings("detail", 0.2, {MC: 0.7, BAC: 0.6}, {MC: 0.0, BAC: 0.0})
    settings = replace(settings, temperatures={MC: 1.4, BAC: 1.7})
    new = calibrated(settings, counted(2.0, (MC,)), [{"type": "mc", "threshold": 0.7}])
    assert new.temperatures[MC] == pytest.approx(2.0, abs=0.03)
    assert (new.temperatures[BAC], new.thresholds[BAC]) == (1.7, 0.6)


def test_where_nothing_is_true_the_temperature_stays_one() -> None:
    sample, found = drawn(2.0)
    nothing = replace(sample, masks={MC: np.zeros(SHAPE, bool)})
    reliability = Reliability()
    reliability.count(nothing, found)
    assert reliability.temperatures() == {MC: 1.0}
