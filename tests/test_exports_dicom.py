"""The DICOM objects, opened again by pydicom (which did not write their content) and by our own reader."""

import contextlib
import io
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtunet.__main__ import main
from mtunet.case import Calcification, Flag, Laterality, Mammogram, Truth, UnreadableImage, View
from mtunet.detection.analysis import reweigh
from mtunet.detection.components import masks
from mtunet.imaging.reading import read
from mtunet.output.drawing import COLOUR_BLIND, FIGURE_3
from mtunet.output.exports import EXPORTS, NotForThisImage, Result
from mtunet.output.exports.dicom_header import header_of
from mtunet.output.exports.dicom_source import VIEW_CODES, uid
from tests.dicoms import TOMOSYNTHESIS, dicom, drawn
from tests.drawn_results import BAC, MC, drawn_mammogram, drawn_segmentation

pytest.importorskip("highdicom", reason="highdicom is not installed (extra interop)")

from mtunet.output.exports import dicom_objects
from mtunet.output.exports.dicom_findings import FLAG_CODES

OBJECTS = ("dicom", "seg", "sr", "gsps", "cad", "sc")


@cache
def result(spacing_mm: tuple[float, float] | None = (0.1, 0.1), *, nothing: bool = False) -> Result:
    """One MC square, one arterial bar; or nothing is found. The same one each time: what is made of it is kept."""
    mammogram = drawn_mammogram(spacing_mm)
    segmentation = drawn_segmentation(mammogram)
    cuts = {MC: 1.0, BAC: 1.0} if nothing else None
    return Result("Doe_Jane.dcm", mammogram, reweigh(mammogram, segmentation, cuts), segmentation)


@cache
def exported(name: str, one: Result) -> bytes:
    """Made once for all tests; one that asks whether it is made the same again does so itself."""
    return EXPORTS[name].function(one)


def opened(name: str, one: Result) -> Any:
    return pydicom.dcmread(io.BytesIO(exported(name, one)))


def concepts(container: Any, meaning: str) -> list[Any]:
    """The content items below, at any depth, whose concept name has this meaning."""
    found = []
    for item in container.get("ContentSequence", []):
        if item.get("ConceptNameCodeSequence") and item.ConceptNameCodeSequence[0].CodeMeaning == meaning:
            found.append(item)
        found += concepts(item, meaning)
    return found


def groups(report: Any) -> list[Any]:
    return concepts(report, "Measurement Group")


def amount(group: Any, meaning: str) -> tuple[float, str]:
    (item,) = concepts(group, meaning)
    value = item.MeasuredValueSequence[0]
    return float(value.NumericValue), value.MeasurementUnitsCodeSequence[0].CodeValue


# the image


def test_the_image_is_read_back_with_its_pixels_spacing_side_and_view() -> None:
    one = result()
    back = read(EXPORTS["dicom"].function(one), "image.dcm")
    assert np.abs(back.pixels - one.mammogram.pixels).max() <= 1 / 65535
    assert back.spacing_mm == (0.1, 0.1)
    assert (back.laterality, back.view) == (Laterality.LEFT, View.CC)


def test_an_image_without_spacing_side_or_view_says_none() -> None:
    ramp = drawn_mammogram().pixels.copy()
    bare = Mammogram(ramp, None, None, None, "ab" * 32)
    back = read(EXPORTS["dicom"].function(replace(result(), mammogram=bare)), "image.dcm")
    assert (back.spacing_mm, back.laterality, back.view) == (None, None, None)


@pytest.mark.parametrize(
    ("side", "view", "down"),
    [
        (Laterality.LEFT, View.CC, "R"),
        (Laterality.RIGHT, View.MLO, "FL"),
        (Laterality.RIGHT, View.ML, "F"),
        (Laterality.RIGHT, View.SIO, "FR"),
        (Laterality.LEFT, View.SIO, "FL"),
    ],
)
def test_down_is_where_the_view_is_taken_to(side: Laterality, view: View, down: str) -> None:
    """A ray from above and lateral (SIO) lays the feet and the outer side down, one from above and medial the inner."""
    one = result()
    placed = replace(one, mammogram=replace(one.mammogram, laterality=side, view=view))
    assert opened("dicom", placed).PatientOrientation[1] == down


def test_a_placed_image_is_digital_mammography_and_others_are_secondary_captures() -> None:
    made = opened("dicom", result())
    assert made.SOPClassUID.name == "Digital Mammography X-Ray Image Storage - For Presentation"
    assert (made.PatientOrientation, made.ImagerPixelSpacing) == (["P", "R"], [0.1, 0.1])
    assert opened("dicom", result(spacing_mm=None)).SOPClassUID.name == "Secondary Capture Image Storage"


@pytest.mark.parametrize("view", View)
def test_every_view_has_its_code_and_is_read_back(view: View) -> None:
    one = result()
    mammogram = replace(one.mammogram, view=view)
    assert view in VIEW_CODES
    assert read(EXPORTS["dicom"].function(replace(one, mammogram=mammogram)), "image.dcm").view is view


# what they have in common


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_hold_no_identifier_and_say_so(name: str) -> None:
    content = exported(name, result())
    made = pydicom.dcmread(io.BytesIO(content))
    assert b"Doe" not in content  # not even the file's name
    assert str(made.PatientName) == "DE-IDENTIFIED^"
    assert made.PatientIdentityRemoved == "YES"
    assert made.PatientID.startswith("MTUNET-")
    assert (made.PatientBirthDate, made.AccessionNumber, made.StudyDate) == ("", "", "")


@pytest.mark.parametrize("name", OBJECTS[1:])
def test_objects_refer_to_the_image_that_is_exported_beside_them(name: str) -> None:
    one = result()
    image, made = opened("dicom", one), opened(name, one)
    assert made.StudyInstanceUID == image.StudyInstanceUID
    assert made.PatientID == image.PatientID
    assert made.SOPInstanceUID != image.SOPInstanceUID
    assert made.SeriesInstanceUID != image.SeriesInstanceUID
    referred = {str(e.value) for e in made.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    assert referred == {image.SOPInstanceUID}


@pytest.mark.filterwarnings("ignore:A value of type 'DT'")  # the clock below is not the one pydicom knows
@pytest.mark.parametrize("name", OBJECTS)
def test_the_same_result_gives_the_same_bytes_whatever_the_clock_says(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime as clock

    class Later(clock.datetime):
        @classmethod
        def now(cls, tz: clock.tzinfo | None = None) -> "Later":  # type: ignore[override]
            return cls(2031, 2, 3, 4, 5, 6, tzinfo=tz)

    one = result()
    first = exported(name, one)
    monkeypatch.setattr(clock, "datetime", Later)
    assert EXPORTS[name].function(one) == first


def test_uids_depend_on_what_they_name_and_on_nothing_else() -> None:
    assert uid("a", "b") == uid("a", "b")
    assert len({uid("a", "b"), uid("a", "c"), uid("ab"), uid("b", "a")}) == 4
    assert pydicom.uid.UID(uid("a")).is_valid
    assert uid("a").startswith("2.25.")


@pytest.mark.parametrize("name", OBJECTS[1:])
def test_other_thresholds_make_another_object_of_the_same_image(name: str) -> None:
    one = result()
    other = replace(one, analysis=reweigh(one.mammogram, one.segmentation, {MC: 0.5, BAC: 0.9}))
    assert opened(name, one).SOPInstanceUID != opened(name, other).SOPInstanceUID


def test_views_of_one_study_share_its_uid_and_patient() -> None:
    one = replace(result(), study="visit 7")
    drawn = drawn_mammogram()
    other = replace(one, mammogram=replace(drawn, pixels=1 - drawn.pixels))
    a, b = opened("dicom", one), opened("dicom", other)
    assert (a.StudyInstanceUID, a.PatientID) == (b.StudyInstanceUID, b.PatientID)
    assert a.SOPInstanceUID != b.SOPInstanceUID
    again = opened("dicom", replace(one, mammogram=replace(drawn, sha256="cd" * 32)))
    assert again.SOPInstanceUID == a.SOPInstanceUID  # the same picture, by another way
    elsewhere = opened("dicom", replace(one, study="visit 8"))
    assert elsewhere.SOPInstanceUID != a.SOPInstanceUID
    assert b"visit 7" not in EXPORTS["dicom"].function(one)


# segmentation


def test_the_segments_are_what_was_found_pixel_by_pixel() -> None:
    one = result()
    made = opened("seg", one)
    found = masks(one.segmentation, one.analysis.thresholds)
    frames = made.pixel_array
    assert frames.shape == (2, 600, 400)
    assert made.SegmentationType == "BINARY"
    for number, kind in enumerate(Calcification):
        assert (frames[number].astype(bool) == found[kind]).all()
        frame = made.PerFrameFunctionalGroupsSequence[number]
        assert frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number + 1


def test_the_segments_have_mammographys_codes() -> None:
    types = [s.SegmentedPropertyTypeCodeSequence[0] for s in opened("seg", result()).SegmentSequence]
    assert [(t.CodingSchemeDesignator, t.CodeValue) for t in types] == [("SCT", "129769006"), ("SCT", "129759000")]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_overlapping_segments_of_any_shape_come_back_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(64, 131, 2))  # rows × columns not always in whole bytes
    blobs = [cv2.GaussianBlur(rng.random(shape, dtype=np.float32), (0, 0), 3) for _ in Calcification]
    maps = {k: (b - b.min()) / np.ptp(b) for k, b in zip(Calcification, blobs, strict=True)}
    mammogram = Mammogram(rng.random(shape, dtype=np.float32), None, None, None, "ab" * 32)
    base = drawn_segmentation(drawn_mammogram())
    segmentation = replace(base, probability=maps, breast=np.ones(shape, np.bool_))
    one = Result("x", mammogram, reweigh(mammogram, segmentation), segmentation)
    found = masks(segmentation, one.analysis.thresholds)
    made = opened("seg", one)
    whole_bytes = shape[1] % 8 == 0
    assert (made.SegmentationType, made.BitsAllocated) == (("BINARY", 1) if whole_bytes else ("FRACTIONAL", 8))
    assert set(np.unique(made.pixel_array)) <= {0, 1 if whole_bytes else made.MaximumFractionalValue}
    frames = made.pixel_array.astype(bool)
    assert all((frames[n] == found[kind]).all() for n, kind in enumerate(Calcification))
    assert (found[MC] & found[BAC]).any()


def thin_and_holey(seed: int) -> npt.NDArray[np.bool_]:
    """64 × 64: a pixel, a diagonal of single pixels, a line, a ring, a comb and a blob, where chance has them."""
    rng, mask = np.random.default_rng(seed), np.zeros((64, 64), np.uint8)
    places = rng.integers(4, 50, (6, 2))
    (a, b), (c, d), (e, f), (g, h), (i, j), (k, m) = places.tolist()
    mask[a, b] = 1
    mask[range(c, c + 12), range(d, d + 12)] = 1
    cv2.line(mask, (e, f), (e + 11, f + int(rng.integers(0, 12))), 1, 1)
    cv2.circle(mask, (g + 5, h + 5), int(rng.integers(2, 8)), 1, 1)
    mask[i : i + 12 : 2, j : j + 10] = 1
    mask[i : i + 12, j] = 1
    cv2.ellipse(mask, (k, m), (6, 3), float(rng.integers(0, 180)), 0, 360, 1, -1)
    return mask.astype(bool)


def inside(ring: npt.NDArray[np.float64], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels with their centres in an outline of DICOM's, or on it: twice as fine, so that both are whole."""
    fine = np.zeros((2 * shape[0] + 1, 2 * shape[1] + 1), np.uint8)
    cv2.fillPoly(fine, [np.rint(2 * ring).astype(np.int32)], 1)
    return fine[1::2, 1::2].astype(bool)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([4000, 6]))
def test_the_reports_outlines_cover_the_segments_and_little_more(seed: int, most: int) -> None:
    found = {MC: thin_and_holey(seed), BAC: thin_and_holey(seed + 1)}
    mammogram = replace(drawn_mammogram(), pixels=np.full((64, 64), 0.5, np.float32))
    segmentation = replace(
        drawn_segmentation(drawn_mammogram()),
        probability={kind: mask.astype(np.float32) for kind, mask in found.items()},
        breast=np.ones((64, 64), np.bool_),
        minimum_mm2=dict.fromkeys(Calcification, 0.0),
    )
    one = Result("x", mammogram, reweigh(mammogram, segmentation), segmentation)
    frames = opened("seg", one).pixel_array.astype(bool)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dicom_objects, "MOST_POINTS", most)
        report = opened("sr", one)
    outlines: dict[str, list[npt.NDArray[np.float64]]] = {"129769006": [], "129759000": []}
    for group in groups(report)[1:]:
        (region,) = concepts(group, "Image Region")
        points = np.reshape(region.GraphicData, (-1, 2)).astype(np.float64)
        assert len(points) <= most + 1
        outlines[concepts(group, "Finding")[0].ConceptCodeSequence[0].CodeValue].append(points)
    for frame, (kind, rings) in zip(frames, zip(Calcification, outlines.values(), strict=True), strict=True):
        assert (frame == found[kind]).all()
        covered = np.any([inside(ring, frame.shape) for ring in rings], axis=0)
        assert not (frame & ~covered).any()
        if most == 4000:  # no more than the pixels that a slant cuts, and holes
            filled = np.zeros(frame.shape, np.uint8)
            cv2.drawContours(filled, cv2.findContours(frame.view(np.uint8), cv2.RETR_EXTERNAL, 2)[0], -1, 1, -1)
            assert not (covered & ~cv2.dilate(filled, np.ones((3, 3), np.uint8)).astype(bool)).any()


def test_a_type_that_was_not_found_has_an_empty_frame() -> None:
    made = opened("seg", result(nothing=True))
    assert made.pixel_array.shape == (2, 600, 400)
    assert not made.pixel_array.any()
    assert len(made.SegmentSequence) == 2


# structured report


def test_the_report_says_each_finding_with_type_size_and_outline() -> None:
    report = opened("sr", result())
    assert report.SOPClassUID.name == "Comprehensive SR Storage"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    _, mc, bac = groups(report)
    types = [concepts(g, "Finding")[0].ConceptCodeSequence[0].CodeValue for g in (mc, bac)]
    assert types == ["129769006", "129759000"]
    assert (amount(mc, "Area"), amount(bac, "Area")) == ((16.0, "mm2"), (60.0, "mm2"))
    assert amount(bac, "Certainty of Finding") == (pytest.approx(80), "%")
    (region,) = concepts(mc, "Image Region")
    points = np.reshape(region.GraphicData, (-1, 2))
    assert (points.min(axis=0), points.max(axis=0)) == (pytest.approx((50, 100)), pytest.approx((90, 140)))
    assert (points[0] == points[-1]).all()


def test_the_report_measures_in_pixels_where_the_file_has_no_spacing() -> None:
    _, mc, _ = groups(opened("sr", result(spacing_mm=None)))
    assert amount(mc, "Area") == (1600.0, "{pixels}")
    assert amount(mc, "Length")[1] == "{pixels}"


def test_the_report_says_flag_share_reasons_and_what_it_is_not_for() -> None:
    report = opened("sr", result())
    whole = groups(report)[0]
    assert concepts(whole, "Triage flag")[0].ConceptCodeSequence[0].CodeValue == "MOSTLY_BAC_MC"
    share, unit = amount(whole, "Percentage of Vascular Calcification")
    assert (share, unit) == (pytest.approx(100 * 60 / 76, rel=1e-4), "%")
    said = concepts(whole, "Comment")[0].TextValue
    assert "but microcalcifications are left" in said
    assert "not for clinical use" in said
    assert report.VerificationFlag == "UNVERIFIED"


def test_every_flag_has_a_code_of_its_own() -> None:
    assert set(FLAG_CODES) == set(Flag)
    assert len({code.value for code in FLAG_CODES.values()}) == len(Flag)
    assert all(len(code.value) <= 16 and len(code.meaning) <= 64 for code in FLAG_CODES.values())


def test_the_report_of_an_image_without_findings_says_so() -> None:
    (whole,) = groups(opened("sr", result(nothing=True)))
    assert not concepts(whole, "Percentage of Vascular Calcification")  # of nothing, no share
    assert "No microcalcification" in concepts(whole, "Comment")[0].TextValue


def test_the_report_describes_its_image_and_the_codes_of_its_own() -> None:
    report = opened("sr", result())
    said = {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in concepts_below(report, "Image Library")}
    assert said["Image Laterality"].ConceptCodeSequence[0].CodeMeaning == "Left"
    assert said["Image View"].ConceptCodeSequence[0].CodeValue == "399162004"
    assert (said["Patient Orientation Row"].TextValue, said["Patient Orientation Column"].TextValue) == ("P", "R")
    assert float(said["Vertical Pixel Spacing"].MeasuredValueSequence[0].NumericValue) == 0.1
    assert report.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99MTUNET"


def test_findings_have_tracking_uids_of_their_own_and_the_same_again() -> None:
    uids = [str(concepts(g, "Tracking Unique Identifier")[0].UID) for g in groups(opened("sr", result()))]
    assert len(set(uids)) == len(uids) == 3
    assert uids == [str(concepts(g, "Tracking Unique Identifier")[0].UID) for g in groups(opened("sr", result()))]


def test_each_object_has_a_series_of_its_own() -> None:
    assert len({opened(name, result()).SeriesInstanceUID for name in OBJECTS}) == len(OBJECTS)


def test_the_segments_have_spacing_and_the_plane_that_viewers_ask_for() -> None:
    groups_of_all = opened("seg", result()).SharedFunctionalGroupsSequence[0]
    assert groups_of_all.PixelMeasuresSequence[0].PixelSpacing == [0.1, 0.1]
    assert groups_of_all.PlaneOrientationSequence[0].ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    bare = opened("seg", result(spacing_mm=None)).SharedFunctionalGroupsSequence[0]
    assert "PixelMeasuresSequence" not in bare


# mammography CAD report


def concepts_below(report: Any, meaning: str) -> list[Any]:
    (top,) = concepts(report, meaning)

    def walk(container: Any) -> list[Any]:
        found = []
        for one in container.get("ContentSequence", []):
            found += [one] * ("ConceptNameCodeSequence" in one) + walk(one)
        return found

    return walk(top)


def outline(container: Any) -> list[Any]:
    """[relation, type, concept, value or items below], by the codes' values."""
    found = []
    for one in container.get("ContentSequence", []):
        if "ReferencedContentItemIdentifier" in one:
            found.append([one.RelationshipType, "by reference", list(one.ReferencedContentItemIdentifier)])
            continue
        name = one.ConceptNameCodeSequence[0].CodeValue if "ConceptNameCodeSequence" in one else ""
        value = one.ConceptCodeSequence[0].CodeValue if one.ValueType == "CODE" else ""
        found.append([one.RelationshipType, one.ValueType, name, value, outline(one)])
    return found


def only(kinds: tuple[Calcification, ...]) -> Result:
    """Of some specks."""
    one = result()
    findings = tuple(replace(finding, specks=7) for finding in one.analysis.findings if finding.type in kinds)
    return replace(one, analysis=replace(one.analysis, findings=findings))


ALGORITHM = [["HAS PROPERTIES", "TEXT", name, "", []] for name in ("111001", "111003", *["111002"] * 5)]
INTENT = ["HAS CONCEPT MOD", "CODE", "111056", "111150", []]
AT_IMAGE = ["SELECTED FROM", "by reference", [1, 2, 1]]


@pytest.mark.parametrize("kinds", [(), (MC,), (BAC,), (MC, BAC)], ids=["none", "MC", "BAC", "both"])
def test_the_cad_report_is_the_tree_of_its_template(kinds: tuple[Calcification, ...]) -> None:
    made = opened("cad", only(kinds))
    assert made.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.50"
    assert made.ContentTemplateSequence[0].TemplateIdentifier == "4000"
    assert made.ConceptNameCodeSequence[0].CodeValue == "111036"
    language, library, summary, detections, analyses = outline(made)
    assert language == ["HAS CONCEPT MOD", "CODE", "121049", "en", []]
    assert library[:3] == ["CONTAINS", "CONTAINER", "111028"]
    ((relation, kind, _, _, described),) = library[4]
    assert (relation, kind) == ("CONTAINS", "IMAGE")
    assert [one[2] for one in described] == ["111027", "111031", "111044", "111043", "111026", "111066"]
    (image,) = concepts(made, "Image Library")[0].ContentSequence
    sizes = [one.MeasuredValueSequence[0] for one in image.ContentSequence if one.ValueType == "NUM"]
    assert [(one.NumericValue, one.MeasurementUnitsCodeSequence[0].CodeValue) for one in sizes] == [(100, "um")] * 2
    assert summary[:4] == ["CONTAINS", "CODE", "111017", "111242" if kinds else "111241"]
    assert [impression[:3] for impression in summary[4]] == [["INFERRED FROM", "CONTAINER", "111034"]] * len(kinds)
    for impression, type_of in zip(summary[4], kinds, strict=True):
        intent, (relation, kind, name, value, properties) = impression[4]
        assert intent == INTENT
        single = {MC: "129769006", BAC: "129770007"}[type_of]
        assert (relation, kind, name, value) == ("CONTAINS", "CODE", "111059", single)
        vascular = {MC: "44771000", BAC: "129759000"}[type_of]
        assert properties[:1] == [INTENT]
        assert properties[1:8] == ALGORITHM
        assert properties[8:12] == [
            ["HAS PROPERTIES", "NUM", "111012", "", []],
            ["HAS PROPERTIES", "SCOORD", "111010", "", [AT_IMAGE]],
            ["HAS PROPERTIES", "SCOORD", "111041", "", [AT_IMAGE]],
            ["HAS PROPERTIES", "CODE", "111009", vascular, []],
        ]
        assert properties[12:] == {MC: [["HAS PROPERTIES", "NUM", "111038", "", []]], BAC: []}[type_of]
    assert detections[:4] == ["CONTAINS", "CODE", "111064", "111222"]
    ((relation, kind, name, _, performed),) = detections[4]
    assert (relation, kind, name) == ("INFERRED FROM", "CONTAINER", "111063")
    assert [one[:4] for one in performed] == [["CONTAINS", "CODE", "111022", v] for v in ("129769006", "129770007")]
    assert analyses == ["CONTAINS", "CODE", "111065", "111225", []]


def test_what_could_not_be_assessed_is_never_called_without_findings() -> None:
    one = only(())
    triage = replace(one.analysis.triage, flag=Flag.NOT_ASSESSABLE)
    *_, summary, detections, _ = outline(opened("cad", replace(one, analysis=replace(one.analysis, triage=triage))))
    assert (summary[3], detections[3], detections[4][0][2]) == ("111245", "111224", "111025")


def test_without_side_or_view_there_is_no_cad_report_and_it_is_said() -> None:
    one = result()
    with pytest.raises(NotForThisImage, match="not known: side, orientation"):
        EXPORTS["cad"].function(replace(one, mammogram=replace(one.mammogram, laterality=None)))
    assert "side and view" in EXPORTS["cad"].unfit(None, View.CC)
    assert EXPORTS["cad"].unfit(Laterality.LEFT, View.CC) == EXPORTS["sr"].unfit(None, None) == ""


def test_the_picture_shows_the_contours_and_what_it_is_not_for() -> None:
    made = opened("sc", result())
    pixels = made.pixel_array
    assert (made.PhotometricInterpretation, made.BurnedInAnnotation) == ("RGB", "YES")
    assert pixels.shape[0] > 600
    assert pixels.shape[2] == 3
    assert (pixels[100:141, 50:91] == FIGURE_3["mc"].colour).all(axis=2).sum() > 100


# presentation state


def lab_of(colour: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    """CIELab as DICOM stores it (PS3.3 C.10.7.1.1), by OpenCV."""
    lightness, a, b = cv2.cvtColor(np.float32([[colour]]) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    return np.array([lightness / 100 * 65535, (a + 128) / 255 * 65535, (b + 128) / 255 * 65535])


@pytest.mark.parametrize("palette", [FIGURE_3, COLOUR_BLIND], ids=["figure 3", "colour-blind"])
def test_each_colour_is_a_layer(palette: Any) -> None:
    one = result()
    truth = Truth(masks(one.segmentation, one.analysis.thresholds), "drawn")
    layers = opened("gsps", replace(one, truth=truth, palette=palette)).GraphicLayerSequence
    named = {layer.GraphicLayer: layer.GraphicLayerRecommendedDisplayCIELabValue for layer in layers}
    assert set(named) == {"NOTE", "MC", "BAC", "TRUTH_MC", "TRUTH_BAC"}
    for name, stroke in palette.items():
        assert np.abs(np.array(named[name.upper()]) - lab_of(stroke.colour)).max() < 0.02 * 65535


def test_contours_stand_where_the_finding_is_with_its_name_beside() -> None:
    made = opened("gsps", result())
    by_layer = {a.GraphicLayer: a for a in made.GraphicAnnotationSequence}
    (outline,) = by_layer["MC"].GraphicObjectSequence
    points = np.reshape(outline.GraphicData, (-1, 2))
    assert (points.min(axis=0), points.max(axis=0)) == (pytest.approx((50, 100)), pytest.approx((90, 140)))
    assert (outline.GraphicType, outline.GraphicAnnotationUnits) == ("POLYLINE", "PIXEL")
    assert by_layer["MC"].TextObjectSequence[0].UnformattedTextValue == "MC 1"
    assert by_layer["BAC"].TextObjectSequence[0].UnformattedTextValue == "BAC 2"
    assert "not for clinical use" in by_layer["NOTE"].TextObjectSequence[0].UnformattedTextValue


def test_without_findings_the_presentation_state_has_its_note_alone() -> None:
    made = opened("gsps", result(nothing=True))
    assert [a.GraphicLayer for a in made.GraphicAnnotationSequence] == ["NOTE"]


@pytest.mark.parametrize("name", ["sr", "gsps"])
def test_an_outline_too_long_for_dicom_is_thinned_and_stays_in_place(name: str) -> None:
    turn = np.linspace(0, 2 * np.pi, 30_000, endpoint=False)
    radius = 100 + 0.4 * np.random.default_rng(1).standard_normal(turn.size)
    long = tuple(zip((200 + radius * np.cos(turn)).tolist(), (300 + radius * np.sin(turn)).tolist(), strict=True))
    one = result()
    finding = replace(one.analysis.findings[0], contour=long)
    made = opened(name, replace(one, analysis=replace(one.analysis, findings=(finding,))))
    (data,) = [e.value for e in made.iterall() if e.keyword == "GraphicData"]
    points = np.reshape(data, (-1, 2)) - 0.5
    assert len(points) <= 4001
    away = np.abs(np.hypot(points[:, 0] - 200, points[:, 1] - 300) - 100)
    assert away.max() < 3


# going back to the archive it came from, when asked


def original(**tags: Any) -> bytes:
    """A mammogram as a hospital sends it."""
    uids = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.5"}
    usual = {"PatientName": "Doe^Jane", "PatientID": "42", "WindowCenter": 2047.5, "WindowWidth": 4095}
    usual |= {"ImageLaterality": "R", "ViewPosition": "CC"}
    stored = 4095 - drawn() if tags.get("PhotometricInterpretation") == "MONOCHROME1" else drawn()
    return dicom(stored, **{**tags, **uids, **usual, **tags})


@cache
def from_original(data: bytes) -> Result:
    mammogram = read(data, "x.dcm")
    base = drawn_segmentation(drawn_mammogram())
    nothing = {kind: np.zeros(mammogram.shape, np.float32) for kind in Calcification}
    nothing[MC][20:40, 20:40] = 0.9
    segmentation = replace(base, probability=nothing, breast=np.ones(mammogram.shape, np.bool_))
    origin = header_of(data, mammogram.shape).dataset
    return Result("x.dcm", mammogram, reweigh(mammogram, segmentation), segmentation, origin=origin)


@pytest.mark.parametrize("name", OBJECTS[1:])
def test_asked_for_objects_belong_to_the_original_study_and_instance(name: str) -> None:
    data = original()
    source, made = pydicom.dcmread(io.BytesIO(data)), opened(name, from_original(data))
    assert (str(made.PatientName), made.PatientID, made.StudyInstanceUID) == ("Doe^Jane", "42", "1.2.3")
    referred = {str(e.value) for e in made.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    assert referred == {source.SOPInstanceUID}
    assert "PatientIdentityRemoved" not in made


@pytest.mark.parametrize("name", OBJECTS[1:])
@pytest.mark.parametrize(
    ("letters", "patient"),
    [(None, "Doe^Jane"), ("ISO_IR 100", "Müller^Jörg"), (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎")],
)
def test_names_in_other_letters_stay_themselves(name: str, letters: Any, patient: str) -> None:
    tags = {"SpecificCharacterSet": letters} if letters else {}
    made = opened(name, from_original(original(**tags, PatientName=patient)))
    assert str(made.PatientName) == patient
    assert made.SpecificCharacterSet == "ISO_IR 192"


def test_the_image_itself_is_de_identified_even_then() -> None:
    assert b"Doe" not in EXPORTS["dicom"].function(from_original(original()))


def test_what_is_no_dicom_image_of_that_shape_has_no_origin() -> None:
    data = original()
    assert header_of(data, (1, 1)).dataset is None
    assert header_of(b"\x89PNG", (96, 80)).dataset is None
    assert header_of(data[:200], (96, 80)).dataset is None


def test_a_bad_value_of_the_original_costs_itself_alone() -> None:
    bad: list[tuple[str, str, str | None]] = [
        ("PatientBirthDate", "00000000", ""),
        ("PatientBirthDate", "1956", ""),
        ("PatientBirthDate", "ANON", ""),
        ("PatientBirthDate", "19560231", ""),
        ("StudyDate", "20100101-20110101", ""),
        ("StudyTime", "25:61", ""),
        ("StudyTime", "101112.5", "101112.5"),
        ("PatientSex", "F ", "F"),
        ("PatientSex", "female", ""),
        ("PatientAge", "56", None),
        ("PatientSize", "tall", None),
        ("PatientWeight", "61.234567890123456789", "61.2345678901"),
        ("AccessionNumber", "A" * 40, "A" * 16),
        ("PatientID", "42\\43", "42"),
        ("StudyID", "1\x07 ", "1"),
        ("PatientName", "Doe^" + "Jane" * 30, ("Doe^" + "Jane" * 30)[:64]),
        ("PatientIdentityRemoved", "YES", None),
        ("TimezoneOffsetFromUTC", "+0100", None),
    ]
    for number, each in enumerate(bad):
        dataset = pydicom.dcmread(io.BytesIO(original()))
        _put_raw(dataset, *each[:2])
        written = io.BytesIO()
        dataset.save_as(written)
        header = header_of(written.getvalue(), (96, 80)).dataset
        _is_kept(header, *each)
        assert str(header.PatientName).startswith("Doe")
        if number < 5:  # values of five files, each bad in other attributes, through every format
            together = {one[0]: one for one in bad[number::5]}
            for one in together.values():
                _put_raw(dataset, *one[:2])
            written = io.BytesIO()
            dataset.save_as(written)
            found = from_original(written.getvalue())
            for name in OBJECTS[1:]:
                made = opened(name, found)
                assert str(made.PatientName).startswith("Doe")
                for one in together.values():
                    _is_kept(made, *one)


def _put_raw(dataset: pydicom.Dataset, keyword: str, sent: str) -> None:
    vr = pydicom.datadict.dictionary_VR(keyword)
    dataset[keyword] = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag(keyword), vr, len(sent), sent.encode(), 0, False, True
    )


def _is_kept(made: Any, keyword: str, sent: str, kept: str | None) -> None:
    found = made.get(keyword)
    assert (None if found is None else str(found)) == (kept or "" if keyword in made else None), keyword
    assert keyword in made or not kept


@pytest.mark.parametrize("uid_name", ["StudyInstanceUID", "SOPInstanceUID"])
def test_without_a_uid_to_refer_by_it_is_said_which_one(uid_name: str) -> None:
    for bad in ("", "1.2.3a", "1." * 40 + "1"):
        header = header_of(original(**{uid_name: bad}), (96, 80))
        assert header.dataset is None
        assert uid_name in header.notes[0]


def test_a_slice_of_one_frame_is_referred_to_as_what_it_is() -> None:
    data = original(SOPClassUID=TOMOSYNTHESIS, NumberOfFrames=1)
    plain = from_original(original())
    one = replace(plain, origin=header_of(data, (96, 80)).dataset)
    for name in OBJECTS[1:]:
        referred = {str(e.value) for e in opened(name, one).iterall() if e.keyword == "ReferencedSOPClassUID"}
        assert TOMOSYNTHESIS in referred


# what a viewer shows by the presentation state


@pytest.mark.skipif(shutil.which("dcmp2pgm") is None, reason="dcmtk is not installed")
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"WindowCenter": [1000, 2000], "WindowWidth": [1500, 4000], "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2000, "WindowWidth": 3000, "RescaleSlope": 2, "RescaleIntercept": -10, "RescaleType": "US"},
        {"WindowCenter": 9000, "WindowWidth": 100, "PixelPaddingValue": 0},
        {"PresentationIntentType": "FOR PROCESSING"},
    ],
    ids=["window", "sigmoid", "rescale", "padding", "processing"],
)
def test_dcmtk_shows_by_the_state_what_the_reader_showed(
    photometric: str, tags: dict[str, Any], tmp_path: Path
) -> None:
    data = original(PhotometricInterpretation=photometric, **tags)
    one = from_original(data)
    image, state, shown = (tmp_path / name for name in ("image.dcm", "state.dcm", "shown.pgm"))
    image.write_bytes(data)
    state.write_bytes(EXPORTS["gsps"].function(one))
    subprocess.run(["dcmp2pgm", "-p", state, image, shown], check=True, capture_output=True)
    picture = cv2.imread(str(shown), cv2.IMREAD_UNCHANGED) / 255
    assert np.abs(picture - one.mammogram.pixels).max() <= 1 / 255
    made = pydicom.dcmread(state)
    assert made.PresentationLUTShape == ("INVERSE" if photometric == "MONOCHROME1" else "IDENTITY")


@pytest.mark.shared
@pytest.mark.skipif(shutil.which("dcmp2pgm") is None, reason="dcmtk is not installed")
@pytest.mark.parametrize("name", ["MG1_JPLY", "MG1_J2KI"])
def test_of_the_same_decoded_values_dcmtk_shows_what_the_reader_showed(shared: Path, tmp_path: Path, name: str) -> None:
    """dcmtk opens neither file as it is. Its decoder of lossy JPEG and ours differ, by up to two steps of 4,096."""
    file = shared / "real" / "nema_mg1" / name
    copy, part = tmp_path / "copy.dcm", np.s_[1800:2600, :600]
    if name == "MG1_JPLY":
        subprocess.run(["dcmdjpeg", file, copy], check=True, capture_output=True)
        decoded = pydicom.dcmread(copy)
    else:
        decoded = pydicom.dcmread(file)
        decoded.decompress()
    stored = np.ascontiguousarray(decoded.pixel_array[part])
    decoded.PixelData, (decoded.Rows, decoded.Columns) = stored.tobytes(), stored.shape
    decoded.save_as(copy)
    one = from_original(copy.read_bytes())
    if name == "MG1_JPLY":
        ours = read(file.read_bytes(), name).pixels[part]
        assert 0 < np.rint(4094 * np.abs(one.mammogram.pixels - ours)).max() <= 2
    state, shown = tmp_path / "state.dcm", tmp_path / "shown.pgm"
    state.write_bytes(EXPORTS["gsps"].function(one))
    subprocess.run(["dcmp2pgm", "-p", state, copy, shown], check=True, capture_output=True)
    picture = cv2.imread(str(shown), cv2.IMREAD_UNCHANGED) / 255
    assert np.abs(picture - one.mammogram.pixels).max() <= 1 / 255


# by the programs of others


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("which", ["without identifiers", "nothing found", "no spacing", "identified"])
def test_independent_validators_find_no_error_in_an_images_objects_one_by_one_and_together(
    which: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = from_original(original()) if which == "identified" else result()
    one = {"nothing found": result(nothing=True), "no spacing": result(None)}.get(which, one)
    names = OBJECTS[1:] if which == "identified" else OBJECTS
    for name in names:
        (tmp_path / f"{name}.dcm").write_bytes(exported(name, one))
    assert main(["check", *(str(tmp_path / f"{name}.dcm") for name in names)]) == 0
    assert "Error" not in capsys.readouterr().out


def test_the_check_says_what_is_wrong_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dicom3tools is not installed")
    broken = opened("seg", result())
    del broken.SegmentSequence
    broken.save_as(tmp_path / "broken.dcm")
    (tmp_path / "text.dcm").write_text("no DICOM")
    assert main(["check", str(tmp_path / "broken.dcm"), str(tmp_path / "text.dcm")]) == 1
    said = capsys.readouterr()
    assert "dciodvfy: Error" in said.out
    assert "no DICOM file" in said.out
    assert "2 files, 2 with something wrong." in said.err


SHARED = Path(__file__).parents[2] / "shared"
REAL = [*sorted(SHARED.glob("real/**/*.dcm")), *sorted(SHARED.glob("reported/identified*.dcm"))]


@pytest.mark.shared
@pytest.mark.skipif(not REAL or shutil.which("dciodvfy") is None, reason="no real files, or no dicom3tools")
@pytest.mark.parametrize("file", REAL, ids=lambda file: file.name)
def test_objects_of_real_files_pass_the_check(file: Path, tmp_path: Path) -> None:
    try:
        nameless = from_original(file.read_bytes())
    except UnreadableImage:
        return
    for one in (nameless, replace(nameless, origin=None)):
        made = []
        for name in OBJECTS[0 if one.origin is None else 1 :]:
            with contextlib.suppress(NotForThisImage):
                content = EXPORTS[name].function(one)
                made.append(tmp_path / f"{name}.dcm")
                made[-1].write_bytes(content)
        assert main(["check", *map(str, made)]) == 0
