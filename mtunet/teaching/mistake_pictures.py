"""Pictures of what the shipped model gets wrong: the place as it is, and beside it what is known there.

Drawn once by `python -m mtunet.teaching mistakes` into `mistake_pictures/`; the gallery shows the files.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from mtunet.output.drawing import FIGURE_3, RGB, Stroke
from mtunet.phantom import Phantom, make_phantom
from mtunet.teaching import PICTURES
from mtunet.teaching.figure import QUALITY, magnified, phantom_view, square_at
from mtunet.teaching.items import pool
from mtunet.teaching.mistakes import Found, Mistake, examples, mistakes_of
from mtunet.teaching.model_answers import model_answers

FOLDER: Final = PICTURES["mistakes"]
SIDE: Final = 320
SIDE_MM: Final = 24.0
BENIGN: Final = Stroke((255, 140, 225), (2, 1.5))
"""Of benign calcium over a view: Figure 3 has none, and grey is lost on white specks in grey tissue."""
OUTLINED: Final = {
    "mc": FIGURE_3["truth_mc"].colour,
    "bac": FIGURE_3["truth_bac"].colour,
    "benign": BENIGN.colour,
}


def mistake_path(group: Found, number: int, folder: Path = FOLDER) -> Path:
    """Of the example with this number, from 1."""
    return folder / f"{group.kind.key}-{number}.webp"


def make_mistakes(folder: Path = FOLDER) -> Iterator[Path]:
    """Draw the examples of every kind anew. Raises ValueError where the model was shown no case."""
    model = model_answers()
    if model is None:
        raise ValueError("The model was shown no case yet: python -m mtunet.teaching model.")
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    for group in mistakes_of(model, pool()):
        for number, mistake in enumerate(examples(group), 1):
            path = mistake_path(group, number, folder)
            drawn = _drawn(make_phantom(mistake.item.spec), mistake)
            cv2.imwrite(str(path), np.ascontiguousarray(drawn[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
            yield path


def _drawn(phantom: Phantom, mistake: Mistake) -> RGB:
    """(SIDE, 2 SIDE + gap, 3) uint8: the place, and the same with the truth's outlines and a white ring about it."""
    view = phantom_view(phantom)
    box = square_at(view, mistake.region.place, SIDE_MM)
    plain = magnified(view, box, None, SIDE)
    told = plain.copy()
    part = np.s_[box.top : box.bottom, box.left : box.right]
    for name, colour in OUTLINED.items():
        seen = cv2.resize(phantom.masks[name][part].astype(np.float32), (SIDE, SIDE)) >= 0.5
        rings, _ = cv2.findContours(seen.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(told, rings, -1, colour, 2)
    scale = SIDE / (box.bottom - box.top)
    row_mm, column_mm = phantom.spacing_mm
    x, y = mistake.region.place[0] / column_mm - box.left, mistake.region.place[1] / row_mm - box.top
    cv2.circle(told, (round(x * scale), round(y * scale)), SIDE // 8, (255, 255, 255), 1, cv2.LINE_AA)
    return np.hstack([plain, np.full((SIDE, 6, 3), 255, np.uint8), told])
