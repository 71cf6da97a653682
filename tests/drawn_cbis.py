"""Draws CBIS-DDSM as people have it: seven views with the set's known defects, in any of its folder layouts."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tests.dicoms import SECONDARY_CAPTURE, dicom

SHAPE = (345, 230)
Box = tuple[int, int, int, int]
Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Drawn:
    """One abnormality to draw. mask: shape of the mask file and the box in it, when they are not the view's own."""

    box: Box
    calc_type: str = "PLEOMORPHIC"
    mask: tuple[tuple[int, int], Box] | None = None
    swapped: bool = False
    own_crop_series: bool = False
    absent: bool = False


@dataclass(frozen=True)
class DrawnView:
    patient: str
    side: str
    view: str
    rows: tuple[Drawn, ...]
    split: str = "Training"
    density: str = "2"

    @property
    def id(self) -> str:
        return f"Calc-{self.split}_{self.patient}_{self.side}_{self.view}"


VIEWS = (
    DrawnView(
        "P_00001", "LEFT", "CC", (Drawn((20, 30, 120, 110), swapped=True), Drawn((90, 80, 190, 170), "PUNCTATE"))
    ),
    DrawnView("P_00001", "LEFT", "MLO", (Drawn((150, 10, 240, 120), "VASCULAR-COARSE"),)),
    DrawnView(
        "P_00002",
        "RIGHT",
        "CC",
        (
            Drawn((115, 69, 230, 161), "AMORPHOUS", ((300, 200), (100, 60, 200, 140))),
            Drawn((10, 10, 90, 100), "LUCENT_CENTER"),
        ),
        density="0",
    ),
    DrawnView(
        "P_00003",
        "RIGHT",
        "MLO",
        (Drawn((100, 60, 190, 150), "PLEOMORPHIC", ((361, 238), (112, 52, 202, 142)), own_crop_series=True),),
        split="Test",
    ),
    DrawnView("P_00004", "LEFT", "CC", (Drawn((40, 40, 120, 120), "N/A"),)),
    DrawnView("P_00005", "LEFT", "CC", (Drawn((40, 40, 120, 120)), Drawn((200, 40, 280, 120), absent=True))),
    DrawnView("P_00006", "RIGHT", "CC", (Drawn((50, 50, 150, 150), "VASCULAR"), Drawn((100, 100, 200, 200)))),
    DrawnView(
        "P_00007",
        "RIGHT",
        "CC",
        (Drawn((10, 10, 90, 90)), Drawn((100, 100, 200, 200), "N/A"), Drawn((220, 20, 300, 120), "VASCULAR")),
    ),
)


@dataclass
class Tree:
    """Collects files by (Patient ID, study, series) and writes them in one layout."""

    series: dict[tuple[str, str, str], list[Array]] = field(default_factory=dict)
    tables: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    count: int = 0

    def add(self, id: str, files: list[Array]) -> str:
        """A path of the table without its file name."""
        self.count += 1
        study, series = (
            f"1.3.6.1.4.1.9590.100.1.2.{kind}{self.count:028d}{self.count * 7919 % 99991:05d}" for kind in (1, 2)
        )
        if files:
            self.series[id, study, series] = files
        return f"{id}/{study}/{series}"


def rectangles(shape: tuple[int, int], *boxes: Box) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def drawn_tree(views: tuple[DrawnView, ...] = VIEWS, missing: str = "N/A") -> Tree:
    tree = Tree()
    for number, view in enumerate(views):
        film = cv2.GaussianBlur(np.random.default_rng(number).random(SHAPE, np.float32), (0, 0), 3)
        film = np.rint((film - film.min()) / np.ptp(film) * 65_535).astype(np.uint16)
        image = tree.add(view.id, [film])
        for number_of, row in enumerate(view.rows, start=1):
            cells = _row(tree, view, film, row, number_of, image)
            cells["calc type"] = cells["calc type"].replace("N/A", missing)
            name = f"calc_case_description_{'train' if view.split == 'Training' else 'test'}_set.csv"
            tree.tables.setdefault(name, []).append(cells)
    return tree


def _row(tree: Tree, view: DrawnView, film: Array, row: Drawn, number: int, image: str) -> dict[str, str]:
    shape, box = row.mask or (SHAPE, row.box)
    mask = rectangles(shape, box).astype(np.uint8) * 255
    top, left, bottom, right = row.box
    crop = film[top:bottom, left:right]
    id = f"{view.id}_{number}"
    if row.absent:
        mask_path = crop_path = tree.add(id, [])
    elif row.own_crop_series:
        mask_path, crop_path = tree.add(id, [mask]), tree.add(id, [crop])
    else:
        mask_path = crop_path = tree.add(id, [crop, mask] if row.swapped else [mask, crop])
    return {
        "patient_id": view.patient,
        "breast density": view.density,
        "left or right breast": view.side,
        "image view": view.view,
        "abnormality id": str(number),
        "abnormality type": "calcification",
        "calc type": row.calc_type,
        "calc distribution": "CLUSTERED",
        "assessment": "4",
        "pathology": "BENIGN",
        "subtlety": "3",
        "image file path": f"{image}/000000.dcm",
        "cropped image file path": f"{crop_path}/000001.dcm\n",
        "ROI mask file path": f"{mask_path}/000000.dcm",
    }


def write_tables(folder: Path, tree: Tree, ending: str = "\n") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tree.tables.items():
        with (folder / name).open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]), lineterminator=ending)
            table.writeheader()
            table.writerows(rows)


def scanned(picture: Array) -> bytes:
    """As the archive stores it: Secondary Capture with modality MG, no pixel spacing."""
    return dicom(
        picture,
        bits=picture.dtype.itemsize * 8,
        SOPClassUID=SECONDARY_CAPTURE,
        ConversionType="WSD",
        without=("ImagerPixelSpacing", "EstimatedRadiographicMagnificationFactor", "PresentationIntentType"),
    )


def classic(root: Path, tree: Tree) -> None:
    for (id, study, series), files in tree.series.items():
        folder = root / "CBIS-DDSM" / id / study / series
        folder.mkdir(parents=True)
        for number, picture in enumerate(files):
            (folder / f"{number:06d}.dcm").write_bytes(scanned(picture))
    write_tables(root, tree)


def retriever(root: Path, tree: Tree, *, metadata: bool = False) -> None:
    """NBIA's names; with metadata.csv the folders' own names are made to say nothing."""
    base, rows = root / "manifest-1", []
    for (id, study, series), files in tree.series.items():
        tail = "NaN" if metadata else series[-5:]
        folder = base / "CBIS-DDSM" / id / f"08-29-2017-DDSM-{study[-5:]}" / f"1.000000-ROI mask images-{tail}"
        if metadata:
            folder = folder.with_name(f"{folder.name}-{len(rows)}")
        folder.mkdir(parents=True)
        for number, picture in enumerate(files, start=1):
            (folder / f"1-{number}.dcm").write_bytes(scanned(picture))
        location = ".\\" + str(folder.relative_to(base)).replace("/", "\\")
        rows.append({"Series UID": series, "Collection": "CBIS-DDSM", "File Location": location})
    if metadata:
        with (base / "metadata.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    write_tables(root / "tables", tree)


def retriever_with_metadata(root: Path, tree: Tree) -> None:
    retriever(root, tree, metadata=True)


def mirror(root: Path, tree: Tree) -> None:
    for (_, study, series), files in tree.series.items():
        folder = root / "dicom" / study / series
        folder.mkdir(parents=True)
        for number, picture in enumerate(files):
            (folder / f"1.3.6.1.4.1.9590.100.1.2.{9 - number}.dcm").write_bytes(scanned(picture))
    write_tables(root, tree)


def jpeg_copy(root: Path, tree: Tree) -> None:
    """Nested twice as some copies are; 8 bits, lossy; tables saved again with CRLF."""
    for (_, _, series), files in tree.series.items():
        folder = root / "CBIS-DDSM" / "jpeg" / "CBIS-DDSM" / "jpeg" / series
        folder.mkdir(parents=True)
        for number, picture in enumerate(files, start=1):
            grey = picture if picture.dtype == np.uint8 else np.rint(picture / 257).astype(np.uint8)
            _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 92])
            (folder / f"{number}-{number * 72:03d}.jpg").write_bytes(data.tobytes())
    write_tables(root / "csv", tree, "\r\n")


Layout = Callable[[Path, Tree], None]
LAYOUTS: dict[str, Layout] = {
    "classic": classic,
    "NBIA Data Retriever": retriever,
    "NBIA with metadata.csv": retriever_with_metadata,
    "cloud mirror": mirror,
    "JPEG copy": jpeg_copy,
}
