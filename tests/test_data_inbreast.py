"""INbreast: points are (x, y), the table's names and typos, regions closed over specks."""

import plistlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mtunet.case import Box, Calcification, Laterality, View
from tests.dicoms import dicom, drawn
from training.data.inbreast import CLOSING_MM, MARGIN_MM, region
from training.data.registry import DataSetMissing, Known, LabelledView, Lesion, card, samples

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
SHAPE = (400, 300)
TABLE = """Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads
removed;removed;R;CC;201001;111;2;2
removed;removed;L;MLO;201001;222;  ;1
removed;removed;R;CC;201001;333;3;4a
removed;removed;L;CC;201001;444;1;5
removed;removed;L;CC;201001;555;1;2
removed;removed;L;CC;201001;666;1;3
"""


def roi(name: str, *points: tuple[float, float]) -> dict[str, object]:
    return {"Name": name, "NumberOfPoints": len(points), "Point_px": [f"({x:.3f}, {y:.3f})" for x, y in points]}


ANNOTATIONS = {
    "111": [
        roi("Calcification", (40, 100)),
        roi("Calcifications", (60, 100)),
        roi("Calcification", (200, 300), (209, 300), (209, 304), (200, 304)),
        roi("Calcification"),
        roi("Mass", (5, 5), (50, 5), (50, 50)),
    ],
    "333": [roi("Assymetry", (5, 5), (9, 5), (9, 9)), roi("Espiculated Region", (5, 5), (9, 5), (9, 9))],
    "444": [roi("Cluster", (280, 10), (305, 10), (305, 30), (280, 30))],
    "555": [roi("Unnamed", (7, 7))],
}
"""By file: what the XML holds. 222 has none and is BI-RADS 1; 666 has none and is not."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "INbreast Release 1.0"
    for folder in ("AllDICOMs", "AllXML"):
        (root / folder).mkdir(parents=True)
    (root / "INbreast.csv").write_text(TABLE)
    picture = dicom(drawn(*SHAPE), ImagerPixelSpacing=[0.2, 0.2])
    names = {"111": "aa_MG_R_CC", "222": "aa_MG_L_ML", "333": "bb_MG_R_CC"}
    for id in ("111", "222", "333", "444", "555", "666"):
        name = names.get(id, f"c{id}_MG_L_CC")
        (root / "AllDICOMs" / f"{id}_{name}_ANON.dcm").write_bytes(picture)
    for id, rois in ANNOTATIONS.items():
        (root / "AllXML" / f"{id}.xml").write_bytes(plistlib.dumps({"Images": [{"ImageIndex": 0, "ROIs": rois}]}))
    return root


def read(root: Path) -> dict[str, LabelledView]:
    return {view.sample.name: view for view in samples("inbreast", root)}


def test_points_are_columns_first_and_every_speck_is_a_lesion(root: Path) -> None:
    lesions = read(root)["inbreast-111"].lesions[MC]
    assert [(lesion.form, lesion.box) for lesion in lesions] == [
        ("point", Box(100, 40, 101, 41)),
        ("point", Box(100, 60, 101, 61)),
        ("outline", Box(300, 200, 305, 210)),
    ]
    assert lesions[2].patch.all()


def test_an_outline_beyond_the_frame_ends_at_it(root: Path) -> None:
    view = read(root)["inbreast-444"]
    assert view.lesions[MC][0].box == Box(10, 280, 31, 300)
    assert view.sample.masks[MC][20, 299]


def test_what_is_known_comes_from_the_findings_and_bac_is_never_known(root: Path) -> None:
    views = read(root)
    assert {name[-3:]: view.known[MC] for name, view in views.items()} == {
        "111": Known.MASK,
        "222": Known.ABSENT,  # nothing was found
        "333": Known.ABSENT,  # other things were found
        "444": Known.MASK,
        "555": Known.UNKNOWN,  # nobody says what was found
        "666": Known.UNKNOWN,  # something was found, its XML is not here
    }
    assert {view.known[BAC] for view in views.values()} == {Known.UNKNOWN}


def test_specks_nearer_than_twice_the_closing_are_one_region_and_others_are_not() -> None:
    def points(gap: int) -> npt.NDArray[np.bool_]:
        at = (Box(100, x, 101, x + 1) for x in (100, 100 + gap))
        return region(tuple(Lesion(MC, "point", box, np.ones((1, 1), bool)) for box in at), (200, 300), 0.1)

    assert cv2.connectedComponents(points(60).astype(np.uint8))[0] - 1 == 1  # 6 mm apart
    assert cv2.connectedComponents(points(120).astype(np.uint8))[0] - 1 == 2  # 12 mm: beyond 2 × 4 mm and margins
    alone = points(0)
    assert alone.sum() * 0.01 == pytest.approx(np.pi * MARGIN_MM**2, rel=0.08)
    assert CLOSING_MM == 4.0


def test_a_region_at_the_frame_s_edge_is_not_eaten_by_it() -> None:
    corner = (Lesion(MC, "point", Box(0, 0, 1, 1), np.ones((1, 1), bool)),)
    found = region(corner, (100, 100), 0.1)
    assert found[0, 0]
    assert found.sum() * 0.01 == pytest.approx(np.pi * MARGIN_MM**2 / 4, rel=0.12)


def test_patient_side_and_view_come_from_the_file_s_name(root: Path) -> None:
    views = read(root)
    assert views["inbreast-111"].sample.patient == views["inbreast-222"].sample.patient == "inbreast-aa"
    assert views["inbreast-333"].sample.patient == "inbreast-bb"
    assert (views["inbreast-222"].laterality, views["inbreast-222"].view) == (Laterality.LEFT, View.MLO)
    assert [views[f"inbreast-{id}"].density for id in ("111", "222")] == ["2", ""]
    assert views["inbreast-111"].sample.spacing_mm == pytest.approx(0.2)


def test_a_damaged_annotation_is_unknown_not_absent(root: Path) -> None:
    (root / "AllXML" / "222.xml").write_text("<plist>")
    assert read(root)["inbreast-222"].known[MC] is Known.UNKNOWN


def test_without_the_table_no_image_is_called_normal(root: Path) -> None:
    (root / "INbreast.csv").unlink()
    assert read(root)["inbreast-222"].known[MC] is Known.UNKNOWN
    assert "INbreast.csv was not found" in card("inbreast", root)


def test_the_card_counts_and_refers_to_the_authors(root: Path) -> None:
    text = card("inbreast", root)
    assert "images found: 6 (the published set has 410)" in text
    assert "patients: 5" in text
    assert "4 XML files, 3 specks" in text
    assert "MC marked in 2 images, known absent in 2, unknown in 2" in text
    assert "Incomplete: expected 410 DICOM files in AllDICOMs." in text


def test_another_table_is_a_sentence(root: Path) -> None:
    (root / "INbreast.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataSetMissing, match="Expected the columns File Name, ACR, Bi-Rads separated by semicolons"):
        card("inbreast", root)
