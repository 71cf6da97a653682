import math

import pytest

from mtunet.detection.models import DEFAULT_MODEL, MODELS
from mtunet.study.bac import Repeat, change, repeat_error, spread

TENTH = Repeat(0.1, 20, "drawn", "", "drawn pairs")


def test_the_spread_of_pairs_is_that_of_one_measurement() -> None:
    pairs = [(1.0, math.exp(0.2)), (1.0, math.exp(-0.2))]
    assert spread(pairs) == pytest.approx(0.2 / math.sqrt(2))
    with pytest.raises(ValueError, match="at least one pair"):
        spread([])


def test_a_change_counts_only_beyond_what_repeats_differ_by() -> None:
    low, high = TENTH.band
    assert (low, high) == (pytest.approx(math.exp(-0.277), abs=1e-3), pytest.approx(math.exp(0.277), abs=1e-3))
    assert change(10.0, 12.0, TENTH).beyond is False
    assert change(10.0, 14.0, TENTH).beyond is True
    assert change(10.0, 7.0, TENTH).beyond is True


def test_from_nothing_there_is_no_ratio() -> None:
    assert (change(0.0, 5.0, TENTH).ratio, change(0.0, 5.0, TENTH).beyond) == (None, None)


def test_the_measured_error_is_of_the_shipped_model_and_says_what_it_was_measured_on() -> None:
    found = repeat_error()
    assert found.weights_sha256 == MODELS[DEFAULT_MODEL].sha256, "run python -m benchmarks.bac_repeat --write again"
    assert found.pairs >= 8
    assert 0.0 < found.s < 1.0
    assert "phantoms" in found.source
