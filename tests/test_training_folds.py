"""Folds: nobody is learnt from and scored, everybody is scored once, each part has its share of every label."""

from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mtunet.phantom.cohort import GROUPS, patients
from training.data.samples import FoldImage, folds

items = st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["mc", "bac", "both", "neither"])), min_size=8).map(
    lambda drawn: [FoldImage(f"image-{n}", f"patient-{patient}", label) for n, (patient, label) in enumerate(drawn)]
)


@settings(max_examples=60, deadline=None)
@given(items=items, count=st.integers(2, 5), seed=st.integers(0, 50))
def test_no_patient_is_in_two_parts_of_a_fold(items: list[FoldImage], count: int, seed: int) -> None:
    patient_of = {item.image: item.patient for item in items}
    assume(len(set(patient_of.values())) >= 2 * count)
    for fold in folds(items, count, seed, "patient"):
        parts = [{patient_of[image] for image in part} for part in (fold.train, fold.validation, fold.test)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))


@settings(max_examples=60, deadline=None)
@given(items=items, count=st.integers(2, 5), by=st.sampled_from(["patient", "image"]))
def test_every_image_is_in_one_part_of_each_fold_and_tested_once(items: list[FoldImage], count: int, by: str) -> None:
    assume(len({getattr(item, by) for item in items}) >= 2 * count)
    found = folds(items, count, 0, by)  # type: ignore[arg-type]
    everybody = sorted(item.image for item in items)
    for fold in found:
        assert sorted([*fold.train, *fold.validation, *fold.test]) == everybody
    assert sorted(image for fold in found for image in fold.test) == everybody


def test_a_patient_with_most_of_the_images_leaves_two_patients_to_learn_from() -> None:
    many = [FoldImage(f"image-{n}", f"patient-{max(n - 4, 0)}", "mc") for n in range(8)]
    for fold in folds(many, 2, 0, "patient"):
        assert all((fold.train, fold.validation, fold.test))


@pytest.mark.parametrize(("groups", "count"), [(1, 2), (2, 2), (3, 2), (4, 5)])
def test_too_few_patients_for_the_folds_is_a_sentence(groups: int, count: int) -> None:
    few = [FoldImage(f"image-{n}", f"patient-{n % groups}", "mc") for n in range(12)]
    with pytest.raises(ValueError, match=f"{groups} different patients are too few for {count} folds"):
        folds(few, count, 0, "patient")


def phantoms(views: int) -> list[FoldImage]:
    cohort = patients(views, 11)
    return [FoldImage(str(n), v.patient, (v.spec.clusters > 0, v.spec.bac_grade > 0)) for n, v in enumerate(cohort)]


def test_each_fold_has_its_share_of_every_label() -> None:
    cohort = phantoms(1239)
    label_of = {item.image: item.label for item in cohort}
    whole = Counter(label_of.values())
    for fold in folds(cohort, 5, 0, "patient"):
        assert abs(len(fold.test) - 1239 / 5) <= 4
        for label, count in Counter(label_of[image] for image in fold.test).items():
            assert abs(count - whole[label] / 5) <= 3


def test_no_part_is_empty_and_validation_is_a_fifth_of_what_is_left() -> None:
    for fold in folds(phantoms(240), 5, 0, "patient"):
        assert len(fold.train) + len(fold.validation) + len(fold.test) == 240
        assert abs(len(fold.validation) - 240 * 4 / 25) <= 3


def test_the_split_by_image_puts_patients_in_two_parts() -> None:
    cohort = phantoms(240)
    patient_of = {item.image: item.patient for item in cohort}
    fold = folds(cohort, 5, 0, "image")[0]
    assert {patient_of[image] for image in fold.train} & {patient_of[image] for image in fold.test}


def test_the_same_seed_gives_the_same_folds_and_another_others() -> None:
    cohort = phantoms(60)
    assert folds(cohort, 5, 3, "patient") == folds(cohort, 5, 3, "patient")
    assert folds(cohort, 5, 3, "patient") != folds(cohort, 5, 4, "patient")


def test_the_cohort_has_the_papers_1239_views_in_three_groups_of_413() -> None:
    cohort = patients(1239, 11)
    assert Counter(view.group for view in cohort) == dict.fromkeys(GROUPS, 413)
    assert sum(bool(v.spec.hard) for v in cohort) > 100
    assert sum(v.spec.clusters > 0 and v.spec.bac_grade > 0 for v in cohort) > 100
    for view in cohort:
        assert (view.spec.clusters > 0 or view.spec.bac_grade > 0) == (view.group != "neither")


@settings(max_examples=15, deadline=None)
@given(views=st.integers(3, 200), seed=st.integers(0, 99))
def test_views_of_a_patient_share_what_makes_a_leak_possible(views: int, seed: int) -> None:
    cohort = patients(views, seed)
    assert len(cohort) == views
    assert cohort == patients(views, seed)
    assert len({view.spec for view in cohort}) == views
    of = {name: [v.spec for v in cohort if v.patient == name] for name in {v.patient for v in cohort}}
    for specs in of.values():
        assert len(specs) <= 4
        assert len({spec.look for spec in specs}) == len({spec.density for spec in specs}) == 1
        assert len({(spec.seed, spec.laterality) for spec in specs}) == len({spec.laterality for spec in specs})
    seeds = [{spec.seed for spec in specs} for specs in of.values()]
    assert sum(map(len, seeds)) == len(set().union(*seeds))


@pytest.mark.parametrize("views", [0, 2, -1])
def test_a_cohort_of_patients_needs_three_views(views: int) -> None:
    with pytest.raises(ValueError, match="3 to"):
        patients(views, 1)
