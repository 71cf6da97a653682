"""The queue says who is first and why, over all views of a study."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtunet.case import Flag, Laterality, Reason, View
from mtunet.detection.triage import RULES, Evidence, ImageEvidence, places
from mtunet.study.rules import StudyTriage, Urgency, weigh_study

R, L, CC, MLO = Laterality.RIGHT, Laterality.LEFT, View.CC, View.MLO
CLEAN = ImageEvidence(R, CC)
WAITING = ImageEvidence(R, MLO, analysed=False)
BLANK = ImageEvidence(L, CC, picture=(Reason("no_breast", "No breast was found in this image."),))


def image(
    side: Laterality | None = L, view: View | None = CC, mc: tuple[float, ...] = (), bac: tuple[float, ...] = ()
) -> ImageEvidence:
    """Areas in mm², of pixels of 0.01 mm²."""
    return ImageEvidence(
        laterality=side,
        view=view,
        mc_count=len(mc),
        mc_px=round(100 * sum(mc)),
        mc_mm2=sum(mc) if mc else None,
        mc_largest_px=round(100 * max(mc, default=0)),
        mc_largest_mm2=max(mc) if mc else None,
        bac_count=len(bac),
        bac_px=round(100 * sum(bac)),
        bac_mm2=sum(bac) if bac else None,
    )


def unscaled(numbers: ImageEvidence) -> ImageEvidence:
    return replace(numbers, mc_mm2=None, mc_largest_mm2=None, bac_mm2=None)


def weighed(*images: ImageEvidence, mostly: float = 0.5) -> StudyTriage:
    return weigh_study(Evidence(images, mostly))


def said(triage: StudyTriage) -> str:
    return " ".join(reason.sentence for reason in triage.reasons)


BESIDE = replace(image(mc=(5.0,), bac=(50.0,)), companion=True)

CASES = [
    weighed(CLEAN, CLEAN),
    weighed(CLEAN, BLANK),
    weighed(image(mc=(1.0,)), BLANK),
    weighed(image(bac=(9.0,))),
    weighed(image(mc=(9.0,), bac=(2.0,))),
    weighed(image(mc=(1.0,), bac=(20.0,))),
    weighed(unscaled(image(mc=(1.0,))), CLEAN),
    weighed(CLEAN, WAITING),
    weighed(CLEAN, BESIDE),
    weighed(CLEAN, replace(CLEAN, picture=(Reason("turned", "Mirrored."),))),
]


def test_every_rule_is_said_and_has_a_reason_and_a_source() -> None:
    assert {reason.rule for case in CASES for reason in case.reasons} == {rule.name for rule in RULES}
    assert all(rule.reason and rule.source for rule in RULES)
    assert {case.flag for case in CASES} == set(Flag)


def test_what_is_shown_beside_does_not_count_and_hides_nothing() -> None:
    triage = weighed(CLEAN, BESIDE)
    assert (triage.flag, triage.urgency, triage.bac_share) == (Flag.NONE, Urgency.CHECK, None)
    assert "1 image is shown beside and not counted" in said(triage)
    assert "1 MC region is found on what is not counted" in said(triage)
    assert weighed(CLEAN, replace(CLEAN, companion=True)).urgency is Urgency.ROUTINE
    both = weighed(image(mc=(1.0,)), BESIDE)
    assert both.urgency is Urgency.HIGH
    assert said(both).startswith("1 MC region, largest 1 mm²")
    assert "found on what is not counted" not in said(both)
    assert weighed(CLEAN, replace(WAITING, companion=True)).urgency is Urgency.ROUTINE


def test_mc_says_how_many_how_large_and_where() -> None:
    triage = weighed(image(R, CC), image(L, CC, mc=(14.2, 2.0)), image(R, MLO), image(L, MLO, mc=(3.0,)))
    assert said(triage) == "3 MC regions, largest 14 mm², left CC and MLO."
    assert (triage.flag, triage.urgency) == (Flag.MC, Urgency.HIGH)


def test_arterial_alone_is_to_be_checked_and_says_that_no_mc_is_left() -> None:
    triage = weighed(image(L, CC, bac=(20.0, 10.0)), image(L, MLO, bac=(2.0,)))
    assert (
        said(triage)
        == "100 % of the calcified area is arterial (3 BAC segments, 32 mm²); no microcalcification is left."
    )
    assert (triage.flag, triage.urgency) == (Flag.MOSTLY_BAC, Urgency.CHECK)


def test_the_share_is_over_all_views() -> None:
    triage = weighed(image(L, CC, mc=(8.0,)), image(R, CC, bac=(92.0,)))
    assert triage.bac_share == pytest.approx(0.92)
    assert triage.flag is Flag.MOSTLY_BAC_MC_LEFT
    assert "92 % of the calcified area is arterial" in said(triage)


def test_the_share_above_which_a_study_is_mostly_arterial_can_be_moved() -> None:
    images = image(L, CC, mc=(4.0,)), image(R, CC, bac=(6.0,))
    assert weighed(*images, mostly=0.5).flag is Flag.MOSTLY_BAC_MC_LEFT
    assert weighed(*images, mostly=0.7).flag is Flag.MC


def test_an_image_and_a_study_of_it_alone_have_one_flag() -> None:
    """MC 7 mm² beside BAC 3 mm² is MC everywhere, and a picture that cannot be judged is nowhere "mostly arterial"."""
    assert weighed(image(mc=(7.0,), bac=(3.0,))).flag is Flag.MC
    implant = ImageEvidence(L, CC, picture=BLANK.picture, bac_count=1, bac_px=100, bac_mm2=1.0)
    assert weighed(implant).flag is weighed(implant, CLEAN).flag is Flag.NOT_ASSESSABLE


def test_a_view_that_was_not_looked_at_never_reads_as_one_without_findings() -> None:
    triage = weighed(CLEAN, BLANK)
    assert (triage.flag, triage.urgency) == (Flag.NOT_ASSESSABLE, Urgency.CHECK)
    assert "Not assessable, left CC: No breast was found in this image." in said(triage)


def test_while_views_wait_only_mc_has_a_place_in_the_queue() -> None:
    assert weighed(WAITING).urgency is Urgency.UNKNOWN
    assert weighed(WAITING).flag is None
    assert weighed(CLEAN, WAITING).urgency is Urgency.UNKNOWN
    assert "1 image is not analysed yet." in said(weighed(CLEAN, WAITING))
    assert weighed(image(mc=(1.0,)), WAITING).urgency is Urgency.HIGH


def test_without_spacing_areas_are_in_pixels_and_it_is_said() -> None:
    triage = weighed(image(R, CC, mc=(2.0,)), unscaled(image(L, CC, mc=(5.0,))))
    assert "largest 500 pixels" in said(triage)
    assert "Areas are in pixels" in said(triage)


def test_places_are_said_by_side() -> None:
    assert places([image(L, CC), image(R, MLO), image(L, MLO), image(None, None)]) == (
        "left CC and MLO, right MLO, 1 image of unknown side or view"
    )


ANY = st.builds(
    image,
    st.sampled_from([R, L, None]),
    st.sampled_from([CC, MLO, None]),
    st.lists(st.floats(0.01, 500), max_size=3).map(tuple),
    st.lists(st.floats(0.01, 5000), max_size=3).map(tuple),
)


@given(st.lists(st.one_of(ANY, st.just(BLANK), st.just(WAITING)), min_size=1, max_size=6), st.floats(0, 0.99))
def test_mc_in_any_view_is_read_first_whatever_else_there_is(images: list[ImageEvidence], mostly: float) -> None:
    triage = weighed(*images, mostly=mostly)
    assert (triage.urgency is Urgency.HIGH) == any(each.mc_count for each in images)
    assert (triage.flag in (Flag.MC, Flag.MOSTLY_BAC_MC_LEFT)) == any(each.mc_count for each in images)
