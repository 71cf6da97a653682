from mtunet.case import Box, Calcification, Finding, View
from mtunet.study.landmarks import NIPPLE_ERROR_MM, TOLERANCE_MM, Distances, Seen, match

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


def seen(
    view: View, number: int, near: float, far: float | None = None, kind: Calcification = MC, area: int = 50
) -> Seen:
    far = near if far is None else far
    finding = Finding(number, kind, ((0.0, 0.0),), Box(0, 0, 1, 1), area, None, 1.0, None, None, 0.9)
    return Seen(view.value, view, finding, Distances("mm", (near + far) / 2, near, far, 10.0))


def test_findings_at_one_distance_from_the_nipple_are_suggested_as_the_same() -> None:
    found = match([seen(View.CC, 1, 40.0)], [seen(View.MLO, 5, 46.0)])
    assert [(p.one, p.other, p.difference_mm) for p in found.pairs] == [(("CC", 1), ("MLO", 5), 6.0)]
    assert found.alone == ()
    assert found.partner(("MLO", 5)) == ("CC", 1)
    assert found.partner(("MLO", 6)) is None


def test_the_tolerance_is_the_error_of_two_nipples() -> None:
    assert TOLERANCE_MM == round((NIPPLE_ERROR_MM**2 + NIPPLE_ERROR_MM**2) ** 0.5) == 16
    assert match([seen(View.CC, 1, 40.0)], [seen(View.MLO, 1, 56.0)]).pairs
    far = match([seen(View.CC, 1, 40.0)], [seen(View.MLO, 1, 56.5)])
    assert (far.pairs, far.alone) == ((), (("CC", 1), ("MLO", 1)))


def test_each_finding_is_given_once_and_the_sum_of_differences_is_least() -> None:
    found = match(
        [seen(View.CC, 1, 40.0), seen(View.CC, 2, 50.0)],
        [seen(View.MLO, 1, 49.0), seen(View.MLO, 2, 60.0)],
    )
    assert {(p.one[1], p.other[1]) for p in found.pairs} == {(1, 1), (2, 2)}


def test_among_equals_the_one_of_like_area_is_taken() -> None:
    found = match(
        [seen(View.CC, 1, 40.0, area=100)],
        [seen(View.MLO, 1, 40.0, area=5), seen(View.MLO, 2, 40.0, area=90)],
    )
    assert found.pairs[0].other == ("MLO", 2)
    assert found.alone == (("MLO", 1),)


def test_types_are_never_mixed_and_long_arteries_match_where_their_stretches_meet() -> None:
    found = match(
        [seen(View.CC, 1, 20.0, 60.0, BAC), seen(View.CC, 2, 40.0)],
        [seen(View.MLO, 1, 70.0, 90.0, BAC)],
    )
    assert [(p.one, p.other, p.difference_mm) for p in found.pairs] == [(("CC", 1), ("MLO", 1), 10.0)]
    assert found.alone == (("CC", 2),)


def test_a_finding_without_any_in_the_other_view_is_seen_in_one_view_only() -> None:
    assert match([seen(View.CC, 1, 40.0)], []).alone == (("CC", 1),)
