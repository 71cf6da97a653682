"""Every export is opened again by a reader that is not ours."""

import csv
import io
import json
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from mtunet.case import Networks
from mtunet.detection.analysis import reweigh
from mtunet.detection.analysis_json import SCHEMA_FILE
from mtunet.files import Stems, stem
from mtunet.output.exports import CSV_COLUMNS, EXPORTS, Result, to_csv, to_mask_pngs
from tests.drawn_results import BAC, MC, drawn_mammogram, drawn_segmentation


def result(file: str = "LCC.dcm", spacing_mm: tuple[float, float] | None = (0.1, 0.1)) -> Result:
    mammogram = drawn_mammogram(spacing_mm)
    segmentation = drawn_segmentation(mammogram)
    return Result(file, mammogram, reweigh(mammogram, segmentation), segmentation)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


@pytest.fixture(autouse=True)
def _skip_what_cannot_be_made(request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params.get("name") if hasattr(request.node, "callspec") else None
    if name in EXPORTS and EXPORTS[name].missing:
        pytest.skip(EXPORTS[name].missing)


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("spacing_mm", [None, (0.1, 0.1)])
def test_every_export_is_made_with_and_without_spacing(name: str, spacing_mm: tuple[float, float] | None) -> None:
    assert EXPORTS[name].function(result(spacing_mm=spacing_mm))
    assert EXPORTS[name].suffix
    assert "/" in EXPORTS[name].mime


@pytest.mark.parametrize("name", EXPORTS)
def test_the_same_result_gives_the_same_bytes(name: str) -> None:
    one = result()
    assert EXPORTS[name].function(one) == EXPORTS[name].function(one)


def test_an_absent_package_is_said_with_what_to_install() -> None:
    absent = replace(EXPORTS["seg"], needs=("no_such_package", "interop"))
    assert absent.missing == (
        "Segmentation (DICOM SEG) needs the Python package no_such_package, which is not installed here. "
        "Install it with: python -m pip install -e '.[interop]'"
    )
    assert EXPORTS["png"].missing == ""


def test_no_two_exports_share_a_label_or_a_suffix() -> None:
    assert len({e.label for e in EXPORTS.values()}) == len({e.suffix for e in EXPORTS.values()}) == len(EXPORTS)


def test_the_json_keeps_to_the_published_schema() -> None:
    value = json.loads(EXPORTS["json"].function(result()))
    Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).validate(value)
    assert value["file"] == "LCC.dcm"
    assert "not for clinical use" in value["disclaimer"]


def test_the_png_is_the_whole_image_with_a_strip_below_and_colours_in_their_order() -> None:
    picture = cv2.imdecode(np.frombuffer(EXPORTS["png"].function(result()), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] > 600
    assert picture.shape[1] >= 400
    red = (picture[398:402, 100:300] == (0, 0, 255)).all(axis=2)  # OpenCV reads blue first
    assert red.any()


def test_the_csv_has_a_row_per_finding_with_units_in_its_columns() -> None:
    read = rows(to_csv(result()))
    assert list(read[0]) == list(CSV_COLUMNS)
    assert [(r["type"], r["area_mm2"], r["area_px"]) for r in read] == [("mc", "16", "1600"), ("bac", "60", "6000")]
    assert all(r["flag"] == "mostly_bac_mc_left" and "not for clinical use" in r["disclaimer"] for r in read)


def test_the_csv_says_how_many_networks_see_a_finding_where_that_is_known() -> None:
    one = result()
    mc, bac = one.analysis.findings
    told = replace(one, analysis=replace(one.analysis, findings=(replace(mc, networks=Networks(1, 2)), bac)))
    assert [(r["networks_agree"], r["networks_of"]) for r in rows(to_csv(told))] == [("1", "2"), ("", "")]


def test_the_csv_of_an_image_without_findings_still_says_its_flag() -> None:
    one = result()
    none = reweigh(one.mammogram, one.segmentation, {MC: 1.0, BAC: 1.0})
    (row,) = rows(to_csv(replace(one, analysis=none)))
    assert (row["flag"], row["number"], row["area_mm2"]) == ("none", "", "")


def test_the_csv_leaves_millimetres_empty_without_spacing() -> None:
    assert {r["area_mm2"] + r["length_mm"] for r in rows(to_csv(result(spacing_mm=None)))} == {""}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " ="])
def test_no_csv_cell_is_a_formula(start: str) -> None:
    name = f"{start}HYPERLINK(1).dcm"
    assert rows(to_csv(result(file=name)))[0]["file"] == f"'{name}"


def test_masks_are_what_was_found_after_the_minimum_size_on_the_images_grid() -> None:
    archive = zipfile.ZipFile(io.BytesIO(EXPORTS["masks"].function(result("a/LCC.dcm"))))
    assert b"not for clinical use" in archive.read("README.txt").lower()
    assert archive.namelist() == ["LCC_mc.png", "LCC_bac.png", "README.txt"]
    mc = cv2.imdecode(np.frombuffer(archive.read("LCC_mc.png"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (mc.shape, mc.dtype) == ((600, 400), np.uint8)
    expected = np.zeros((600, 400), np.uint8)
    expected[100:140, 50:90] = 255  # the speck of 0.04 mm² is dropped
    assert (mc == expected).all()


def test_masks_follow_the_thresholds_of_the_analysis() -> None:
    one = result()
    higher = replace(one, analysis=reweigh(one.mammogram, one.segmentation, {MC: 0.5, BAC: 0.9}))
    masks = {k: cv2.imdecode(np.frombuffer(v, np.uint8), -1) for k, v in to_mask_pngs(higher).items()}
    assert masks[MC].any()
    assert not masks[BAC].any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/LCC.dcm", "LCC"),
        ("a\\LCC.dcm", "LCC"),
        ("1.2.840.113", "1.2.840.113"),
        ("1.2.840.113.dcm", "1.2.840.113"),
        ("scan.tar.gz", "scan.tar"),
        (".hidden", ".hidden".strip(".")),
        ("..", "image"),
        ("", "image"),
        ("con.dcm", "_con"),
        ("a:b?.png", "a_b_"),
        ("x" * 400 + ".dcm", "x" * 150),
        ("é" * 200 + ".dcm", "é" * 75),
    ],
)
def test_stems_are_safe_names(name: str, expected: str) -> None:
    assert stem(name) == expected


def test_no_output_is_ever_given_twice() -> None:
    stems = Stems([".json", ".png", "_mc.png"], taken=["refused.json"])
    asked = ["a/x.dcm", "b/X.dcm", "x-2.png", "x_mc.png", "x.png", "refused.dcm"]
    assert [stems.next(name) for name in asked] == ["x", "X-2", "x-2-2", "x_mc-2", "x-3", "refused-2"]
    many = [stems.next(f"{number}/1-1.dcm") for number in range(20_000)]  # as a data set of ours calls its files
    assert (many[0], many[1], many[-1], len(set(many))) == ("1-1", "1-1-2", "1-1-20000", 20_000)
