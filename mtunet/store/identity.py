"""Is an image on file already? It is known by its SOP Instance UID first, as a keyed hash, and by its decoded pixels
second: bytes differ with the way that a file came (an archive rewrites headers, a network another encoding)."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from sqlite_utils import Database

from mtunet.case import Belonging, Mammogram
from mtunet.case.scope import Fact
from mtunet.store import filing
from mtunet.store.records import Image, image_from

COPY: Final = 0.03
"""A copy that was compressed with loss differs from its original by less than this on average, of black to white.
Copies of 41 real views by JPEG (quality 75) and JPEG 2000 (20:1) differed by 0.001 to 0.018, other views of the same
size by 0.068 and more."""
OTHER_PIXELS: Final = (
    "Another image came with the same SOP Instance UID and other pixels, or another side or view: one of them is "
    "wrongly labelled. Both are kept."
)


class SameImage(NamedTuple):
    """image: the same one, on file already. clash: another image has the same UID. nameless: the same picture without a
    header, on which nobody decided anything: the one that is to be added says more, and replaces it."""

    image: Image | None = None
    clash: bool = False
    nameless: Image | None = None


def known_image(db: Database, data: Path, mammogram: Mammogram, belonging: Belonging) -> SameImage:
    """Look an image up that is to be added."""
    clash = False
    for image in _named(db, belonging):
        if _labels_agree(db, image, mammogram) and _same_picture(data, image, mammogram, _pixels(db, image)):
            return SameImage(image)
        clash = clash or image.instance == belonging.instance
    same = (image for image in _alike(db, mammogram, belonging) if _labels_agree(db, image, mammogram))
    match = next(same, None)
    if match is None or match.instance is not None or belonging.instance is None:
        return SameImage(match, clash)
    decided = db["decisions"].count_where("study = (select study from images where sha256 = ?)", [match.sha256])
    return SameImage(clash=clash, nameless=None if decided else match)


def _labels_agree(db: Database, image: Image, mammogram: Mammogram) -> bool:
    """Whether neither file says another side or view than the other; what a person set right is no file's."""
    corrected = db["corrections"].count_where("sha256 = ? and what in ('laterality', 'view')", [image.sha256])
    sides, views = {image.laterality, mammogram.laterality}, {image.view, mammogram.view}
    return bool(corrected) or (len(sides - {None}) < 2 and len(views - {None}) < 2)


def _named(db: Database, belonging: Belonging) -> list[Image]:
    """By its own UID, and by those of the images that it was made of."""
    uids = [uid for uid in (belonging.instance, *belonging.derived_from) if uid]
    marks = ", ".join("?" * len(uids))
    return [
        image_from(row) for row in db.query(f"select * from images where instance in ({marks}) order by rowid", uids)
    ]


def _alike(db: Database, mammogram: Mammogram, belonging: Belonging) -> list[Image]:
    """By its pixels, unless both say who they are and are of different studies."""
    query = (
        "select images.* from images left join studies on studies.id = images.study where images.pixels = :pixels "
        "and (images.instance is null or :instance is null or studies.group_key like :study) order by images.rowid"
    )
    asked = {"pixels": mammogram.pixels_sha256, "instance": belonging.instance, "study": f"header:{belonging.study}%"}
    return [image_from(row) for row in db.query(query, asked)]


def _pixels(db: Database, image: Image) -> str | None:
    row = db.conn.execute("select pixels from images where sha256 = ?", [image.sha256]).fetchone()
    return str(row[0]) if row and row[0] else None


def _same_picture(data: Path, image: Image, mammogram: Mammogram, pixels: str | None) -> bool:
    """The same greys; or nearly so, where one of the two was compressed with loss."""
    if pixels is not None and pixels == mammogram.pixels_sha256:
        return True
    if Fact.LOSSY not in image.facts | mammogram.facts or (image.rows, image.columns) != mammogram.shape:
        return False
    try:
        there = filing.read_pixels(data, image.sha256)
    except filing.NotOnFile:
        return False
    return float(np.abs(there - mammogram.pixels).mean()) < COPY
