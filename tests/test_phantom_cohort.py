"""Cohorts of phantoms: proportions, and that no seed is ever shared."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.phantom import PhantomSpec, cohort
from mtunet.phantom.sample_set import SAMPLE_COHORT, SAMPLE_PHANTOMS


def content(spec: PhantomSpec) -> str:
    if spec.hard:
        return spec.hard
    return {(True, True): "both", (True, False): "mc", (False, True): "bac", (False, False): "neither"}[
        spec.clusters > 0, spec.bac_grade > 0
    ]


def test_a_cohort_has_the_papers_thirds_and_the_hard_cases() -> None:
    counts = Counter(content(spec) for spec in cohort(300, 7))
    assert counts["both"] == 36
    assert counts["b"] == counts["c"] == counts["d"] == 12
    assert counts["bac"] == counts["mc"] == counts["neither"] == 76


def test_a_cohort_is_half_film_and_of_mixed_views_and_densities() -> None:
    specs = cohort(400, 7)
    assert sum(spec.look == "film" for spec in specs) == 200
    assert {spec.density for spec in specs} == set("abcd")
    assert 140 < sum(spec.view.value == "CC" for spec in specs) < 260
    assert 140 < sum(spec.laterality.value == "L" for spec in specs) < 260
    assert all(spec.density == "d" for spec in specs if spec.hard == "d")


@settings(max_examples=20, deadline=None)
@given(
    first=st.integers(0, 2000), second=st.integers(0, 2000), sizes=st.tuples(st.integers(1, 300), st.integers(1, 300))
)
def test_cohorts_of_different_seeds_share_no_phantom(first: int, second: int, sizes: tuple[int, int]) -> None:
    seeds = [{spec.seed for spec in cohort(size, seed)} for size, seed in zip(sizes, (first, second), strict=True)]
    assert len(seeds[0]) == sizes[0]
    assert bool(seeds[0] & seeds[1]) == (first == second)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100), size=st.integers(1, 80))
def test_the_same_cohort_twice_is_the_same(seed: int, size: int) -> None:
    assert cohort(size, seed) == cohort(size, seed)


def test_samples_come_from_their_own_cohort() -> None:
    for sample in SAMPLE_PHANTOMS.values():
        assert sample.spec.seed // 1_000_000 == SAMPLE_COHORT


@pytest.mark.parametrize("size", [0, -3, 1_000_001])
def test_a_cohort_refuses_impossible_sizes(size: int) -> None:
    with pytest.raises(ValueError, match="cohort has"):
        cohort(size, 1)
