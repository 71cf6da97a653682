"""Contact sheets: every image once, beside what is called what, notes that are never overwritten."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mtunet.case import Calcification, Mammogram
from mtunet.detection.models import Model, model_from_bytes
from mtunet.detection.network import NetworkConfig, build
from mtunet.detection.settings import Settings
from mtunet.detection.weights import write_weights
from tests.painting import drawn_png
from training import __main__ as command_line
from training.tools.contact_sheets import CAPTION, drawn_part, group, images_under, write_sheets


@pytest.fixture(scope="module")
def tiny() -> Model:
    halves = dict.fromkeys(Calcification, 0.5)
    return model_from_bytes(
        write_weights(build(NetworkConfig(width=4, norm="group")), Settings("detail", 0.8, halves, halves), {}), "tiny"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images" / "deeper"
    images.mkdir(parents=True)
    for name in ("b", "a", "c"):
        (images / f"{name}.png").write_bytes(drawn_png())
    (images / "words.txt").write_text("no image")
    return tmp_path / "images"


def test_every_image_that_can_be_read_is_given_by_name_and_the_others_are_said(folder: Path) -> None:
    said: list[str] = []
    assert [name for name, _ in images_under(folder, said.append)] == ["a", "b", "c"]
    [sentence] = said
    assert "words.txt is left out" in sentence


def test_sheets_hold_two_rows_and_notes_name_every_image(folder: Path, tiny: Model, tmp_path: Path) -> None:
    out = tmp_path / "sheets"
    sheets = write_sheets(images_under(folder, print), [tiny, tiny], out, height=120, per_row=1)
    assert [sheet.name for sheet in sheets] == ["sheet-01.jpg", "sheet-02.jpg"]
    assert (out / "notes.csv").read_text() == "image,note\na,\nb,\nc,\n"
    two_rows = cv2.imread(str(sheets[0]))
    assert two_rows is not None
    assert two_rows.shape[0] > 2 * (120 + CAPTION)


def test_notes_that_somebody_wrote_stay(folder: Path, tiny: Model, tmp_path: Path) -> None:
    out = tmp_path / "sheets"
    out.mkdir()
    (out / "notes.csv").write_text("image,note\na,plausible\n")
    write_sheets(images_under(folder, print), [tiny], out, height=80)
    assert (out / "notes.csv").read_text() == "image,note\na,plausible\n"


def test_each_model_has_its_picture(tiny: Model) -> None:
    view = Mammogram(np.full((200, 100), 0.3, np.float32), None, None, None, "0" * 64)
    one, two = group("v", view, [tiny], 100), group("v", view, [tiny, tiny], 100)
    assert one.shape[0] == two.shape[0] == 100 + CAPTION
    assert two.shape[1] > 2 * one.shape[1]


def test_a_part_is_shown_at_the_height_that_was_asked_for() -> None:
    view = Mammogram(np.linspace(0, 1, 200 * 100, dtype=np.float32).reshape(200, 100), None, None, None, "0" * 64)
    assert drawn_part(view, [], None, (0, 0, 200, 100), 50).shape == (50, 25, 3)
    near = drawn_part(view, [], None, (150, 20, 40, 40), 120)
    assert near.shape == (120, 120, 3)
    assert near.min() > 150, "the lower part is the bright one"


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["contact-sheets", str(tmp_path / "gone"), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert "Expected a folder of images" in capsys.readouterr().err
