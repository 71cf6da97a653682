"""The flag says why, and never hides a microcalcification."""

import ast
import hashlib
import inspect
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.case import Box, Calcification, Finding, Flag, Priority, Triage, View
from mtunet.case.scope import CAPS, SCOPE, WARNINGS
from mtunet.detection import triage as law
from mtunet.detection.triage import PICTURE_RULES, PRIORITY, RULES, RULES_VERSION, Evidence, PictureFacts, weigh

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
PLAIN = PictureFacts()


def finding(kind: Calcification, area_px: int, mm2_per_px: float | None = 0.01) -> Finding:
    return Finding(
        number=1,
        type=kind,
        contour=((0, 0), (1, 0), (1, 1)),
        box=Box(0, 0, 1, 1),
        area_px=area_px,
        area_mm2=None if mm2_per_px is None else area_px * mm2_per_px,
        length_px=1.0,
        length_mm=None,
        specks=None,
        probability=0.9,
    )


def weighed(
    *findings: Finding, breast_found: bool = True, spacing_known: bool = True, picture: PictureFacts = PLAIN
) -> Triage:
    return weigh(findings, replace(picture, breast_found=breast_found, spacing_known=spacing_known))


CASES = {
    "nothing": weighed(),
    "mc": weighed(finding(MC, 1400)),
    "mostly bac": weighed(finding(BAC, 9200)),
    "both, mostly bac": weighed(finding(MC, 800), finding(BAC, 9200)),
    "both, mostly mc": weighed(finding(MC, 9200), finding(BAC, 800)),
    "no breast": weighed(breast_found=False),
    "specimen": weighed(picture=PictureFacts(view=View.SPECIMEN)),
    "drawing": weighed(picture=PictureFacts(one_grey=0.6)),
    "doubtful mc": weighed(finding(MC, 10), picture=PictureFacts(one_grey=0.6)),
    "clipped": weighed(finding(BAC, 100), picture=PictureFacts(clipped=0.5)),
    "negative": weighed(picture=PictureFacts(negative=True)),
    "turned": weighed(picture=PictureFacts(turned=True)),
    **{fact.value: weighed(picture=PictureFacts(facts=frozenset({fact}))) for fact in (*CAPS, *WARNINGS)},
    "half looked at": weighed(picture=PictureFacts(left_out=0.45)),
    "a corner left out": weighed(picture=PictureFacts(left_out=0.06)),
    "part": weighed(picture=PictureFacts(breast_cm2=12.0)),
    "no spacing": weighed(finding(MC, 1400, None), spacing_known=False),
}


def sentences(triage: Triage) -> list[str]:
    return [reason.sentence for reason in triage.reasons]


def test_every_rule_fires_at_least_once_and_every_flag_is_given() -> None:
    of_studies = {"not_assessable", "warnings", "areas_in_pixels", "waiting", "companions", "mc_on_companions"}
    there = {r.rule for t in CASES.values() for r in t.reasons}
    assert there == {rule.name for rule in (*RULES, *PICTURE_RULES)} - of_studies
    assert {t.flag for t in CASES.values()} == set(Flag) == set(PRIORITY)


def test_every_rule_has_its_own_name_a_reason_and_a_source() -> None:
    rules = (*RULES, *PICTURE_RULES)
    assert len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.reason
        assert rule.source
        assert rule.sentence.endswith(".") or rule.sentence in ("{doubts}", "{warnings}")


def test_nothing_found_is_routine_and_says_so() -> None:
    t = CASES["nothing"]
    assert (t.flag, t.priority, t.bac_share, t.rules) == (Flag.NONE, Priority.ROUTINE, None, RULES_VERSION)
    assert sentences(t) == ["No microcalcification and no arterial calcification was found."]


def test_microcalcifications_are_counted_and_the_largest_told() -> None:
    t = weighed(finding(MC, 1400), finding(MC, 200), finding(MC, 300))
    assert (t.flag, t.priority, t.bac_share) == (Flag.MC, Priority.HIGH, 0.0)
    assert sentences(t) == ["3 MC regions, largest 14 mm²."]
    assert sentences(CASES["mc"]) == ["1 MC region, largest 14 mm²."]


def test_only_arterial_is_mostly_bac_and_says_that_nothing_is_left() -> None:
    t = CASES["mostly bac"]
    assert (t.flag, t.priority, t.bac_share) == (Flag.MOSTLY_BAC, Priority.CHECK, 1.0)
    assert sentences(t) == [
        "100 % of the calcified area is arterial (1 BAC segment, 92 mm²); no microcalcification is left."
    ]


def test_mostly_bac_with_mc_left_says_both_and_has_the_priority_of_mc() -> None:
    t = CASES["both, mostly bac"]
    assert t.flag is Flag.MOSTLY_BAC_MC_LEFT
    assert t.priority is CASES["mc"].priority is Priority.HIGH
    assert sentences(t) == [
        "1 MC region, largest 8 mm².",
        "92 % of the calcified area is arterial (1 BAC segment, 92 mm²), but microcalcifications are left.",
    ]


def test_half_arterial_is_not_mostly() -> None:
    assert weighed(finding(MC, 100), finding(BAC, 100)).flag is Flag.MC
    assert weighed(finding(MC, 100), finding(BAC, 101)).flag is Flag.MOSTLY_BAC_MC_LEFT


def test_a_percentage_is_not_rounded_onto_the_border_or_onto_all() -> None:
    assert "50.2 %" in sentences(weighed(finding(MC, 4980), finding(BAC, 5020)))[-1]
    assert "99.9 %" in sentences(weighed(finding(MC, 1), finding(BAC, 999_999)))[-1]
    assert "0.1 %" in sentences(weighed(finding(MC, 999_999), finding(BAC, 1)))[-1]
    assert "50.1 %" in sentences(weighed(finding(MC, 49_999), finding(BAC, 50_001)))[-1]


def test_no_breast_is_not_assessable_and_not_none() -> None:
    t = CASES["no breast"]
    assert (t.flag, t.priority) == (Flag.NOT_ASSESSABLE, Priority.CHECK)


def test_without_spacing_areas_are_told_in_pixels_and_why() -> None:
    said = sentences(CASES["no spacing"])
    assert said[0] == "1 MC region, largest 1,400 pixels."
    assert said[1] == "The file does not say how large a pixel is, so areas are in pixels and sizes were assumed."
    assert not any("mm" in sentence for sentence in said)


def test_the_sentence_says_what_a_pixel_was_taken_to_be() -> None:
    known = PictureFacts(scale_said="0.07 mm a pixel, known by the size of the frame")
    assert sentences(weighed(spacing_known=False, picture=known))[-1] == (
        "The file does not say how large a pixel is, so areas are in pixels; taken as 0.07 mm a pixel, known by the "
        "size of the frame."
    )


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_outside_of_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="must be in"):
        Evidence((), share)


@settings(deadline=None)
@given(
    mc=st.lists(st.integers(1, 10**7), min_size=1, max_size=5),
    bac=st.lists(st.integers(1, 10**7), max_size=5),
    breast=st.booleans(),
    spacing=st.booleans(),
)
def test_no_share_of_bac_ever_hides_a_microcalcification(
    mc: list[int], bac: list[int], breast: bool, spacing: bool
) -> None:
    found = [finding(MC, a) for a in mc] + [finding(BAC, a) for a in bac]
    t = weighed(*found, breast_found=breast, spacing_known=spacing)
    assert t.priority is Priority.HIGH
    assert t.flag in (Flag.MC, Flag.MOSTLY_BAC_MC_LEFT)
    assert any(sentence.startswith(f"{len(mc)} MC region") for sentence in sentences(t))


ODD = [
    PictureFacts(view=View.SPECIMEN),
    PictureFacts(one_grey=0.6),
    PictureFacts(clipped=0.5),
    PictureFacts(left_out=0.45),
    PictureFacts(negative=True),
    *(PictureFacts(facts=frozenset({fact})) for fact in CAPS),
]


@pytest.mark.parametrize("picture", ODD)
def test_an_odd_picture_is_not_assessable_and_a_person_looks(picture: PictureFacts) -> None:
    for found in ([], [finding(BAC, 500)]):
        triage = weighed(*found, picture=picture)
        assert (triage.flag, triage.priority) == (Flag.NOT_ASSESSABLE, Priority.CHECK)


@pytest.mark.parametrize("picture", ODD)
def test_an_odd_picture_never_lowers_the_priority_of_a_microcalcification(picture: PictureFacts) -> None:
    triage = weighed(finding(MC, 10), picture=picture)
    assert (triage.flag, triage.priority) == (Flag.MC, Priority.HIGH)
    assert "count all the same" in " ".join(sentences(triage))


def test_a_small_breast_region_is_a_remark_only() -> None:
    assert weighed(picture=PictureFacts(breast_cm2=12.0)).flag is Flag.NONE


def test_rules_that_change_have_another_version() -> None:
    """A rule, a sentence, a limit was changed: give RULES_VERSION a new value, and its fingerprint here."""
    decides = (
        "RULES",
        "PICTURE_RULES",
        "PRIORITY",
        "MOSTLY_BAC_SHARE",
        "ONE_GREY",
        "CLIPPED",
        "WHOLE_BREAST_CM2",
        "LEFT_OUT",
    )
    tree = ast.parse(inspect.getsource(law))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    names = [ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0]) for node in assigned]
    text = "".join(ast.unparse(node) for name, node in zip(names, assigned, strict=True) if name in decides)
    text += str([(fact.value, *meant) for fact, meant in SCOPE.items()]) + "".join(
        inspect.getsource(part) for part in (law.flag_of, law.priority_of, law.reasons, law.Evidence, law.ImageEvidence)
    )
    assert set(decides) <= set(names)
    assert (RULES_VERSION, hashlib.sha256(text.encode()).hexdigest()[:12]) == ("10", "e7ecb80568af")
