"""What is no mammogram view is named as what it is, without a word from the patient's record."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

import mtunet.imaging.dicom
from mtunet.case import Laterality, Mammogram, Refusal, UnreadableImage
from mtunet.imaging.reading import read
from tests.dicoms import (
    EXACT_SYNTAXES,
    MG_FOR_PRESENTATION,
    SECONDARY_CAPTURE,
    TOMOSYNTHESIS,
    dicom,
    drawn,
    item,
    read_or_refusal,
)

IMAGE = drawn()
STORAGE = "1.2.840.10008.5.1.4.1.1."


def refused(data: bytes, name: str = "image.dcm") -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        read(data, name)
    assert "MARKER" not in caught.value.sentence
    assert caught.value.sentence.startswith("Expected")
    return caught.value


OBJECTS: dict[str, tuple[dict[str, Any], Refusal, str]] = {
    "CT": ({"Modality": "CT", "SOPClassUID": STORAGE + "2"}, Refusal.OTHER_MODALITY, "a CT image"),
    "MR": ({"Modality": "MR", "SOPClassUID": STORAGE + "4"}, Refusal.OTHER_MODALITY, "an MR image"),
    "US": ({"Modality": "US", "SOPClassUID": STORAGE + "6.1"}, Refusal.OTHER_MODALITY, "an ultrasound image"),
    "NM by modality": ({"Modality": "NM", "SOPClassUID": SECONDARY_CAPTURE}, Refusal.OTHER_MODALITY, "nuclear"),
    "unknown modality": (
        {"Modality": "OT", "SOPClassUID": SECONDARY_CAPTURE},
        Refusal.OTHER_MODALITY,
        "not marked as an X-ray",
    ),
    "chest": (
        {"Modality": "CR", "SOPClassUID": STORAGE + "1", "BodyPartExamined": "CHEST"},
        Refusal.OTHER_MODALITY,
        "chest",
    ),
    "SR": ({"Modality": "SR", "SOPClassUID": STORAGE + "88.33"}, Refusal.NOT_A_PICTURE, "structured report"),
    "CAD": ({"Modality": "SR", "SOPClassUID": STORAGE + "88.50"}, Refusal.NOT_A_PICTURE, "CAD"),
    "SEG": ({"Modality": "SEG", "SOPClassUID": STORAGE + "66.4"}, Refusal.NOT_A_PICTURE, "segmentation"),
    "presentation state": ({"Modality": "PR", "SOPClassUID": STORAGE + "11.1"}, Refusal.NOT_A_PICTURE, "presentation"),
    "plan": ({"Modality": "RTPLAN", "SOPClassUID": STORAGE + "481.5"}, Refusal.NOT_A_PICTURE, "plan"),
    "tomosynthesis": ({"SOPClassUID": TOMOSYNTHESIS, "NumberOfFrames": 60}, Refusal.TOMOSYNTHESIS, "tomosynthesis"),
    "tomosynthesis in MG": (
        {"NumberOfFrames": 60, "ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS"]},
        Refusal.TOMOSYNTHESIS,
        "60 slices",
    ),
    "frames": ({"NumberOfFrames": 3}, Refusal.MANY_FRAMES, "3 frames"),
    "RGB": ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, Refusal.COLOUR, "colour"),
    "palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, Refusal.COLOUR, "colour"),
    "screen save": ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, Refusal.SCREEN_SAVE, "screen"),
    "colour screen save": (
        {"SOPClassUID": SECONDARY_CAPTURE, "ConversionType": "WSD", "SamplesPerPixel": 3},
        Refusal.SCREEN_SAVE,
        "screen",
    ),
    "no pixels": ({"without": ("PixelData",)}, Refusal.NO_PIXELS, "no pixels"),
    "no rows": ({"without": ("Rows",)}, Refusal.BAD_HEADER, "Rows"),
    "huge": ({"Rows": 60_000, "Columns": 60_000}, Refusal.TOO_LARGE, "60000 × 60000"),
    "1 bit": ({"BitsAllocated": 1}, Refusal.UNSUPPORTED_ENCODING, "1 bit"),
    "32 bit": ({"BitsAllocated": 32}, Refusal.UNSUPPORTED_ENCODING, "32 bit"),
    "more rows than pixels": ({"Rows": 97}, Refusal.DAMAGED, "98 %"),
    "fewer rows than pixels": ({"Rows": 90}, Refusal.BAD_HEADER, "more pixel data"),
}


@pytest.mark.parametrize("case", OBJECTS.values(), ids=OBJECTS.keys())
def test_each_other_object_is_named_as_what_it_is(case: Any) -> None:
    tags, kind, words = case
    problem = refused(dicom(IMAGE, **tags))
    assert problem.kind is kind
    assert words in problem.sentence


def test_a_synthetic_view_is_analysed_with_a_note() -> None:
    view = read(dicom(IMAGE, SOPClassUID=TOMOSYNTHESIS, ImageType=["DERIVED", "PRIMARY", "", "GENERATED_2D"]), "x")
    assert any("tomosynthesis" in note for note in view.notes)


def test_what_functional_groups_say_counts_as_if_it_stood_at_the_top() -> None:
    said: dict[str, Any] = {"WindowCenter": 1500, "WindowWidth": 900, "RescaleSlope": 2, "RescaleIntercept": -500}
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.07, 0.07])],
        FrameVOILUTSequence=[item(WindowCenter=1500, WindowWidth=900)],
        PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-500)],
    )
    kind: dict[str, Any] = {"SOPClassUID": TOMOSYNTHESIS, "ImageType": ["DERIVED", "PRIMARY", "", "GENERATED_2D"]}
    own = ("ImagerPixelSpacing",)
    frame = item(FrameAnatomySequence=[item(FrameLaterality="L")])
    groups = {"SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": [frame]}
    grouped = read(dicom(IMAGE, without=own, **kind, **groups), "x")
    plain = read(dicom(IMAGE, without=own, PixelSpacing=[0.07, 0.07], ImageLaterality="L", **kind, **said), "x")
    assert grouped.spacing_mm == plain.spacing_mm == (0.07, 0.07)
    assert grouped.laterality is plain.laterality is Laterality.LEFT
    assert np.array_equal(grouped.pixels, plain.pixels)
    assert not any("full range" in note for note in grouped.notes)


def test_tiny_images_are_refused() -> None:
    assert refused(dicom(drawn(63, 200))).kind is Refusal.TOO_SMALL
    assert read(dicom(drawn(64, 64)), "x").shape == (64, 64)


FILES: dict[str, tuple[bytes, Refusal, str]] = {
    "nothing": (b"", Refusal.EMPTY, "0 bytes"),
    "PDF": (b"%PDF-1.7 MARKER", Refusal.NOT_AN_IMAGE, "PDF"),
    "text": (b"patient MARKER, born", Refusal.NOT_AN_IMAGE, "neither DICOM"),
    "gzip": (b"\x1f\x8b\x08MARKER", Refusal.NOT_AN_IMAGE, "gzip"),
    "GIF": (b"GIF89aMARKER", Refusal.NOT_AN_IMAGE, "GIF"),
    "half a preamble": (bytes(130), Refusal.NOT_AN_IMAGE, "neither DICOM"),
    "only a preamble": (bytes(128) + b"DICM", Refusal.NO_PIXELS, "no pixels"),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES.keys())
def test_what_is_no_image_is_refused_before_decoding(case: Any) -> None:
    data, kind, words = case
    problem = refused(data)
    assert problem.kind is kind
    assert words in problem.sentence


def _with_height(data: bytes, rows: int) -> bytes:
    """The same file whose codestream claims another height."""
    for marker in (b"\xff\xc3\x00\x0b", b"\xff\xf7\x00\x0b"):
        if (place := data.find(marker)) >= 0:
            return data[: place + 5] + struct.pack(">H", rows) + data[place + 7 :]
    place = data.index(b"\xff\x4f\xff\x51")
    return data[: place + 12] + struct.pack(">I", rows) + data[place + 16 :]


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless], ids=str)
@pytest.mark.parametrize("rows", [0, 95, 60_000])
def test_a_codestream_of_another_size_is_refused_before_its_decoder_runs(syntax: Any, rows: int) -> None:
    problem = refused(_with_height(dicom(IMAGE, syntax), rows))
    assert problem.kind in (Refusal.BAD_HEADER, Refusal.DAMAGED)


@pytest.mark.parametrize("syntax", EXACT_SYNTAXES.values(), ids=EXACT_SYNTAXES.keys())
def test_a_file_cut_anywhere_is_refused_or_whole(syntax: Any) -> None:
    data = dicom(IMAGE, syntax)
    for share in (0.2, 0.5, 0.9):
        problem = refused(data[: int(len(data) * share)])
        assert problem.kind in (Refusal.DAMAGED, Refusal.NO_PIXELS, Refusal.BAD_HEADER, Refusal.NOT_AN_IMAGE)


def test_an_unknown_encoding_is_named_where_it_has_a_name() -> None:
    jpeg_xl = dicom(IMAGE, RLELossless).replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.9\0")
    assert refused(jpeg_xl).kind is Refusal.UNSUPPORTED_ENCODING


def test_a_deflate_bomb_is_refused_at_its_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtunet.imaging.dicom, "MAX_INFLATED_BYTES", 10_000)
    with pytest.raises(UnreadableImage) as caught:
        mtunet.imaging.dicom.decode_dicom(dicom(IMAGE, EXACT_SYNTAXES["deflated"]), "x")
    assert caught.value.kind is Refusal.TOO_LARGE


def test_a_deflate_bomb_of_a_gigabyte_is_refused_quickly() -> None:
    small = dicom(IMAGE, EXACT_SYNTAXES["deflated"])
    start = small.index(b"1.2.840.10008.1.2.1.99")
    meta_end = 128 + 4 + 12 + struct.unpack_from("<I", small, 140)[0]
    assert start < meta_end
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    private = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, (1 << 30) - 2)
    bomb = packer.compress(private) + b"".join(packer.compress(bytes(1 << 24)) for _ in range(40)) + packer.flush()
    assert refused(small[:meta_end] + bomb).kind is Refusal.TOO_LARGE


def test_deep_nesting_is_refused() -> None:
    opened = struct.pack("<HH2sHIHHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    data = dicom(IMAGE)
    assert refused(data[: data.index(b"\x18\x00")] + opened * 3000).kind in (Refusal.DAMAGED, Refusal.NO_PIXELS)


IDENTIFYING = {
    "PatientName": "MARKER^NAME",
    "PatientID": "MARKER-ID",
    "PatientBirthDate": "19010203",
    "PatientAddress": "MARKER STREET",
    "InstitutionName": "MARKER HOSPITAL",
    "ReferringPhysicianName": "MARKER^DOCTOR",
    "AccessionNumber": "MARKER-ACC",
    "SeriesDescription": "R MLO MARKER",
    "StudyDescription": "MARKER STUDY",
    "ImageComments": "MARKER COMMENT",
    "ViewPosition": "MARKER",
    "VOILUTFunction": "MARKER",
    "PresentationLUTShape": "MARKER",
    "BodyPartExamined": "MARKER",
}


def test_no_identifier_reaches_a_note_a_sentence_or_a_stream(capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    caplog.set_level(0)
    shown = read(dicom(IMAGE, **IDENTIFYING), "x")
    assert not any("MARKER" in text or "19010203" in text for text in shown.notes)
    data = dicom(IMAGE, **IDENTIFYING)
    for spoiled in (
        data[: len(data) // 2],
        data.replace(b"US\x02\x00", b"UI\x02\x00"),
        dicom(IMAGE, **IDENTIFYING, Modality="MARKER"),
        data.replace(MG_FOR_PRESENTATION.encode(), b"MARKER".ljust(len(MG_FOR_PRESENTATION), b" ")),
    ):
        end = read_or_refusal(spoiled)
        assert "MARKER" not in repr(end) + repr(getattr(end, "__cause__", None))
    streams = capfd.readouterr()
    assert "MARKER" not in streams.out + streams.err + caplog.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_damage_ends_in_a_mammogram_or_a_refusal(data: st.DataObject) -> None:
    whole = bytearray(dicom(IMAGE, data.draw(st.sampled_from([ExplicitVRLittleEndian, RLELossless, JPEGLSLossless]))))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(128, min(len(whole) - 1, 2200)))
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    end = read_or_refusal(bytes(whole[:cut]))
    assert np.isfinite(end.pixels).all() if isinstance(end, Mammogram) else end.sentence.startswith("Expected")
