"""Temperatures on drawn maps with a known answer: what is too sure is said less surely."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit, logit

from mtunet.case import Calcification, ScaleSource, Segmentation
from mtunet.detection.settings import Settings
from training.data.samples import Sample
from training.operating import LOOSE, Reliability, loose, temperatures_of

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
SHAPE = (400, 500)
SETTINGS = Settings("detail", 0.2, {MC: 0.75, BAC: 0.5}, {MC: 0.0, BAC: 0.0})
Looked = tuple[Sample, Segmentation]


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
        scale_source=ScaleSource.STATED,
        thresholds={MC: 0.5, BAC: 0.5},
        minimum_mm2={MC: 0.0, BAC: 0.0},
        model="drawn",
        weights_sha256="0" * 64,
        device="none",
        seconds=0.0,
    )
    return sample, found


def looked_at(too_sure: float, temperature: float = 1.0, known: tuple[Calcification, ...] = (MC, BAC)) -> Looked:
    """As the product keeps its maps, in steps of 1/255."""
    sample, found = drawn(too_sure, known)
    kept = (np.rint(expit(logit(found.probability[MC]) / temperature) * 255) / 255).astype(np.float32)
    return sample, replace(found, probability=dict.fromkeys(Calcification, kept))


@pytest.mark.parametrize("too_sure", [0.7, 1.0, 2.0])
def test_the_temperature_is_by_how_much_the_network_is_too_sure(too_sure: float) -> None:
    fitted = temperatures_of([looked_at(too_sure, LOOSE)], SETTINGS)
    assert fitted == {MC: pytest.approx(too_sure, abs=0.05), BAC: pytest.approx(too_sure, abs=0.05)}


def test_what_is_divided_by_its_temperature_means_what_it_says() -> None:
    fitted = temperatures_of([looked_at(2.0, LOOSE)], SETTINGS)[MC]
    before, after = Reliability(), Reliability()
    before.count(*looked_at(2.0))
    after.count(*looked_at(2.0, fitted))
    assert before.said()["mc"]["sure_said"] > before.said()["mc"]["sure_true"] + 0.05
    assert after.said()["mc"]["sure_said"] == pytest.approx(after.said()["mc"]["sure_true"], abs=0.01)
    assert after.said()["mc"]["error"] < 0.01 < before.said()["mc"]["error"]


def test_a_type_that_is_known_nowhere_keeps_its_temperature() -> None:
    fitted = temperatures_of([looked_at(2.0, LOOSE, (MC,))], replace(SETTINGS, temperatures={MC: 1.4, BAC: 1.7}))
    assert fitted == {MC: pytest.approx(2.0, abs=0.05), BAC: 1.7}


def test_where_nothing_is_true_the_temperature_is_one() -> None:
    sample, found = looked_at(2.0, LOOSE)
    nothing = replace(sample, masks={MC: np.zeros(SHAPE, bool)})
    assert temperatures_of([(nothing, found)], SETTINGS)[MC] == 1.0


def test_a_loose_look_differs_in_nothing_but_the_temperatures() -> None:
    assert replace(loose(SETTINGS), temperatures=SETTINGS.temperatures) == SETTINGS
    assert set(loose(SETTINGS).temperatures.values()) == {LOOSE}
