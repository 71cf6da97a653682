"""CBIS-DDSM in each folder layout it is downloaded in, with the defects of its tables and masks drawn in."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtunet.case import Calcification, Laterality, View
from tests.drawn_cbis import (
    LAYOUTS,
    SHAPE,
    VIEWS,
    Box,
    Layout,
    classic,
    drawn_tree,
    jpeg_copy,
    rectangles,
    write_tables,
)
from training.data.cbis_ddsm import estimated_pitch
from training.data.cbis_rows import Meaning, find_files, meaning, read_tables
from training.data.registry import DataSetMissing, Known, LabelledView, card, samples

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
EXPECTED: Mapping[str, Mapping[Calcification, tuple[Box, ...]]] = {
    "Calc-Training_P_00001_LEFT_CC": {MC: ((20, 30, 120, 110), (90, 80, 190, 170))},
    "Calc-Training_P_00001_LEFT_MLO": {BAC: ((150, 10, 240, 120),)},
    "Calc-Training_P_00002_RIGHT_CC": {MC: ((115, 69, 230, 161),)},
    "Calc-Test_P_00003_RIGHT_MLO": {MC: ((100, 60, 190, 150),)},
    "Calc-Training_P_00007_RIGHT_CC": {BAC: ((220, 20, 300, 120),)},  # a region without a type may be MC
    "Calc-Training_P_00006_RIGHT_CC": {MC: ((100, 100, 200, 200),), BAC: ((50, 50, 150, 150),)},
}
"""What may come out, as exact rectangles; views of which nothing is known are not here."""


def read(root: Path) -> tuple[dict[str, LabelledView], list[str]]:
    said: list[str] = []
    return {view.sample.name: view for view in samples("cbis-ddsm", root, said.append)}, said


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_exact_masks(layout: Layout, tmp_path: Path) -> None:
    layout(tmp_path, drawn_tree(missing="NA" if layout is jpeg_copy else "N/A"))
    views, said = read(tmp_path)
    assert set(views) == set(EXPECTED)
    for name, expected in EXPECTED.items():
        masks = views[name].sample.masks
        assert set(masks) == set(expected), name
        for kind, boxes in expected.items():
            assert np.array_equal(masks[kind], rectangles(SHAPE, *boxes)), (name, kind)
            assert [tuple(lesion.box) for lesion in views[name].lesions[kind]] == [
                (top, left, bottom, right) for top, left, bottom, right in boxes
            ]
    assert said == [
        "Calc-Training_P_00005_LEFT_CC, abnormality 2: neither its mask nor its crop is here; "
        "the download is incomplete"
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    classic(tmp_path, drawn_tree())
    return tmp_path


def test_vascular_is_arterial_and_never_mc_and_what_is_not_marked_is_unknown(root: Path) -> None:
    views, _ = read(root)
    vascular = views["Calc-Training_P_00001_LEFT_MLO"]
    assert vascular.known == {MC: Known.UNKNOWN, BAC: Known.MASK}
    assert vascular.sample.stratum == "bac"
    assert views["Calc-Training_P_00001_LEFT_CC"].known == {MC: Known.MASK, BAC: Known.UNKNOWN}
    assert views["Calc-Training_P_00006_RIGHT_CC"].sample.stratum == "both"


def test_a_benign_region_is_easily_mistaken_but_no_mc(root: Path) -> None:
    sample = read(root)[0]["Calc-Training_P_00002_RIGHT_CC"].sample
    assert np.array_equal(sample.hard_negatives, rectangles(SHAPE, (10, 10, 90, 100)))
    assert not sample.masks[MC][10:90, 10:69].any()


def test_repairs_are_said(root: Path) -> None:
    views, _ = read(root)
    assert views["Calc-Training_P_00002_RIGHT_CC"].notes == (
        "Abnormality 1: A mask was resized by 1.1500 (300×200 against 345×230).",
    )
    assert views["Calc-Test_P_00003_RIGHT_MLO"].notes == (
        "Abnormality 1: A mask was moved by -12 rows and 8 columns to where its crop was found "
        "(361×238 against 345×230).",
    )
    assert views["Calc-Training_P_00001_LEFT_CC"].notes == ()


def test_a_view_says_whose_it_is_and_how_it_was_marked(root: Path) -> None:
    view = read(root)[0]["Calc-Test_P_00003_RIGHT_MLO"]
    assert (view.sample.patient, view.laterality, view.view) == ("cbis-P_00003", Laterality.RIGHT, View.MLO)
    assert (view.split, view.density, view.spacing) == ("test", "2", "assumed")
    assert "CBIS-DDSM" in view.truth
    assert read(root)[0]["Calc-Training_P_00002_RIGHT_CC"].density == ""  # 0 means not given


def test_the_card_counts_without_opening_an_image(root: Path) -> None:
    for path in root.rglob("*.dcm"):
        path.write_bytes(b"")
    text = card("cbis-ddsm", root)
    assert "8 MC, 3 BAC (VASCULAR), 1 of benign type, 2 without a type" in text
    assert "views: 8 of 7 patients; 5 with several abnormalities" in text
    assert "MC known in 5 views, BAC in 3 (3 patients), both in 1; neither in 1, not used" in text
    assert "folder layout: classic" in text
    assert "images found: 8 of 8, 7 with all masks" in text
    assert "Incomplete: expected an image and its masks for each of 8 views, found 7 complete." in text
    assert "licence: CC BY 3.0" in text
    assert "calc_case_description_train_set.csv has 13 rows, the published table 1546: a changed or cut copy." in text
    assert "mass_case_description_train_set.csv was not found." in text


def test_patients_in_a_training_and_a_test_set_are_counted(tmp_path: Path) -> None:
    shared = replace(VIEWS[3], patient="P_00001")
    tree = drawn_tree((*VIEWS[:3], shared))
    mass = [{**row} for row in tree.tables["calc_case_description_train_set.csv"][:1]]
    mass[0]["breast_density"] = mass[0].pop("breast density")
    tree.tables["mass_case_description_test_set.csv"] = mass
    write_tables(tmp_path, tree)
    text = card("cbis-ddsm", tmp_path)
    assert "1 in calcification training and test, 1 in calcification training and mass test, 0 in" in text
    assert "views in both the calcification and the mass tables: 1" in text


def test_a_missing_download_is_a_sentence_with_address_and_licence(tmp_path: Path) -> None:
    for nothing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataSetMissing, match=r"Expected calc_case.*found no table\. Get it .*https.*CC BY 3\.0"):
            card("cbis-ddsm", nothing)
    write_tables(tmp_path, drawn_tree())
    with pytest.raises(DataSetMissing, match=r"Expected CBIS-DDSM's images under .* found the tables and 0 image"):
        list(samples("cbis-ddsm", tmp_path))


def test_a_changed_table_is_a_sentence(tmp_path: Path) -> None:
    tree = drawn_tree()
    rows = tree.tables["calc_case_description_train_set.csv"]
    tree.tables["calc_case_description_train_set.csv"] = [
        {k: v for k, v in r.items() if k != "image view"} for r in rows
    ]
    write_tables(tmp_path, tree)
    with pytest.raises(DataSetMissing, match=r"Expected the column 'image view' in .*, found: patient id, breast"):
        card("cbis-ddsm", tmp_path)
    rows[0]["image file path"] = "somewhere/else.dcm"
    tree.tables["calc_case_description_train_set.csv"] = rows
    write_tables(tmp_path, tree)
    with pytest.raises(DataSetMissing, match=r"paths of four parts .* found otherwise for P_00001"):
        card("cbis-ddsm", tmp_path)


def test_views_that_were_not_downloaded_are_counted(root: Path) -> None:
    shutil.rmtree(root / "CBIS-DDSM" / "Calc-Training_P_00001_LEFT_CC")
    views, said = read(root)
    assert set(views) == set(EXPECTED) - {"Calc-Training_P_00001_LEFT_CC"}
    assert said[0].startswith("1 of 8 views are left out: their images are not here. Get it from The Cancer Imaging")


def test_an_unreadable_image_leaves_only_its_view_out(root: Path) -> None:
    film = next((root / "CBIS-DDSM" / "Calc-Training_P_00001_LEFT_CC").rglob("*.dcm"))
    film.write_bytes(b"broken")
    views, said = read(root)
    assert set(views) == set(EXPECTED) - {"Calc-Training_P_00001_LEFT_CC"}
    assert any(s.startswith("Calc-Training_P_00001_LEFT_CC is left out: Expected one greyscale") for s in said)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("VASCULAR", Meaning.BAC),
        ("VASCULAR-COARSE-LUCENT_CENTER-ROUND_AND_REGULAR-PUNCTATE", Meaning.BAC),
        ("PLEOMORPHIC-FINE_LINEAR_BRANCHING", Meaning.MC),
        ("SKIN-PUNCTATE", Meaning.MC),
        ("AMORPHOUS", Meaning.MC),
        ("ROUND_AND_REGULAR-LUCENT_CENTERED", Meaning.BENIGN),
        ("LARGE_RODLIKE", Meaning.BENIGN),
        ("N/A", Meaning.UNSTATED),
        ("NA", Meaning.UNSTATED),
        (" ", Meaning.UNSTATED),
    ],
)
def test_what_a_calc_type_means(said: str, means: Meaning) -> None:
    assert meaning(said) is means


@pytest.mark.parametrize(
    ("shape", "pitch"),
    [
        ((5491, 2296), 0.0435),
        ((6661, 3121), 0.0435),
        ((4656, 2968), 0.05),
        ((4800, 3088), 0.05),
        ((5696, 3000), 0.042),
        ((2404, 1512), None),
        ((345, 230), None),
    ],
)
def test_the_pitch_is_estimated_only_from_sizes_that_a_known_scanner_makes(
    shape: tuple[int, int], pitch: float | None
) -> None:
    assert estimated_pitch(shape) == (pitch, "estimated" if pitch else "assumed")


@pytest.mark.shared
def test_the_published_tables_hold_what_is_known_of_them(shared: Path) -> None:
    root = shared / "real" / "cbis_ddsm"
    tables = read_tables(root, find_files(root).csvs)
    assert tables.notes == ()
    calcifications = tables.calcifications
    assert (len(calcifications), len(tables.masses)) == (1872, 1696)
    vascular = [row for row in calcifications if row.meaning is Meaning.BAC]
    assert len(vascular) == 106
    assert len({row.image.id for row in vascular}) == 67
    assert len({row.patient for row in vascular}) == 21
    assert sum(row.split == "train" for row in vascular) == 98
    assert len({row.image.id for row in calcifications}) == 1511
    assert sum(row.density == "" for row in calcifications) == 2
    for row in (*calcifications, *tables.masses):
        for place in (row.image, row.crop, row.mask):
            assert place.series == place.series.strip()
            assert place.series.startswith("1.3.6.1.4.1.9590.100.1.2.")


@pytest.mark.shared
def test_the_card_of_the_published_tables(shared: Path) -> None:
    text = card("cbis-ddsm", shared / "real" / "cbis_ddsm")
    assert "MC known in 1247 views, BAC in 67 (21 patients)" in text
    assert "0 in calcification training and test, 18 in calcification training and mass test, 13 in" in text
    assert "views in both the calcification and the mass tables: 71" in text
    assert "images found: 0 of 1511" in text
