"""Pictures: every format gives the drawn pixels; colour, pages and damage are refused in words."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtunet.case import Laterality, Mammogram, Refusal, UnreadableImage, View
from mtunet.imaging.reading import display_name, read
from tests.dicoms import drawn, read_or_refusal

GREY8 = drawn(bits=8).astype(np.uint8)
GREY16 = drawn(bits=16)


def encoded(suffix: str, pixels: npt.NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1].tobytes())


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refused(data: bytes) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        read(data, "x.png")
    return caught.value


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".pgm"])
def test_8_bit_pictures_are_exact(suffix: str) -> None:
    np.testing.assert_allclose(read(encoded(suffix, GREY8), "x").pixels, GREY8 / 255, atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_pictures_keep_all_their_bits(suffix: str) -> None:
    np.testing.assert_allclose(read(encoded(suffix, GREY16), "x").pixels, GREY16 / 65_535, atol=1e-6)


def test_jpeg_is_read_closely() -> None:
    smooth = cv2.GaussianBlur(GREY8, (9, 9), 3)
    assert np.abs(read(encoded(".jpg", smooth), "x").pixels - smooth / 255).max() < 0.05


def test_12_bits_in_16_are_not_dark() -> None:
    image = drawn(bits=12)
    shown = read(encoded(".png", image), "x")
    np.testing.assert_allclose(shown.pixels, image / 4095, atol=1e-6)
    assert any("12 of 16 bits" in note for note in shown.notes)


def test_a_pgm_is_scaled_by_its_own_maximum() -> None:
    image = drawn(bits=12)
    data = b"P5\n80 96\n4095\n" + image.astype(">u2").tobytes()
    np.testing.assert_allclose(read(data, "x").pixels, image / 4095, atol=2e-5)


def test_white_is_zero_in_tiff_is_turned_round_once() -> None:
    for mode, top, pixels in (("L", 255, GREY8), ("I;16", 65_535, GREY16), ("I;16", 4095, GREY16 >> 4)):
        inverted = Image.fromarray(np.asarray(top - pixels, pixels.dtype))
        assert inverted.mode == mode
        data = saved(inverted, "TIFF")  # says "black is zero"; only that word is changed below
        tag = struct.pack("<HHI", 262, 3, 1)
        place = data.index(tag)
        data = data[: place + 8] + struct.pack("<H", 0) + data[place + 10 :]
        np.testing.assert_allclose(read(data, "x").pixels, pixels / top, atol=1e-6)


def test_grey_stored_as_rgb_is_grey_and_colour_is_refused() -> None:
    for pixels, top in ((GREY8, 255), (GREY16, 65_535)):
        np.testing.assert_allclose(read(encoded(".png", np.dstack([pixels] * 3)), "x").pixels, pixels / top, atol=1e-6)
        coloured = np.dstack([pixels] * 3)
        coloured[10:14, 10:14, 2] = top
        assert refused(encoded(".png", coloured)).kind is Refusal.COLOUR


def test_cmyk_is_refused_and_a_grey_palette_is_read() -> None:
    assert refused(saved(Image.fromarray(GREY8).convert("CMYK"), "JPEG")).kind is Refusal.COLOUR
    palette = Image.fromarray(GREY8).convert("P")
    np.testing.assert_allclose(read(saved(palette, "PNG"), "x").pixels, GREY8 / 255, atol=1e-6)


def test_transparency_is_laid_on_black() -> None:
    alpha = np.full_like(GREY8, 255)
    alpha[:20] = 0
    shown = read(encoded(".png", np.dstack([GREY8] * 3 + [alpha])), "x")
    assert shown.pixels[:20].max() == 0
    np.testing.assert_allclose(shown.pixels[20:], GREY8[20:] / 255, atol=1e-6)


def test_exif_rotation_is_applied_and_said() -> None:
    smooth = cv2.GaussianBlur(GREY8, (9, 9), 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is on the right
    shown = read(saved(Image.fromarray(smooth), "JPEG", exif=exif, quality=95), "x")
    assert shown.shape == (80, 96)
    assert np.abs(shown.pixels - np.rot90(smooth, -1) / 255).max() < 0.05
    assert any("EXIF" in note for note in shown.notes)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_means_the_same_at_8_and_16_bits(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    eight = read(saved(Image.fromarray(GREY8), "PNG", exif=exif), "x")
    png = cv2.imencode(".png", np.dstack([GREY8.astype(np.uint16) * 257] * 3))[1].tobytes()
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    sixteen = read(png[:33] + chunk + png[33:], "x")
    np.testing.assert_allclose(sixteen.pixels, eight.pixels, atol=1e-6)


def test_pictures_have_no_spacing_and_say_so() -> None:
    shown = read(saved(Image.fromarray(GREY8), "PNG", dpi=(300, 300)), "x")
    assert shown.spacing_mm is None
    assert any("pixels only" in note for note in shown.notes)


def test_a_mask_is_recognised() -> None:
    shown = read(encoded(".png", np.where(GREY8 > 100, 255, 0).astype(np.uint8)), "x")
    assert any("mask" in note for note in shown.notes)


REFUSED: dict[str, tuple[Callable[[], bytes], Refusal]] = {
    "black": (lambda: encoded(".png", np.zeros((96, 80), np.uint8)), Refusal.BLANK),
    "white": (lambda: encoded(".png", np.full((96, 80), 65_535, np.uint16)), Refusal.BLANK),
    "tiny": (lambda: encoded(".png", GREY8[:40, :40]), Refusal.TOO_SMALL),
    "pages": (
        lambda: saved(Image.fromarray(GREY8), "TIFF", save_all=True, append_images=[Image.fromarray(GREY8)]),
        Refusal.MANY_FRAMES,
    ),
    "half": (lambda: encoded(".png", GREY16)[:2000], Refusal.DAMAGED),
    "header only": (lambda: b"\x89PNG\r\n\x1a\n", Refusal.DAMAGED),
    "huge": (lambda: _claiming(60_000, 60_000), Refusal.TOO_LARGE),
}


def _claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size and whose data are a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_analysed_is_refused_by_kind(case: Any) -> None:
    make, kind = case
    assert refused(make()).kind is kind


NAMES = {
    "LCC.png": (Laterality.LEFT, View.CC),
    "R_MLO.png": (Laterality.RIGHT, View.MLO),
    "0_L-CC.png": (Laterality.LEFT, View.CC),
    "Calc-Training_P_00373_LEFT_MLO.png": (Laterality.LEFT, View.MLO),
    "A_0040_1.RIGHT_MLO.png": (Laterality.RIGHT, View.MLO),
    "20586908_6c613a14b80a8591_MG_R_ML_ANON.png": (Laterality.RIGHT, View.ML),
    "mdb249.pgm": (None, None),
    "5_ml_syringe.png": (None, None),
    "L.png": (None, None),
    "left_and_right_cc.png": (None, View.CC),
}


@pytest.mark.parametrize("name", NAMES)
def test_side_and_view_are_guessed_from_the_name_only_where_it_is_plain(name: str) -> None:
    shown = read(encoded(".png", GREY8), name)
    assert (shown.laterality, shown.view) == NAMES[name]
    assert any("guessed from the file name" in note for note in shown.notes) is (NAMES[name] != (None, None))


def test_names_are_made_safe_to_show() -> None:
    assert display_name("../../etc/passwd") == "passwd"
    assert display_name("a\\b\\c.dcm") == "c.dcm"
    assert display_name("evil\u202egnp.exe\n\x00") == "evilgnp.exe"
    assert display_name("\ud800 \x07") == "unnamed file"
    assert len(display_name("x" * 500 + ".dcm")) <= 120
    assert display_name("Müller <b>.png") == "Müller <b>.png"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_damage_to_a_picture_ends_in_a_mammogram_or_a_refusal(data: st.DataObject) -> None:
    whole = bytearray(encoded(data.draw(st.sampled_from([".png", ".tif", ".bmp", ".jpg", ".pgm"])), GREY8))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, min(400, len(whole) - 1)))] = data.draw(st.integers(0, 255))
    end = read_or_refusal(bytes(whole[: data.draw(st.integers(20, len(whole)))]))
    assert isinstance(end, Mammogram) or end.sentence.startswith("Expected")


def test_a_strip_is_refused_before_it_is_looked_at() -> None:
    strip = cv2.imencode(".png", np.tile(np.arange(200, dtype=np.uint8), (9000, 1)))[1].tobytes()
    with pytest.raises(UnreadableImage, match="200 × 9000 pixels, which no mammogram's shape is") as caught:
        read(strip, "strip.png")
    assert caught.value.kind is Refusal.TOO_LARGE
