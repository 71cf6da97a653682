"""Anybody's images and masks: what is known, what is refused, and who is whom."""

import csv
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mtunet.case import Calcification, Laterality, View
from tests.dicoms import dicom
from training.data.__main__ import main
from training.data.folder import patient_in
from training.data.registry import DATASETS, DataSetMissing, Known, LabelledView, card, samples

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
SHAPE = (200, 160)


def film(seed: int = 0) -> npt.NDArray[np.uint16]:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random(SHAPE, np.float32), (0, 0), 3)
    return np.rint((noise - noise.min()) / np.ptp(noise) * 65_535).astype(np.uint16)


def box(top: int, left: int, bottom: int, right: int, shape: tuple[int, int] = SHAPE) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def write(path: Path, picture: npt.NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture.astype(np.uint8) * 255 if picture.dtype == bool else picture)


def manifest(root: Path, *rows: dict[str, str]) -> None:
    with (root / "manifest.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, sorted({key for row in rows for key in row}))
        table.writeheader()
        table.writerows(rows)


def read(root: Path) -> tuple[dict[str, LabelledView], list[str]]:
    said: list[str] = []
    return {view.sample.name: view for view in samples("folder", root, said.append)}, said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """anna: both masks; berta: MC all black, no BAC mask; clara: no mask; spare: a mask without image."""
    for number, name in enumerate(("anna_LCC", "anna_RMLO", "berta-CC", "clara")):
        write(tmp_path / "images" / f"{name}.png", film(number))
    write(tmp_path / "masks" / "mc" / "anna_LCC.png", box(10, 10, 30, 40))
    write(tmp_path / "masks" / "bac" / "anna_LCC_bac.png", box(20, 30, 90, 44) | box(150, 5, 160, 9))
    write(tmp_path / "masks" / "bac" / "anna_RMLO_mask.png", box(30, 30, 60, 50, (100, 80)))
    write(tmp_path / "masks" / "mc" / "berta-CC.tif", np.zeros(SHAPE, bool))
    write(tmp_path / "masks" / "mc" / "spare.png", box(1, 1, 9, 9))
    return tmp_path


def test_masks_are_found_by_name_and_exact(root: Path) -> None:
    views, _ = read(root)
    assert set(views) == {"anna_LCC", "anna_RMLO", "berta-CC"}
    masks = views["anna_LCC"].sample.masks
    assert np.array_equal(masks[MC], box(10, 10, 30, 40))
    assert np.array_equal(masks[BAC], box(20, 30, 90, 44) | box(150, 5, 160, 9))
    assert [tuple(lesion.box) for lesion in views["anna_LCC"].lesions[BAC]] == [(20, 30, 90, 44), (150, 5, 160, 9)]
    assert np.array_equal(views["anna_RMLO"].sample.masks[BAC], box(60, 60, 120, 100))
    assert views["anna_RMLO"].notes == ("bac: A mask was resized by 2.0000 (100×80 against 200×160).",)


def test_a_missing_mask_is_unknown_and_a_black_one_is_absent(root: Path) -> None:
    views, said = read(root)
    assert views["berta-CC"].known == {MC: Known.ABSENT, BAC: Known.UNKNOWN}
    assert BAC not in views["berta-CC"].sample.masks
    assert views["anna_RMLO"].known == {MC: Known.UNKNOWN, BAC: Known.MASK}
    assert said == [
        "1 masks belong to no image, spare.png first.",
        "clara is left out: neither type's pixels are known.",
    ]


def test_the_card_says_unknown_and_guessed(root: Path) -> None:
    text = card("folder", root)
    assert "images: 4 of 3 patients" in text
    assert "mc: 2 with a mask, 0 known absent, 0 present without a mask, 2 unknown (not absent:" in text
    assert "Patients of 4 images are guessed" in text
    assert "1 masks belong to no image" in text


@pytest.mark.parametrize(
    ("names", "patient"),
    [
        (("anna_LCC", "anna_RMLO", "ANNA-L-CC", "anna left cc"), "anna"),
        (("Calc-Training_P_00013_LEFT_CC", "P_00013_RIGHT_MLO", "bac_P_00013"), "cbis-P_00013"),
        (("0042_L_CC", "0042_R_MLO", "0042"), "0042"),
        (("L_CC",), "l_cc"),
        (("mdb001",), "mdb001"),
        (("accent",), "accent"),
    ],
)
def test_views_of_one_woman_are_one_patient(names: tuple[str, ...], patient: str) -> None:
    assert {patient_in(name) for name in names} == {patient}


def test_a_manifest_says_all_there_is_to_say(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(dicom(np.tile(np.arange(160, dtype=np.uint16), (200, 1))))
    write(tmp_path / "b.png", film())
    write(tmp_path / "b_mc.png", box(5, 5, 9, 9))
    manifest(
        tmp_path,
        {"image": "a.dcm", "has_mc": "0", "has_bac": "1", "patient_id": "x"},
        {"image": "b.png", "mc_mask": "b_mc.png", "has_mc": "1", "patient_id": "x"}
        | {"pixel_mm": "0.07", "side": "left", "view": "mlo", "split": "test", "density": "c"},
    )
    views, said = read(tmp_path)
    assert said == []
    assert views["a"].known == {MC: Known.ABSENT, BAC: Known.PRESENT}
    assert set(views["a"].sample.masks) == {MC}
    assert (views["a"].spacing, views["a"].sample.spacing_mm) == ("file", pytest.approx(0.1))
    b = views["b"]
    assert (b.spacing, b.sample.spacing_mm, b.laterality, b.view, b.split, b.density) == (
        *("manifest", 0.07, Laterality.LEFT, View.MLO, "test", "c"),
    )
    assert {view.sample.patient for view in views.values()} == {"x"}
    assert "guessed" not in card("folder", tmp_path)


@pytest.mark.parametrize(
    ("row", "mask", "sentence"),
    [
        ({"has_mc": "0"}, box(5, 5, 9, 9), "has_mc is 0, but its mask shows some"),
        ({"has_mc": "1"}, np.zeros(SHAPE, bool), "has_mc is 1, but its mask shows nothing"),
        ({}, box(5, 5, 9, 9, (200, 150)), "expected its mc mask in the image's size or resized evenly, found 200×150"),
        ({}, np.repeat(np.uint8([0, 1, 2]), 80).reshape(20, 12), "holds 3 grey values"),
    ],
)
def test_a_contradiction_leaves_the_image_out_with_a_sentence(
    tmp_path: Path, row: dict[str, str], mask: npt.NDArray[np.generic], sentence: str
) -> None:
    write(tmp_path / "b.png", film())
    write(tmp_path / "m.png", mask)
    manifest(tmp_path, {"image": "b.png", "mc_mask": "m.png", **row})
    views, said = read(tmp_path)
    assert views == {}
    assert len(said) == 1
    assert said[0].startswith("b is left out: ")
    assert sentence in said[0]


def test_files_that_are_named_but_not_there_are_told(tmp_path: Path) -> None:
    write(tmp_path / "b.png", film())
    manifest(tmp_path, {"image": "b.png", "mc_mask": "gone.png"}, {"image": "gone.png", "mc_mask": ""})
    assert "Incomplete: 2 entries name a file that is not there, b first." in card("folder", tmp_path)
    views, said = read(tmp_path)
    assert views == {}
    assert "the mask gone.png cannot be read" in said[0]
    assert "expected its image at" in said[1]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"file": "b.png"}, "Expected the column image and any of .* Rename or remove file"),
        ({"image": "b.png", "has_mc": "perhaps"}, "Expected in row 2 of .* has_mc and has_bac as 0 or 1"),
        ({"image": "b.png", "pixel_mm": "-1"}, "Expected in row 2"),
        ({"image": ""}, "Expected in row 2"),
        ({"image": "b.png", "view": "sideways"}, "Expected in row 2"),
    ],
)
def test_a_manifest_that_cannot_be_understood_is_refused(tmp_path: Path, row: dict[str, str], sentence: str) -> None:
    manifest(tmp_path, row)
    with pytest.raises(DataSetMissing, match=sentence):
        card("folder", tmp_path)


@pytest.mark.parametrize(
    ("word", "split"),
    [("train", "train"), ("Train ", "train"), ("VALIDATION", "validation"), (" val", "validation"), ("Test", "test")],
)
def test_a_part_is_named_in_any_case_and_counted(tmp_path: Path, word: str, split: str) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name, film())
    manifest(tmp_path, {"image": "a.png", "has_mc": "0", "split": word}, {"image": "b.png", "has_mc": "0"})
    views, _ = read(tmp_path)
    assert {name: view.split for name, view in views.items()} == {"a": split, "b": ""}
    assert {view.divided for view in views.values()} == {split == "validation"}
    assert f"1 in {split}" in card("folder", tmp_path)
    assert "1 whose patients are drawn for one" in card("folder", tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("image;has_mc\nb.png;0\n", "commas between the columns of .*, found semicolons in row 1"),
        ("image\thas_mc\nb.png\t0\n", "commas between the columns of .*, found tabs in row 1"),
        ("image,density\na.png,b\nb.png,größer\n", "in UTF-8, found another encoding in row 3"),
        ('image,pixel_mm\nb.png,"0,07"\n', "row 2 of .* found pixel_mm '0,07'. Write a decimal point, not a comma"),
        ("image,pixel_mm\nb.png,0,07\n", "row 2 of .* each of 2 columns, found 3. Write numbers with a decimal point"),
    ],
)
def test_a_table_as_spreadsheets_write_it_elsewhere_is_refused_with_what_to_do(
    tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "manifest.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(DataSetMissing, match=sentence):
        card("folder", tmp_path)


def test_a_table_with_a_byte_order_mark_and_empty_cells_beyond_the_last_column_is_read(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("image,has_mc\nmüller.png,0,,\n", encoding="utf-8-sig")
    assert "images: 1 of 1 patients" in card("folder", tmp_path)


def test_a_negative_of_a_mask_leaves_the_image_out(tmp_path: Path) -> None:
    write(tmp_path / "b.png", film())
    write(tmp_path / "m.png", ~box(5, 5, 9, 9))
    manifest(tmp_path, {"image": "b.png", "mc_mask": "m.png"})
    views, said = read(tmp_path)
    assert views == {}
    assert "the mask m.png is white in 100% of its pixels" in said[0]


def test_another_word_for_a_part_is_refused_with_its_row(tmp_path: Path) -> None:
    manifest(tmp_path, {"image": "a.png", "split": "test"}, {"image": "b.png", "split": "Tset"})
    with pytest.raises(DataSetMissing, match=r"row 3 of .* split train, validation or test, found split 'Tset'\."):
        card("folder", tmp_path)


def test_an_image_listed_twice_and_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    manifest(tmp_path, {"image": "b.png"}, {"image": "b.png"})
    with pytest.raises(DataSetMissing, match=r"one row per image .* found b in several"):
        card("folder", tmp_path)
    (tmp_path / "manifest.csv").unlink()
    for name in ("b.png", "b.tif"):
        write(tmp_path / "images" / name, film())
    with pytest.raises(DataSetMissing, match=r"one file per name .* found b.png and b.tif"):
        card("folder", tmp_path)


def test_an_empty_folder_an_absent_one_and_images_alone_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataSetMissing, match=r"Expected images/NAME.png .* found no such folder"):
        card("folder", tmp_path / "nowhere")
    with pytest.raises(DataSetMissing, match="found an empty folder"):
        card("folder", tmp_path)
    write(tmp_path / "images" / "b.png", film())
    with pytest.raises(DataSetMissing, match="found 1 images but no mask"):
        card("folder", tmp_path)


def test_every_data_set_has_a_card_with_licence_or_a_sentence(tmp_path: Path) -> None:
    for name, data_set in DATASETS.items():
        assert data_set.name == name
        assert data_set.licence
        with pytest.raises(DataSetMissing, match=r"^Expected .* found .*"):
            card(name, tmp_path / "nowhere")
        with pytest.raises(DataSetMissing, match=r"^Expected .* found .*"):
            list(samples(name, tmp_path / "nowhere"))


def test_the_command_prints_the_card_and_what_reading_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["folder", "--root", str(root), "--read"], standalone_mode=False)
    out = capsys.readouterr().out
    assert "views read: 3" in out
    assert "bac unknown: 1" in out
    assert "clara is left out" in out
    assert "anna_RMLO: bac: A mask was resized" in out


def test_the_command_ends_with_2_and_a_sentence_when_nothing_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["inbreast", "--root", str(tmp_path)])
    assert end.value.code == 2
    assert "Expected files such as AllDICOMs/" in capsys.readouterr().err
