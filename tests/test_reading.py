"""Reading DICOM: every transfer syntax gives the drawn pixels, and brightness is turned round exactly once."""

import hashlib
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from mtunet.case import Laterality, Mammogram, Refusal, UnreadableImage, View
from mtunet.imaging.decoding import worker
from mtunet.imaging.dicom import pixels
from mtunet.imaging.reading import read
from tests.dicoms import (
    EXACT_SYNTAXES,
    JPEG_EXTENDED,
    MG_FOR_PROCESSING,
    SECONDARY_CAPTURE,
    dicom,
    drawn,
    item,
    jpeg_extended,
)

TOP = 4095
WHOLE_RANGE = {"WindowCenter": 2047.5, "WindowWidth": 4095, "VOILUTFunction": "LINEAR_EXACT"}
"""Shows a stored 12-bit value v as v / 4095."""
IMAGE = drawn()


def read_drawn(stored: Any = IMAGE, name: str = "image.dcm", **options: Any) -> Mammogram:
    return read(dicom(stored, **{**WHOLE_RANGE, **options}), name)


def refused(data: bytes, name: str = "image.dcm") -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        read(data, name)
    return caught.value


@pytest.mark.parametrize("syntax", EXACT_SYNTAXES.values(), ids=EXACT_SYNTAXES.keys())
def test_each_transfer_syntax_gives_the_drawn_pixels(syntax: Any) -> None:
    mammogram = read_drawn(syntax=syntax)
    assert np.abs(mammogram.pixels - IMAGE / TOP).max() < 1e-6
    assert mammogram.notes == ()


@pytest.mark.parametrize("syntax", EXACT_SYNTAXES.values(), ids=EXACT_SYNTAXES.keys())
def test_monochrome1_is_turned_round_once_in_each_transfer_syntax(syntax: Any) -> None:
    mammogram = read_drawn(TOP - IMAGE, syntax=syntax, PhotometricInterpretation="MONOCHROME1")
    assert np.abs(mammogram.pixels - IMAGE / TOP).max() < 1e-6
    assert mammogram.notes == ()


@pytest.mark.parametrize("bits", range(8, 17))
def test_each_depth_is_shown_over_its_own_range(bits: int) -> None:
    top = (1 << bits) - 1
    image = drawn(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
    shown = read_drawn(image, bits=bits, WindowCenter=top / 2, WindowWidth=top)
    assert np.abs(shown.pixels - image / top).max() < 1e-6


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless], ids=str)
def test_signed_values_keep_their_sign(syntax: Any) -> None:
    signed = IMAGE.astype(np.int16) - 2048
    shown = read_drawn(signed, syntax=syntax, WindowCenter=-0.5, WindowWidth=4095)
    assert np.abs(shown.pixels - IMAGE / TOP).max() < 1e-6


def test_values_stored_in_the_high_bits_are_shifted_down() -> None:
    shown = read_drawn(IMAGE << 4, HighBit=15)
    assert np.abs(shown.pixels - IMAGE / TOP).max() < 1e-6


def test_too_few_bits_stored_does_not_wrap_values() -> None:
    shown = read_drawn(bits=10)
    assert np.abs(shown.pixels - IMAGE / TOP).max() < 1e-6
    assert any("10 bits" in note for note in shown.notes)


def test_an_overlay_in_the_unused_bits_is_not_part_of_the_picture() -> None:
    with_overlay = IMAGE | (np.uint16(1) << 15)
    data = pydicom.dcmread(BytesIO(dicom(with_overlay, **WHOLE_RANGE)))
    data.add_new((0x6000, 0x0102), "US", 15)
    buffer = BytesIO()
    data.save_as(buffer)
    assert np.abs(read(buffer.getvalue(), "x").pixels - IMAGE / TOP).max() < 1e-6


def test_12_bit_jpeg_extended_is_exact_and_its_known_mistake_is_mended_with_a_note() -> None:
    blocks = (np.arange(120).reshape(12, 10) * 30) % 4096
    image = np.kron(blocks, np.ones((8, 8), np.int64)).astype(np.uint16)
    for end, notes in ((63, 0), (0, 1)):
        frame = jpeg_extended(blocks, end_of_selection=end)
        shown = read_drawn(image, syntax=JPEG_EXTENDED, frame=frame)
        assert np.abs(shown.pixels - image / TOP).max() < 1e-6
        assert len([note for note in shown.notes if "mended" in note]) == notes


def test_8_bit_jpeg_baseline_is_read_closely() -> None:
    image = cv2.GaussianBlur(drawn(bits=8).astype(np.uint8), (9, 9), 3)
    frame = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    for allocated in (image, image.astype(np.uint16)):
        shown = read(dicom(allocated, JPEGBaseline8Bit, bits=8, frame=frame, WindowCenter=128, WindowWidth=256), "x")
        assert np.abs(shown.pixels - image / 255).max() < 0.03


MIRRORED: dict[str, dict[str, Any]] = {
    "whole range": WHOLE_RANGE,
    "no window": {},
    "linear window": {"WindowCenter": 1500, "WindowWidth": 1001, "VOILUTFunction": "LINEAR"},
    "exact window": {"WindowCenter": 1500, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid window": {"WindowCenter": 1500, "WindowWidth": 1000, "VOILUTFunction": "SIGMOID"},
    "padding": {"PixelPaddingValue": 0, **WHOLE_RANGE},
}


@pytest.mark.parametrize("look", MIRRORED.values(), ids=MIRRORED.keys())
def test_monochrome1_and_its_mirror_image_in_monochrome2_look_the_same(look: dict[str, Any]) -> None:
    bright = read(dicom(IMAGE, PresentationLUTShape="IDENTITY", **look), "x")
    mirrored = dict(look)
    for keyword in ("WindowCenter", "PixelPaddingValue"):
        if keyword in look:  # v -> 4095 - v; LINEAR's centre lies half a value off (PS3.3 C.11.2.1.2.1)
            half = 1 if keyword == "WindowCenter" and look["VOILUTFunction"] == "LINEAR" else 0
            mirrored[keyword] = TOP - look[keyword] + half
    dark = read(
        dicom(TOP - IMAGE, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE", **mirrored), "x"
    )
    np.testing.assert_allclose(dark.pixels, bright.pixels, atol=1e-6)
    assert dark.notes == bright.notes


def test_a_contradictory_presentation_shape_does_not_turn_the_image_again() -> None:
    shown = read_drawn(PresentationLUTShape="INVERSE")
    assert np.abs(shown.pixels - IMAGE / TOP).max() < 1e-6
    assert any("contradicts itself" in note for note in shown.notes)


def test_windows_follow_the_formulas_of_the_standard() -> None:
    centre, width = 1500.0, 1001.0
    v = IMAGE.astype(np.float64)
    expected = {
        "LINEAR": np.clip((v - (centre - 0.5)) / (width - 1) + 0.5, 0, 1),
        "LINEAR_EXACT": np.clip((v - centre) / width + 0.5, 0, 1),
        "SIGMOID": 1 / (1 + np.exp(-4 * (v - centre) / width)),
    }
    for function, shown in expected.items():
        read_back = read_drawn(WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
        np.testing.assert_allclose(read_back.pixels, shown, atol=1e-6)


def test_of_several_windows_the_first_is_used_and_said() -> None:
    one = read_drawn(WindowCenter=1500, WindowWidth=1000)
    many = read_drawn(WindowCenter=[1500, 2000, 800], WindowWidth=[1000, 100, 100])
    np.testing.assert_array_equal(many.pixels, one.pixels)
    assert any("3 display windows" in note for note in many.notes)


def test_the_file_s_other_windows_are_offered_by_name_on_the_scale_of_the_first() -> None:
    names = ["NORMAL", "HARDER", "Mary Smith"]
    shown = {
        "WindowCenter": [2000, 1750, 3000],
        "WindowWidth": [1000, 250, 1000],
        "WindowCenterWidthExplanation": names,
    }
    normal, harder, third = read_drawn(VOILUTFunction="LINEAR_EXACT", **shown).windows
    assert normal == ("window 1 of the file: normal", 0.0, 1.0)
    assert harder == ("window 2 of the file: harder", 0.125, 0.375)  # 1625 to 1875 of 1500 to 2500
    assert third == ("window 3 of the file", 1.0, 2.0)  # what somebody typed is not passed on
    negative = read_drawn(TOP - IMAGE, VOILUTFunction="LINEAR_EXACT", PhotometricInterpretation="MONOCHROME1", **shown)
    assert negative.windows[1][1:] == (0.625, 0.875)
    [sigmoid] = read_drawn(VOILUTFunction="SIGMOID", **shown).windows
    assert sigmoid.name == "window 1 of the file: normal (sigmoid)"


@pytest.mark.parametrize(("centre", "width"), [(100, 0), (100, -5), (90_000, 10)])
def test_a_useless_window_gives_the_full_range_and_a_note(centre: int, width: int) -> None:
    shown = read_drawn(WindowCenter=centre, WindowWidth=width, VOILUTFunction="LINEAR")
    assert np.abs(shown.pixels - IMAGE / TOP).max() < 1e-6
    assert any("window" in note for note in shown.notes)


def test_rescale_is_applied_before_the_window() -> None:
    shown = read_drawn(RescaleSlope=2, RescaleIntercept=-100, WindowCenter=2 * 2047.5 - 100, WindowWidth=2 * 4095)
    assert np.abs(shown.pixels - IMAGE / TOP).max() < 1e-6


def test_a_rescale_slope_that_is_no_number_is_left_out_with_a_note() -> None:
    data = dicom(IMAGE, RescaleSlope="1.25", RescaleIntercept="0", **WHOLE_RANGE)
    shown = read(data.replace(b"1.25", b"nan "), "x")
    assert np.isfinite(shown.pixels).all()
    assert any("rescale" in note for note in shown.notes)


def test_voi_lut_sequence_goes_before_the_window() -> None:
    table = (np.arange(4096) ** 2 // 4096).astype(np.uint16)
    entry = item(LUTDescriptor=[4096, 0, 12], LUTData=table.tobytes())
    entry["LUTData"].VR = "OW"
    shown = read_drawn(VOILUTSequence=[entry], WindowCenter=10, WindowWidth=10)
    np.testing.assert_allclose(shown.pixels, table[IMAGE] / 4095, atol=1e-6)
    assert shown.windows == (("VOI LUT of the file", 0.0, 1.0),)


def test_modality_lut_sequence_takes_the_place_of_rescale() -> None:
    table = np.arange(4096)[::-1].astype(np.uint16)
    entry = item(LUTDescriptor=[4096, 0, 12], LUTData=table.tobytes(), ModalityLUTType="US")
    entry["LUTData"].VR = "OW"
    shown = read_drawn(TOP - IMAGE, ModalityLUTSequence=[entry])
    np.testing.assert_allclose(shown.pixels, IMAGE / TOP, atol=1e-6)


def test_padding_is_black_and_does_not_stretch_the_range() -> None:
    padded = np.clip(IMAGE, 1000, 3000)
    padded[:10] = 4000
    shown = read(dicom(padded, PixelPaddingValue=3990, PixelPaddingRangeLimit=4010), "x")
    assert shown.pixels[:10].max() == 0.0
    np.testing.assert_allclose(shown.pixels[10:], (padded[10:] - 1000.0) / 2000, atol=1e-6)


def test_for_processing_takes_a_logarithm_and_shows_dense_tissue_bright() -> None:
    thickness = IMAGE.astype(np.float64) / TOP
    exposure = np.rint(16_000 * np.exp(-3 * thickness)).astype(np.uint16)
    raw = {"bits": 14, "SOPClassUID": MG_FOR_PROCESSING, "PresentationIntentType": "FOR PROCESSING"}
    shown = read(dicom(exposure, PhotometricInterpretation="MONOCHROME1", **raw), "x")
    inside = thickness < 0.78  # the densest half per cent is white
    scale = shown.pixels[inside].max() / thickness[inside].max()
    np.testing.assert_allclose(shown.pixels[inside], thickness[inside] * scale, atol=2e-3)
    assert shown.pixels[IMAGE == 0].max() == 0.0
    assert any("FOR PROCESSING" in note for note in shown.notes)
    by_sign = read(dicom(exposure, PixelIntensityRelationshipSign=1, PixelIntensityRelationship="LIN", **raw), "x")
    np.testing.assert_array_equal(by_sign.pixels, shown.pixels)


def test_a_file_without_preamble_is_read_in_both_byte_orders() -> None:
    for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian):
        shown = read_drawn(syntax=syntax, meta=False)
        assert np.abs(shown.pixels - IMAGE / TOP).max() < 1e-6
        assert any("preamble" in note for note in shown.notes)
    without_zeros = dicom(IMAGE, **WHOLE_RANGE)[128:]
    assert np.abs(read(without_zeros, "x").pixels - IMAGE / TOP).max() < 1e-6


def test_native_pixels_under_a_compressed_label_are_read_with_a_note() -> None:
    native, rle = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"
    data = dicom(IMAGE, **WHOLE_RANGE)
    assert data.count(native) == 1
    shown = read(data.replace(native, rle), "x")
    assert np.abs(shown.pixels - IMAGE / TOP).max() < 1e-6
    assert any("compressed" in note for note in shown.notes)


def test_the_name_is_the_hash_of_the_bytes() -> None:
    data = dicom(IMAGE)
    assert read(data, "x").sha256 == hashlib.sha256(data).hexdigest()


def test_spacing_is_the_detector_s_over_the_magnification() -> None:
    assert read_drawn(EstimatedRadiographicMagnificationFactor=1.25).spacing_mm == pytest.approx((0.08, 0.08))
    both = read_drawn(PixelSpacing=[0.25, 0.25], ImagerPixelSpacing=[0.5, 0.5])
    assert both.spacing_mm == pytest.approx((0.5, 0.5))
    assert any("Pixel Spacing differs" in note for note in both.notes)
    distances = {"DistanceSourceToDetector": 660, "DistanceSourceToPatient": 600}
    worked_out = read_drawn(without=("EstimatedRadiographicMagnificationFactor",), **distances)
    assert worked_out.spacing_mm == pytest.approx((0.1 / 1.1, 0.1 / 1.1))


def test_a_spacing_that_no_detector_has_is_not_believed() -> None:
    shown = read(dicom(drawn(rows=600, columns=300), ImagerPixelSpacing=[0.9, 0.9]), "x")
    assert shown.spacing_mm is None
    assert any("larger than any detector" in note for note in shown.notes)


def test_spacing_falls_back_with_a_note_and_is_none_where_nothing_is_said() -> None:
    calibrated = read_drawn(without=("ImagerPixelSpacing",), PixelSpacing=[0.07, 0.08])
    assert calibrated.spacing_mm == pytest.approx((0.07, 0.08))
    film = read_drawn(without=("ImagerPixelSpacing",), NominalScannedPixelSpacing=[0.05, 0.05])
    assert film.spacing_mm == pytest.approx((0.05, 0.05))
    assert any("film" in note for note in film.notes)
    for silent in ({"without": ("ImagerPixelSpacing",)}, {"ImagerPixelSpacing": [0, 0]}):
        nothing = read_drawn(**silent)
        assert nothing.spacing_mm is None
        assert any("pixels only" in note for note in nothing.notes)


PLACES: dict[str, tuple[dict[str, Any], Laterality | None, View | None, bool]] = {
    "image laterality": ({"ImageLaterality": "L", "ViewPosition": "MLO"}, Laterality.LEFT, View.MLO, False),
    "laterality": ({"Laterality": "R", "ViewPosition": "CC"}, Laterality.RIGHT, View.CC, False),
    "view code": (
        {"ImageLaterality": "R", "ViewCodeSequence": [item(CodeValue="399192008")]},
        Laterality.RIGHT,
        View.XCCL,
        False,
    ),
    "CBIS-DDSM": ({"Laterality": "L", "PatientOrientation": "MLO"}, Laterality.LEFT, View.MLO, False),
    "orientation, left MLO": ({"PatientOrientation": ["A", "FR"]}, Laterality.LEFT, View.MLO, True),
    "orientation, right CC": ({"PatientOrientation": ["P", "L"]}, Laterality.RIGHT, View.CC, True),
    "series description": ({"SeriesDescription": "R MLO MARKER"}, Laterality.RIGHT, View.MLO, True),
    "nothing": ({}, None, None, False),
    "both": ({"ImageLaterality": "B"}, None, None, False),
}


@pytest.mark.parametrize("case", PLACES.values(), ids=PLACES.keys())
def test_side_and_view_are_found_where_vendors_write_them(case: Any) -> None:
    tags, side, view, guessed = case
    mammogram = read_drawn(**tags)
    assert (mammogram.laterality, mammogram.view) == (side, view)
    assert any("guessed" in note for note in mammogram.notes) is guessed


def test_frame_laterality_counts() -> None:
    anatomy = item(FrameAnatomySequence=[item(FrameLaterality="L")])
    assert read_drawn(SharedFunctionalGroupsSequence=[anatomy]).laterality is Laterality.LEFT


def test_constant_images_are_refused() -> None:
    for value in (0, 4095):
        problem = refused(dicom(np.full((96, 80), value, np.uint16), **WHOLE_RANGE))
        assert problem.kind is Refusal.BLANK
    padded = np.full((96, 80), 7, np.uint16)
    padded[:5] = 0
    assert refused(dicom(padded, PixelPaddingValue=0)).kind is Refusal.BLANK


def test_a_film_scan_marked_as_radiograph_is_analysed_with_a_warning() -> None:
    film = read_drawn(SOPClassUID=SECONDARY_CAPTURE, Modality="RG", ConversionType="DF")
    assert any("not marked as a mammogram" in note for note in film.notes)


def test_jpeg_ls_uses_the_decoder_that_notices_damage() -> None:
    whole = dicom(IMAGE, JPEGLSLossless)
    middle = whole.index(b"\xff\xda") + 60
    noticed = 0
    for place in range(middle, middle + 200, 20):
        damaged = whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]
        try:
            read(damaged, "x")
        except UnreadableImage as problem:
            noticed += problem.kind is Refusal.DAMAGED
    assert noticed >= 5


def test_an_encoding_whose_package_was_left_out_is_refused_by_the_packages_name(monkeypatch) -> None:
    """One of them is under the GPL: who passes the program on may have to leave it out."""

    class Without:
        available_plugins = ("pydicom",)

    monkeypatch.setattr(pixels, "get_decoder", lambda _: Without())
    with pytest.raises(UnreadableImage, match=r"package pyjpegls is not installed.*pip install pyjpegls.*uncompressed"):
        worker.decode(dicom(IMAGE, JPEGLSLossless), "LCC.dcm")
    assert set(pixels.PACKAGES) == set(pixels.PLUGINS)
    needed = (Path(__file__).parents[1] / "requirements.txt").read_text()
    assert all(package in needed for package in pixels.PACKAGES.values())


def test_importing_the_reader_loads_no_decoder() -> None:
    heavy = ("torch", "pydicom", "cv2", "PIL", "libjpeg")
    code = f"import sys, mtunet.imaging.reading; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
