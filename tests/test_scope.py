"""What the flag may say: each header or picture that the models were not made for caps it, and shows as a badge
wherever the result does; what contradicts itself is said.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pypdfium2
import pytest

from mtunet.case import Box, Calcification, Finding, Flag, Laterality, Mammogram, Priority, Reason, Segmentation, View
from mtunet.case.scope import SCOPE, Effect, Fact
from mtunet.detection.analysis import reweigh
from mtunet.detection.analysis_json import to_json
from mtunet.detection.breast import looked_at, picture_of, turned
from mtunet.detection.mc_score import fit, region_score, scores
from mtunet.detection.models import DEFAULT_MODEL, MODELS
from mtunet.detection.triage import BADGES, Evidence, scope_of, weigh
from mtunet.imaging.reading import read
from mtunet.output.exports import EXPORTS
from mtunet.output.exports.result import Result
from mtunet.store import studies, worklist
from mtunet.store.images import Store
from mtunet.store.worklist import ANY_BADGE, Order, Query
from mtunet.study.bac import measure, repeat_error
from tests.dicoms import MG_FOR_PROCESSING, dicom, drawn, item
from tests.drawn_analysis import written
from tests.drawn_results import drawn_mammogram, drawn_segmentation
from tests.test_reading_shared import SHARED

MC = Calcification.MICRO
L, R = Laterality.LEFT, Laterality.RIGHT
IMAGE = drawn()


def view(code: str, *modifiers: str) -> dict[str, Any]:
    """Of View Code Sequence."""
    inside = [item(CodeValue=modifier, CodeMeaning="x") for modifier in modifiers]
    return {"ViewCodeSequence": [item(CodeValue=code, CodeMeaning="x", ViewModifierCodeSequence=inside)]}


CC = "399162004"
CAPPED: dict[str, tuple[dict[str, Any], str]] = {
    "a magnification view": (view(CC, "399163009"), "Magnification view"),
    "magnified, by its factor": ({"EstimatedRadiographicMagnificationFactor": 1.8}, "Magnification view"),
    "a spot view": (view(CC, "399055006"), "Spot view"),
    "a specimen": (view("127457009"), "Specimen"),
    "a stereo frame": ({"ImageType": ["ORIGINAL", "PRIMARY", "STEREO_MINUS"]}, "Stereo biopsy"),
    "stereo by its description": ({"StudyDescription": "Stereotaxie links, STEREO"}, "Stereo biopsy"),
    "an implant": ({"BreastImplantPresent": "YES"}, "Implant"),
    "an implant displaced": (view(CC, "399209000"), "Implant displaced"),
    "a contrast subtraction": (
        {"ImageType": ["DERIVED", "PRIMARY", "POST_CONTRAST", "SUBTRACTION"]},
        "Contrast subtraction",
    ),
    "a part of the breast": ({"PartialView": "YES"}, "Part of a breast"),
    "raw": ({"SOPClassUID": MG_FOR_PROCESSING, "PresentationIntentType": "FOR PROCESSING"}, "Raw image"),
}


def capped(mammogram: Mammogram) -> tuple[Flag, Priority, list[str]]:
    triage = weigh((), picture_of(mammogram, looked_at(mammogram.pixels)))
    return triage.flag, triage.priority, [BADGES[name] for name in scope_of(triage.reasons)]


@pytest.mark.parametrize("what", CAPPED)
def test_what_the_models_were_not_made_for_is_never_routine_and_has_a_badge(what: str) -> None:
    tags, badge = CAPPED[what]
    flag, priority, badges = capped(read(dicom(IMAGE, ImageLaterality="L", **tags), "x"))
    assert (flag, priority) == (Flag.NOT_ASSESSABLE, Priority.CHECK)
    assert badge in badges


def test_a_phantom_of_quality_control_is_refused() -> None:
    for tag in ("QualityControlImage", "QualityControlSubject"):
        with pytest.raises(ValueError, match="test object"):
            read(dicom(IMAGE, **{tag: "YES"}), "x")


def test_a_negative_is_capped_and_says_so() -> None:
    mammogram = Mammogram(np.full((64, 64), 0.5, np.float32), None, None, None, "a" * 64)
    triage = weigh((), replace(picture_of(mammogram, looked_at(mammogram.pixels)), breast_found=True, negative=True))
    assert (triage.flag, BADGES["negative"] in [BADGES[name] for name in scope_of(triage.reasons)]) == (
        Flag.NOT_ASSESSABLE,
        True,
    )


def test_every_cap_and_every_warning_has_a_badge() -> None:
    for fact, meaning in SCOPE.items():
        assert (fact.value in BADGES) == bool(meaning.badge)
        assert meaning.badge or meaning.effect is not Effect.CAP


@pytest.mark.skipif(not SHARED.exists(), reason="the real mammograms are not here")
def test_the_stereo_frame_of_a_real_system_is_no_routine() -> None:
    file = SHARED / "real" / "siemens_stereo" / "OutOfBoundsOverlay.dcm"
    flag, priority, badges = capped(read(file.read_bytes(), file.name))
    assert (flag, priority) == (Flag.NOT_ASSESSABLE, Priority.CHECK)
    assert "Stereo biopsy" in badges


# Conflicts


def test_what_contradicts_itself_is_said_and_leaves_the_flag() -> None:
    said = {
        "Side or view in doubt": dicom(IMAGE, ViewPosition="MLO", **view(CC)),
        "Greys in doubt": dicom(
            IMAGE,
            PhotometricInterpretation="MONOCHROME1",
            PresentationLUTShape="IDENTITY",
            WindowCenter=2048,
            WindowWidth=4096,
        ),
    }
    for badge, file in said.items():
        flag, _, badges = capped(read(file, "x"))
        assert badge in badges
        assert flag is not Flag.NOT_ASSESSABLE


@pytest.mark.parametrize(
    ("side", "mirrored", "toward", "doubt"),
    [
        (L, False, "A", False),
        (L, True, "A", True),
        (L, True, None, True),
        (R, True, None, False),
        (L, True, "P", False),
    ],
)
def test_a_breast_that_lies_as_the_other_one_is_said_unless_the_file_says_it(
    side: Laterality, mirrored: bool, toward: str | None, doubt: bool
) -> None:
    pixels = IMAGE[:, ::-1].copy() if mirrored else IMAGE
    orientation = {"PatientOrientation": [toward, "R" if side is L else "L"]} if toward else {}
    mammogram = read(dicom(pixels, ImageLaterality=side.value, ViewPosition="CC", **orientation), "x")
    assert turned(mammogram, looked_at(mammogram.pixels).breast) is doubt


def test_a_spot_view_lies_as_it_likes() -> None:
    mammogram = read(dicom(IMAGE[:, ::-1].copy(), ImageLaterality="L", **view(CC, "399055006")), "x")
    assert not turned(mammogram, looked_at(mammogram.pixels).breast)


# Where a badge shows: queue, filter, exports


def put(store: Store, sha256: str, *reasons: tuple[str, str], facts: frozenset[Fact] = frozenset(), mc: int = 0) -> str:
    mammogram = replace_sha(drawn_mammogram(), sha256, facts)
    store.add_image(mammogram, f"{sha256[0]}.dcm", "upload")
    analysis = written([("mc", 300, 3.0)] * mc, flag="none", priority="routine", reasons=reasons)
    store.add_analysis(sha256, DEFAULT_MODEL, MODELS[DEFAULT_MODEL].sha256, scored(analysis), 0)
    found = studies.study_of(store, sha256)
    assert found is not None
    return found.id


def scored(analysis: dict[str, Any]) -> dict[str, Any]:
    analysis["provenance"]["weights_sha256"] = fit().weights_sha256
    return analysis


def replace_sha(mammogram: Mammogram, sha256: str, facts: frozenset[Fact]) -> Mammogram:
    return Mammogram(mammogram.pixels, mammogram.spacing_mm, L, View.CC, sha256, (), facts)


def test_a_badge_is_in_the_row_the_filter_and_the_queue_before_and_after_analysis(store: Store) -> None:
    plain = put(store, "a" * 64, ("no_calcification", "Nothing."))
    spot = put(store, "b" * 64, ("no_calcification", "Nothing."), facts=frozenset({Fact.SPOT}))
    store.add_image(replace_sha(drawn_mammogram(), "c" * 64, frozenset({Fact.RAW})), "c.dcm", "upload")
    rows = {row.id: row for row in worklist.rows(store, Query())}
    assert (rows[plain].triage.scope, rows[spot].triage.scope) == ((), ("spot",))
    assert rows[spot].triage.flag is Flag.NOT_ASSESSABLE  # though it was analysed under older rules
    assert [row.id for row in worklist.rows(store, Query(scope="spot"))] == [spot]
    assert worklist.count(store, Query(scope=ANY_BADGE)) == 2
    assert worklist.badges(store) == ("spot", "raw")
    assert worklist.rows(store, Query())[0].id == spot  # a person looks at it before what is routine


def test_a_person_who_has_looked_settles_the_side(store: Store) -> None:
    study = put(store, "a" * 64, ("turned", "Mirrored."), facts=frozenset({Fact.CONTRADICTION, Fact.LOSSY}))
    [row] = worklist.rows(store, Query())
    assert row.triage.scope == ("contradiction", "turned")
    studies.set_placement(store, "a" * 64, L, View.CC, "Ada")
    [row] = worklist.rows(store, Query())
    assert (row.id, row.triage.scope) == (study, ())
    assert row.views[0].image.facts == {Fact.LOSSY}
    written_now = store.analysis("a" * 64, DEFAULT_MODEL, MODELS[DEFAULT_MODEL].sha256)
    assert written_now is not None
    assert written_now["triage"]["reasons"] == []


def test_exports_carry_the_badge() -> None:
    mammogram = replace(drawn_mammogram(), facts=frozenset({Fact.MAGNIFICATION}))
    segmentation = drawn_segmentation(mammogram)
    result = Result("x.dcm", mammogram, reweigh(mammogram, segmentation), segmentation)
    assert to_json(result.analysis, file="x")["triage"]["scope"] == ["magnification"]
    assert b",magnification," in EXPORTS["csv"].function(result)
    text = pdf_words(EXPORTS["pdf"].function(result))
    assert "Magnification view" in text
    assert "the models were not made for it" in text


def pdf_words(file: bytes) -> str:
    pages = pypdfium2.PdfDocument(file)
    return " ".join(page.get_textpage().get_text_range() for page in pages).replace("\r\n", " ")


# The skin line, repeats, the score


def test_the_skin_line_makes_no_grade() -> None:
    mammogram = drawn_mammogram()
    segmentation = drawn_segmentation(mammogram)
    rows, columns = mammogram.shape
    breast = np.zeros((rows, columns), bool)
    breast[:, : columns // 2] = True
    along = np.zeros((rows, columns), np.float32)
    along[2:-2, columns // 2 - 12 : columns // 2 - 8] = 0.99  # 1 mm under the outline, of 0.1 mm pixels
    probability = {MC: np.zeros_like(along), Calcification.ARTERIAL: along}
    found: Segmentation = replace(segmentation, breast=breast, probability=probability, minimum_track_mm2=0.0)
    analysis = reweigh(mammogram, found)
    assert [one.below for one in analysis.below] == ["along the skin"]
    amount = measure(mammogram, found, analysis)
    assert (amount.area_px, amount.grade, analysis.findings) == (0, 0, ())


def test_repeats_differ_by_no_less_than_19_of_20_pairs_that_were_measured() -> None:
    low, high = repeat_error().band
    assert low < 0.79 < 1.27 < high  # the same exposures with other gain, noise and a crop: −21 %
    assert repeat_error().farthest > 0


def region(probability: float, mm2: float, specks: int) -> Finding:
    area_px = round(mm2 / 0.01)
    return Finding(1, MC, ((0, 0), (1, 0), (1, 1)), Box(0, 0, 1, 1), area_px, mm2, 1.0, None, specks, probability)


def test_a_large_cluster_ranks_before_a_dot_and_nothing_lowers_a_score(store: Store) -> None:
    dot, cluster = region(0.9, 2.0, 2), region(0.95, 377.0, 20)
    assert region_score(dot, 0.01) < region_score(cluster, 0.01) <= 100
    for more in (replace(dot, probability=0.97), replace(dot, area_mm2=9.0), replace(dot, specks=9)):
        assert region_score(more, 0.01) >= region_score(dot, 0.01)
    small = put(store, "a" * 64, mc=1)
    store.add_image(replace_sha(drawn_mammogram(), "b" * 64, frozenset()), "b.dcm", "upload")
    large = scored(written([("mc", 37_700, 377.0)]))
    store.add_analysis("b" * 64, DEFAULT_MODEL, MODELS[DEFAULT_MODEL].sha256, large, 0)
    rows = worklist.rows(store, Query())
    assert [row.id == small for row in rows] == [False, True]  # though it came first
    assert [row.triage.score for row in rows] == sorted((row.triage.score for row in rows), reverse=True)
    assert [row.id for row in worklist.rows(store, Query(order=Order.SCORE))] == [row.id for row in rows]


def test_the_score_is_of_the_shipped_model_and_says_what_it_means() -> None:
    assert fit().weights_sha256 == MODELS[DEFAULT_MODEL].sha256, "run python -m benchmarks.mc_score --write again"
    assert "phantoms" in fit().source
    assert "no chance of cancer" in fit().explained
    assert fit().weighed in fit().explained
    assert replace(fit(), weights=(0.0, 2.0, 0.0)).weighed == "area alone"
    assert replace(fit(), weights=(1.0, 2.0, 0.0)).weighed == "probability and area"
    assert replace(fit(), weights=(1.0, 2.0, 3.0)).weighed == "probability, area and specks"
    assert min(fit().weights) >= 0


def test_another_network_has_no_score() -> None:
    mammogram = drawn_mammogram()
    analysis = reweigh(mammogram, drawn_segmentation(mammogram))
    assert scores(analysis) == {}
    assert Evidence(()).score is None
    assert Reason("turned", "").rule in BADGES
