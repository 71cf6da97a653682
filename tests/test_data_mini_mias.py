"""mini-MIAS: circles counted from the bottom, films without a place, and what is absent or unknown."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mtunet.case import Box, Calcification, Laterality
from mtunet.detection.breast import breast_region
from training.data.mini_mias import disc
from training.data.recipes import Mixture
from training.data.registry import DataSetMissing, Known, LabelledView, card, samples, touched
from training.tools.real.choosing import normal_films, with_films

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
INFO = """Dear reader, mdb stands for database.
mdb001 G CALC B 300 900 20
mdb001 G CALC M 700 100 5
mdb002 D CALC M *NOTE 3*
mdb003 F NORM
mdb004 F CIRC B
mdb005 F CALC B 500 500 8
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Info.txt").write_text(INFO, "latin-1")
    for number in (1, 2, 3, 4):
        film = np.zeros((1024, 1024), np.uint8)
        film[:, 200:800] = 90
        cv2.imwrite(str(tmp_path / f"mdb{number:03d}.{'png' if number == 3 else 'pgm'}"), film)
    return tmp_path


def read(root: Path) -> dict[str, LabelledView]:
    return {view.sample.name: view for view in samples("mini-mias", root)}


def test_circles_are_counted_from_the_bottom_left(root: Path) -> None:
    first, second = read(root)["mdb001"].lesions[MC]
    assert first.box == Box(124 - 20, 300 - 20, 124 + 21, 300 + 21)
    assert second.box == Box(924 - 5, 700 - 5, 924 + 6, 700 + 6)
    found = np.zeros((1024, 1024), bool)
    found[124, 300] = True
    assert touched(first, found)
    assert not touched(second, found)


def test_a_disc_has_the_area_of_its_circle_and_stays_in_the_frame() -> None:
    assert disc((500, 500, 50)).patch.sum() == pytest.approx(np.pi * 50**2, rel=0.01)
    assert disc((5, 1020, 50)).box == Box(0, 0, 55, 56)


def test_only_a_normal_film_has_no_mc_and_bac_is_never_known(root: Path) -> None:
    views = read(root)
    assert {name: view.known[MC] for name, view in views.items()} == {
        "mdb001": Known.LESIONS,
        "mdb002": Known.PRESENT,
        "mdb003": Known.ABSENT,
        "mdb004": Known.UNKNOWN,
    }
    assert {view.known[BAC] for view in views.values()} == {Known.UNKNOWN}
    assert [name for name, view in views.items() if view.sample.masks] == ["mdb003"]


def test_pairs_of_films_are_one_woman_right_then_left(root: Path) -> None:
    views = read(root)
    assert [view.sample.patient for view in views.values()] == ["mini-mias-001"] * 2 + ["mini-mias-002"] * 2
    assert [view.laterality for view in views.values()] == [Laterality.RIGHT, Laterality.LEFT] * 2
    assert {view.sample.spacing_mm for view in views.values()} == {0.2}


def test_a_film_of_another_size_is_left_out_because_its_circles_would_lie_elsewhere(root: Path) -> None:
    cv2.imwrite(str(root / "mdb005.pgm"), np.tile(np.arange(512, dtype=np.uint8), (512, 1)))
    said: list[str] = []
    assert "mdb005" not in {view.sample.name for view in samples("mini-mias", root, said.append)}
    assert said == ["mdb005 is left out: expected 1024×1024 pixels, on which the circles are given, found 512×512"]


def test_the_card_counts_and_says_what_is_missing(root: Path) -> None:
    text = card("mini-mias", root)
    assert "films in Info.txt: 5 (the published table has 322)" in text
    assert "with calcifications: 3 films, 3 circles" in text
    assert "everywhere: mdb002" in text
    assert "images found: 4 of 5, 2 of the 3 with calcifications" in text
    assert "Incomplete: expected mdbNNN.pgm" in text
    assert "research only" in text


def test_a_missing_table_or_no_images_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(DataSetMissing, match=r"Expected mini-MIAS's table Info.txt under .* Get it at .* licence"):
        card("mini-mias", tmp_path / "nowhere")
    (tmp_path / "Info.txt").write_text("nothing here")
    with pytest.raises(DataSetMissing, match="holds no row such as"):
        card("mini-mias", tmp_path)
    (tmp_path / "Info.txt").write_text(INFO)
    with pytest.raises(DataSetMissing, match=r"Expected images such as mdb001.pgm under .*, found none"):
        list(samples("mini-mias", tmp_path))


@pytest.mark.shared
def test_the_published_table_holds_what_is_known_of_it(shared: Path) -> None:
    text = card("mini-mias", shared / "real" / "mini_mias")
    assert "films in Info.txt: 322\n" in text
    assert "with calcifications: 25 films, 27 circles" in text
    assert "everywhere: mdb216, mdb233, mdb245" in text
    assert "no MC: 207" in text


@pytest.mark.shared
def test_circles_of_real_films_hold_sharp_specks_and_their_mirror_images_do_not(shared: Path) -> None:
    calcified = [v for v in samples("mini-mias", shared / "real" / "mini_mias") if v.known[MC] is Known.LESIONS]
    assert len(calcified) == 8
    compared = 0
    for view in calcified:
        pixels = view.sample.pixels.astype(np.float32) / 65_535
        breast, sharp = breast_region(pixels), pixels - cv2.GaussianBlur(pixels, (0, 0), 5)
        for lesion in view.lesions[MC]:
            box, mirrored = lesion.box, slice(1024 - lesion.box.bottom, 1024 - lesion.box.top)
            assert breast[box.top : box.bottom, box.left : box.right][lesion.patch].mean() > 0.95, view.sample.name
            if box.top < 512 < box.bottom:
                continue  # the circle and its mirror image overlap
            there, elsewhere = (
                np.percentile(sharp[rows, box.left : box.right][lesion.patch], 99.5)
                for rows in (slice(box.top, box.bottom), mirrored)
            )
            assert there > elsewhere, view.sample.name
            compared += 1
    assert compared == 7


def test_every_second_normal_film_is_for_choosing_and_holds_nothing(root: Path, tmp_path: Path) -> None:
    table = "\n".join([INFO, *(f"mdb{number:03d} G NORM" for number in range(6, 9))])
    (root / "Info.txt").write_text(table, "latin-1")
    for number in range(6, 9):
        (root / f"mdb{number:03d}.pgm").write_bytes((root / "mdb001.pgm").read_bytes())
    folder = tmp_path / "all" / "mini_mias"
    folder.parent.mkdir()
    folder.symlink_to(root)
    films = list(normal_films(folder.parent))
    assert [film.name for film in films] == ["mdb003", "mdb007"]
    assert not any(film.masks[kind].any() for film in films for kind in Calcification)
    told = with_films(Mixture(validation=3), folder.parent)
    assert "3 phantoms" in told.said
    assert "and 2 normal films" in told.said
    assert [sample.name for sample in told.parts[2]()] == ["mdb003", "mdb007"]
