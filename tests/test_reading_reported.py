"""What users of similar programs reported: files that are odd in a way that does no harm are read, and it is said.

Drawn here; the files themselves, where they lie beside the repository, end as they should too.
"""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from mtunet.case import Belonging, Laterality, Mammogram, Refusal, UnreadableImage, View
from mtunet.case.placement import label, placement_in, without_placement
from mtunet.case.scope import SCOPE, Effect, Fact
from mtunet.detection.breast import looked_at
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.files import stem
from mtunet.imaging.reading import Upload, read, unpack
from mtunet.intake.admission import Origin, take_in
from mtunet.store import worklist
from mtunet.store.images import Store
from mtunet.store.records import now
from mtunet.store.worklist import Query
from mtunet.study.grouping import place
from tests.dicoms import dicom, drawn, item, jpeg_extended, read_or_refusal
from tests.painting import drawing
from tests.test_reading_shared import SHARED

IMAGE = drawn()
FULL = {"WindowCenter": 2048, "WindowWidth": 4096}
PLAIN = read(dicom(IMAGE, **FULL), "x").pixels


def kind_of(ends: Mammogram | UnreadableImage) -> Refusal:
    assert isinstance(ends, UnreadableImage)
    return ends.kind


def drawn_mammogram() -> npt.NDArray[np.uint16]:
    return np.asarray(drawing(seed=3) >> 4, np.uint16)


def said(view: Mammogram, words: str) -> bool:
    return any(words in note for note in view.notes)


# Greys


def test_a_negative_slope_is_a_slope() -> None:
    turned = read(dicom(4095 - IMAGE, RescaleSlope=-1, RescaleIntercept=4095, **FULL), "x")
    np.testing.assert_allclose(turned.pixels, PLAIN, atol=1e-6)
    assert not said(turned, "useless")


@pytest.mark.parametrize(
    ("centres", "widths", "note"),
    [
        ([32768], [65535], "far wider than the image's values"),
        ([32768, 2048], [65535, 4096], "another one is used"),
        ([9000], [4], "shows nothing"),
    ],
)
def test_a_window_that_hides_the_image_gives_way_to_a_usable_one(
    centres: list[int], widths: list[int], note: str
) -> None:
    view = read(dicom(IMAGE, WindowCenter=centres, WindowWidth=widths), "x")
    np.testing.assert_allclose(view.pixels, PLAIN, atol=1e-3)
    assert said(view, note)


@pytest.mark.parametrize("planar", [0, 1])
def test_grey_in_colour_clothes_is_read_as_grey(planar: int) -> None:
    grey = (IMAGE >> 4).astype(np.uint8)
    channels = np.stack([grey] * 3, axis=0 if planar else -1)
    clothes = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": planar}
    view = read(_with_pixels(dicom(grey, bits=8, **clothes), channels.tobytes()), "x")
    np.testing.assert_allclose(view.pixels, grey / 255, atol=1e-6)
    assert said(view, "stored as colour")
    channels = channels.copy()
    channels[0 if planar else ...] //= 2
    if planar == 0:
        channels[..., 1] = 255
    problem = read_or_refusal(_with_pixels(dicom(grey, bits=8, **clothes), channels.tobytes()))
    assert kind_of(problem) is Refusal.COLOUR


def test_a_palette_of_greys_is_read_as_grey() -> None:
    grey = (IMAGE >> 4).astype(np.uint8)
    names = [f"{colour}PaletteColorLookupTable" for colour in ("Red", "Green", "Blue")]
    table = np.arange(256, dtype=np.uint16) * 257
    tables = {f"{name}Descriptor": [256, 0, 16] for name in names} | {f"{name}Data": table.tobytes() for name in names}
    view = read(dicom(grey, bits=8, PhotometricInterpretation="PALETTE COLOR", **tables), "x")
    np.testing.assert_allclose(view.pixels, grey / 255, atol=1e-6)
    tables["GreenPaletteColorLookupTableData"] = table[::-1].tobytes()
    problem = read_or_refusal(dicom(grey, bits=8, PhotometricInterpretation="PALETTE COLOR", **tables))
    assert kind_of(problem) is Refusal.COLOUR


def _with_pixels(file: bytes, pixels: bytes) -> bytes:
    data = pydicom.dcmread(BytesIO(file))
    data.PixelData = pixels
    return _saved(data)


def _saved(data: pydicom.Dataset) -> bytes:
    written = BytesIO()
    data.save_as(written)
    return written.getvalue()


def test_the_air_decides_where_the_header_would_show_a_negative() -> None:
    stored = drawn_mammogram()
    upright = read(dicom(stored, **FULL), "x")
    assert not said(upright, "negative")
    for lying in (
        dicom(4095 - stored, **FULL),
        dicom(stored, PhotometricInterpretation="MONOCHROME1", **FULL),
        dicom(stored, RescaleSlope=-1, RescaleIntercept=4095, **FULL),
    ):
        view = read(lying, "x")
        np.testing.assert_allclose(view.pixels, upright.pixels, atol=1e-5)
        assert said(view, "turned over")
    padded = dicom(np.where(stored == stored.min(), 4095, stored), PixelPaddingValue=4095, **FULL)
    assert not said(read(padded, "x"), "negative")  # white air that is said to be no image is black
    negative = dicom(4095 - stored, PhotometricInterpretation="MONOCHROME1", **FULL)
    assert not said(read(negative, "x"), "negative")


def test_pixels_that_are_not_square_are_said() -> None:
    view = read(dicom(IMAGE, without=("ImagerPixelSpacing",), PixelAspectRatio=[2, 1], **FULL), "x")
    assert view.facts == {Fact.NOT_SQUARE}
    assert read(dicom(IMAGE, PixelAspectRatio=[1, 1], **FULL), "x").facts == frozenset()


# Encapsulation

ENCODED: dict[str, tuple[UID, bytes | None]] = {
    "JPEG 2000": (JPEG2000Lossless, None),
    "JPEG lossless": (JPEGLosslessSV1, None),
    "JPEG-LS": (JPEGLSLossless, None),
    "JPEG extended": (JPEGExtended12Bit, jpeg_extended(np.arange(120).reshape(12, 10) * 20)),
}


def encoded(syntax: UID, frame: bytes | None) -> tuple[pydicom.Dataset, bytes]:
    """The data set, and its frame up to the end marker."""
    data = pydicom.dcmread(BytesIO(dicom(IMAGE, syntax, frame=frame, **FULL)))
    return data, b"".join([*generate_fragments(data.PixelData)][1:]).rstrip(b"\0")


def even(frame: bytes) -> bytes:
    return frame + bytes(len(frame) % 2)


@pytest.mark.parametrize("case", ENCODED.values(), ids=ENCODED.keys())
def test_a_frame_that_lacks_its_end_marker_is_read_and_one_that_was_cut_is_not(case: Any) -> None:
    data, frame = encoded(*case)
    whole = read(_saved(data), "x")
    assert frame.endswith(b"\xff\xd9")
    data.PixelData = encapsulate([even(frame[:-2])])
    open_ended = read(_saved(data), "x")
    np.testing.assert_array_equal(open_ended.pixels, whole.pixels)
    assert said(open_ended, "lacks the mark of its end")
    for missing in (3, 20):
        data.PixelData = encapsulate([even(frame[:-missing])])
        problem = read_or_refusal(_saved(data))
        assert kind_of(problem) is Refusal.DAMAGED, missing


def fragmented(table: bytes | None, pieces: list[bytes], *, closed: bool = True) -> bytes:
    def one(content: bytes) -> bytes:
        return b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content

    data, _ = encoded(JPEG2000Lossless, None)
    data.PixelData = encapsulate([b"FRAME!"])
    content = b"".join(map(one, [*([] if table is None else [table]), *pieces]))
    file, delimiter = _saved(data), b"\xfe\xff\xdd\xe0" + bytes(4)
    start = file.rindex(b"\xfe\xff\x00\xe0", 0, file.rindex(b"\xfe\xff\x00\xe0"))
    return file[:start] + content + (delimiter if closed else b"")


TABLES = {"wrong": b"\x39\x30\0\0", "one per fragment": bytes(12), "none": b"", "no place for one": None}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
@pytest.mark.parametrize("closed", [True, False])
def test_a_single_frame_is_read_whatever_its_table_says_and_whether_or_not_it_is_closed(
    table: bytes | None, closed: bool
) -> None:
    frame = even(encoded(JPEG2000Lossless, None)[1])
    third = len(frame) // 6 * 2
    pieces = [frame[:third], frame[third : 2 * third], frame[2 * third :]]
    view = read(fragmented(table, pieces, closed=closed), "x")
    np.testing.assert_allclose(view.pixels, PLAIN, atol=1e-6)
    assert said(view, "without closing its pixel data") is not closed


def test_a_file_that_ends_in_its_pixels_is_refused_as_that() -> None:
    frame = even(encoded(JPEG2000Lossless, None)[1])
    with pytest.raises(UnreadableImage, match="ends before its pixel data are closed"):
        read(fragmented(b"", [frame], closed=False)[:-40], "x")
    with pytest.raises(UnreadableImage) as caught:
        read(fragmented(b"", [frame, frame]), "x")
    assert caught.value.kind is Refusal.MANY_FRAMES


# Wrappers, and what takes long


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\x5c\x01\0\0", "NIfTI"),
        (b"ObjectType = Image\n", "MetaImage"),
        (b"NRRD0004\n", "NRRD"),
        (b"--b\r\nContent-Type: text/plain\r\n\r\na\r\n--b\r\nContent-Type: text/plain\r\n\r\nb\r\n--b--", "multipart"),
    ],
)
def test_other_formats_are_named(start: bytes, words: str) -> None:
    with pytest.raises(UnreadableImage, match=words):
        read(start + bytes(400), "x")


def test_a_multipart_answer_is_unwrapped() -> None:
    files = [dicom(IMAGE, ViewPosition=view, **FULL) for view in ("CC", "MLO")]
    parts = b"".join(b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in files)
    assert [part.data for part in unpack(parts + b"--edge--\r\n", "study") if isinstance(part, Upload)] == files
    alone = b"\r\n--edge\r\nContent-Type: application/dicom\r\n\r\n" + files[1] + b"\r\n--edge--"
    assert read(alone, "x").view is View.MLO


def test_a_flood_of_items_and_of_scans_is_refused_at_once() -> None:
    file = dicom(IMAGE, DeflatedExplicitVRLittleEndian)
    start = file.index(b"1.2.840.10008.1.2.1.99") + 22
    items = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff" + (b"\xfe\xff\x00\xe0" + bytes(4)) * 200_000
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    meta_end = 144 + int.from_bytes(file[140:144], "little")
    assert start <= meta_end
    with pytest.raises(UnreadableImage, match="items in its lists"):
        read(file[:meta_end] + squeeze.compress(items) + squeeze.flush(), "x")
    jpeg = cv2.imencode(".jpg", (IMAGE >> 4).astype(np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert isinstance(read_or_refusal(jpeg), Mammogram)
    with pytest.raises(UnreadableImage, match="scans"):
        read(jpeg[:-2] + b"\xff\xda\0\x08\x01\x01\0\0\0\0" * 200 + b"\xff\xd9", "x")


# Side, view and projection

L, R = Laterality.LEFT, Laterality.RIGHT
LABELS: dict[str, tuple[Laterality | None, View | None, set[Fact]]] = {
    "RCC": (R, View.CC, set()),
    "L-MLO": (L, View.MLO, set()),
    "RXCCL": (R, View.XCCL, set()),
    "MLOID": (None, View.MLO, {Fact.IMPLANT_DISPLACED}),
    "LMLOID": (L, View.MLO, {Fact.IMPLANT_DISPLACED}),
    "RMCC": (R, View.CC, {Fact.MAGNIFICATION}),
    "LSML": (L, View.ML, {Fact.SPOT}),
    "LML": (L, View.ML, set()),
    "LLM": (L, View.LM, set()),
    "RCCRL": (R, View.CC, {Fact.ROLLED_LATERALLY}),
    "RAT": (R, View.MLO, {Fact.AXILLARY_TAIL}),
    "LCV": (L, View.CC, {Fact.CLEAVAGE}),
    "RTAN": (R, None, {Fact.TANGENTIAL}),
    "CC R": (R, View.CC, set()),
    "MLO SPOT": (None, View.MLO, {Fact.SPOT}),
}
NAMES: dict[str, tuple[Laterality | None, View | None]] = {
    "LMLO1": (L, View.MLO),
    "case_rcc_02": (R, View.CC),
    "0012LCC": (L, View.CC),
    "CC rechts": (R, View.CC),
    "mama izquierda cráneo-caudal": (L, View.CC),
    "sein droit oblique": (R, View.MLO),
    "右乳 CC": (R, View.CC),
    "左_MLO": (L, View.MLO),
    "left lateral of five": (L, None),
    "Levy_RCC": (R, View.CC),
    "SCC": (None, None),
    "rat": (None, None),
    "ml": (None, None),
    "a3cc9f": (None, None),
}


@pytest.mark.parametrize("label", LABELS)
def test_labels_are_read_as_they_are_written(label: str) -> None:
    assert placement_in(label, label=True) == LABELS[label]


@pytest.mark.parametrize("text", ["RCC", "LMLO", "RMCC", "LSMLO", "LMLOID", "RCCRL", "LXCCLNP"])
def test_a_label_is_written_as_it_is_read(text: str) -> None:
    assert label(*placement_in(text, label=True)).replace(" ", "") == text


@pytest.mark.parametrize("name", NAMES)
def test_words_in_several_languages_are_read_where_they_are_plain(name: str) -> None:
    assert placement_in(name)[:2] == NAMES[name]


HEADERS: dict[str, tuple[dict[str, Any], Laterality | None, View | None, set[Fact]]] = {
    "laterality in words": ({"Laterality": "RIGHT", "ViewPosition": "CC"}, R, View.CC, set()),
    "all in the view": ({"ViewPosition": "L-MLO"}, L, View.MLO, set()),
    "protocol": ({"ProtocolName": "MG links MLO"}, L, View.MLO, set()),
    "region": (
        {"AnatomicRegionSequence": [item(CodeValue="73056007", CodeMeaning="Right breast")], "ViewPosition": "ML"},
        R,
        View.ML,
        set(),
    ),
    "modifier": (
        {
            "ImageLaterality": "L",
            "ViewCodeSequence": [
                item(CodeValue="399162004", ViewModifierCodeSequence=[item(CodeValue="399161006")]),
            ],
        },
        L,
        View.CC,
        {Fact.CLEAVAGE},
    ),
    "paddle": (
        {"ViewPosition": "RCC", "PaddleDescription": "10CM MAG SPOT"},
        R,
        View.CC,
        {Fact.MAGNIFICATION, Fact.SPOT},
    ),
    "factor": (
        {"ViewPosition": "RCC", "EstimatedRadiographicMagnificationFactor": 1.8},
        R,
        View.CC,
        {Fact.MAGNIFICATION},
    ),
    "synthetic by name": ({"SeriesDescription": "R CC C-View"}, R, View.CC, {Fact.SYNTHETIC}),
    "contradiction": ({"ImageLaterality": "L", "ViewPosition": "RCC"}, L, View.CC, {Fact.CONTRADICTION}),
}


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
@pytest.mark.parametrize("case", HEADERS.values(), ids=HEADERS.keys())
def test_side_view_and_projection_are_found_wherever_they_stand(case: Any) -> None:
    tags, side, view, facts = case
    found = read(dicom(IMAGE, **FULL, **tags), "x")
    assert (found.laterality, found.view, found.facts) == (side, view, facts)
    assert all(SCOPE[fact].sentence in found.notes for fact in facts)


def test_every_fact_has_a_meaning_and_what_shows_no_breast_is_refused() -> None:
    assert set(SCOPE) == set(Fact)
    refusing = [fact for fact, meaning in SCOPE.items() if meaning.effect is Effect.REFUSE]
    assert refusing == [Fact.TEST_OBJECT]
    with pytest.raises(UnreadableImage, match="test object"):
        read(dicom(IMAGE, QualityControlImage="YES"), "x")


PERSON = some.text(some.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=8)


@given(PERSON, PERSON)
@example("Müller", "Møller")
@example("山田", "鈴木")
@example("Muller", "Müller")
@example("L", "R")
def test_no_two_people_become_one_study_by_their_names(one: str, other: str) -> None:
    names = f"{one}_LCC.png", f"{other}_RMLO.png"
    groups = [place(name, "batch", Belonging()).group for name in names]
    rests = [without_placement(stem(name)).casefold() for name in names]
    if groups[0] is not None and groups[0] == groups[1]:
        assert rests[0] == rests[1] != ""
    assert place("LCC.png", "batch", Belonging()).group is None


def test_a_name_is_the_same_however_it_is_typed() -> None:
    composed, apart, shouted = "Müller_LCC.png", "Mu\u0308ller_RCC.png", "MÜLLER_RMLO.png"
    groups = {place(name, "batch", Belonging()).group for name in (composed, apart, shouted)}
    assert len(groups - {None}) == len(groups) == 1
    assert place(apart, "batch", Belonging()).title == "Müller"


# The files themselves

REPORTED = SHARED / "reported"
READ: dict[str, tuple[Laterality | None, View | None, set[Fact]]] = {
    "negative_slope.dcm": (None, None, set()),
    "no_end_marker_j2k.dcm": (None, None, set()),
    "no_end_marker_jpegll.dcm": (None, None, set()),
    "no_sequence_delimiter.dcm": (None, None, set()),
    "three_fragments_bot3.dcm": (None, None, set()),
    "bot_wrong.dcm": (None, None, set()),
    "grey_in_rgb.dcm": (None, None, set()),
    "view_position_RCC.dcm": (R, View.CC, set()),
    "view_position_L-MLO.dcm": (L, View.MLO, set()),
    "laterality_RIGHT.dcm": (R, View.CC, set()),
    "description_R_MLOID.dcm": (R, View.MLO, {Fact.IMPLANT_DISPLACED}),
    "same_sop_1.dcm": (R, View.CC, set()),
    "same_sop_2.dcm": (R, View.CC, set()),
    "window_dark.dcm": (None, None, set()),
    "spacing_aspect.dcm": (None, None, {Fact.NOT_SQUARE}),
    "negative_picture.png": (None, None, set()),
    "multipart.dcm": (None, None, set()),
}
REFUSED = {
    "slow_deflated_empty_items.dcm": Refusal.BAD_HEADER,
    "slow_progressive_jpeg_2000_scans.jpg": Refusal.TOO_SLOW,
    "slow_png_8900x8900.png": Refusal.BLANK,  # it is of one grey: read, within its time, to the end
}


@pytest.mark.shared
@pytest.mark.skipif(not REPORTED.is_dir(), reason="no test files beside the repository")
@pytest.mark.parametrize("name", [*READ, *REFUSED])
def test_each_reported_file_ends_as_it_should(name: str) -> None:
    ends = read_or_refusal((Path(REPORTED) / name).read_bytes(), "x")
    if isinstance(ends, UnreadableImage):
        assert ends.kind is REFUSED[name]
        return
    assert (ends.laterality, ends.view, ends.facts) == READ[name]
    same = read((REPORTED / "same_sop_1.dcm").read_bytes(), "x").pixels
    shown = 1 - ends.pixels if looked_at(ends.pixels).negative else ends.pixels
    np.testing.assert_allclose(shown, same, atol=1e-6 if name.endswith("slope.dcm") else 1 / 255)


def in_a_store(data: Path, *names: str) -> list[tuple[str, list[str]]]:
    """The studies that these files become, with the views of each."""
    with Store.open(data) as store:
        for name in names:
            list(take_in(store, (REPORTED / name).read_bytes(), name, Origin("batch", now()), DEFAULT_MODEL))
        return [(row.title, [view.image.sha256 for view in row.views]) for row in worklist.rows(store, Query())]


@pytest.mark.shared
@pytest.mark.skipif(not REPORTED.is_dir(), reason="no test files beside the repository")
def test_reported_files_become_the_studies_that_they_are(tmp_path: Path) -> None:
    named = in_a_store(tmp_path / "names", "names_umlaut_two_patients.zip")
    assert {title for title, _ in named} == {"Müller", "Møller"}
    [(_, views)] = in_a_store(tmp_path / "letters", "study_uid_hex_1.dcm", "study_uid_hex_2.dcm")
    assert len(views) == 2
    [(_, [_])] = in_a_store(tmp_path / "again", "same_sop_1.dcm", "same_sop_2.dcm")
