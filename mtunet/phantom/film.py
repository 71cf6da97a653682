"""What lies on an image that is not breast: lead letters, labels, borders, dust, scratches, burnt-in text."""

from dataclasses import dataclass

import cv2
import numpy as np

from mtunet.case import Laterality
from mtunet.phantom.spec import MASTER_PITCH_MM as PITCH
from mtunet.phantom.spec import MASTER_SHAPE, BoolArray, FloatArray, PhantomSpec, Rng


@dataclass(frozen=True, eq=False)
class Marked:
    """An image with its artefacts, and where they are; master grid, as displayed."""

    image: FloatArray
    artefact: BoolArray


def lay_artefacts(spec: PhantomSpec, image: FloatArray, breast: BoolArray, rng: Rng) -> Marked:
    """Artefacts of this look. The image is already mirrored, so that letters read."""
    before = image
    image = image.copy()
    if spec.look == "ffdm":
        if rng.random() < 0.5:
            _text(image, spec, rng, free=~breast, level=1.0, height_mm=rng.uniform(3, 5))
    else:
        if rng.random() < 0.85:
            _text(image, spec, rng, free=~breast, level=rng.uniform(0.85, 0.97), height_mm=rng.uniform(5, 9))
        if rng.random() < 0.5:
            _label(image, spec, breast, rng)
        _borders(image, rng)
        _dust(image, breast, rng)
        for _ in range(rng.integers(0, 4)):
            _scratch(image, breast, rng)
    changed = cv2.dilate((np.abs(image - before) > 0.02).astype(np.uint8), np.ones((3, 3), np.uint8))
    return Marked(image, changed > 0)


def _outer(spec: PhantomSpec, x_mm: float) -> int:
    """Column of a distance from the chest wall, in the displayed frame."""
    column = int(x_mm / PITCH)
    return column if spec.laterality is Laterality.LEFT else MASTER_SHAPE[1] - 1 - column


def _text(image: FloatArray, spec: PhantomSpec, rng: Rng, *, free: BoolArray, level: float, height_mm: float) -> None:
    """Side and view, in the corner away from the chest wall."""
    letters = f"{spec.laterality.value}{rng.choice(['', ' ', '-'])}{spec.view.value}"
    scale, stroke = height_mm / PITCH / 22, max(int(height_mm * 0.13 / PITCH), 1)
    (width, _), _ = cv2.getTextSize(letters, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    at_edge = _outer(spec, MASTER_SHAPE[1] * PITCH - rng.uniform(3, 9))
    left = at_edge - width if spec.laterality is Laterality.LEFT else at_edge
    top = int(MASTER_SHAPE[0] * rng.uniform(0.06, 0.18))
    canvas = np.zeros(MASTER_SHAPE, np.uint8)
    cv2.putText(canvas, letters, (int(left), top), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, stroke, cv2.LINE_AA)
    lit = canvas * (free / np.float32(255.0)) * np.float32(level)
    np.maximum(image, lit, out=image)


def _label(image: FloatArray, spec: PhantomSpec, breast: BoolArray, rng: Rng) -> None:
    """A sticky label with typed lines; sometimes it reaches over the edge of the breast."""
    rows, columns = MASTER_SHAPE
    height, width = int(rng.uniform(10, 18) / PITCH), int(rng.uniform(22, 40) / PITCH)
    top = rows - height - int(rng.uniform(4, 30) / PITCH)
    right = _outer(spec, (columns - 1) * PITCH - rng.uniform(0, 6))
    left = right - width if spec.laterality is Laterality.LEFT else right
    tone = float(rng.uniform(0.70, 0.92))
    label = (tone + 0.015 * rng.standard_normal((height, width))).astype(np.float32)
    typed = np.zeros((height, width), np.uint8)
    for line in range(3):
        digits = "".join(str(d) for d in rng.integers(0, 10, 9))
        place = (int(1.5 / PITCH), int(height * (0.3 + 0.28 * line)))
        cv2.putText(typed, digits, place, cv2.FONT_HERSHEY_PLAIN, height / 75, 255, 2, cv2.LINE_AA)
    label *= 1 - np.float32(0.55 / 255) * typed
    reach = int(rng.uniform(-6, 10) / PITCH) if rng.random() < 0.35 else None
    if reach is not None:
        left, top = _at_breast_edge(breast, left, width, height, reach, rng)
    left, top = int(np.clip(left, 0, columns - width)), int(np.clip(top, 0, rows - height))
    window = (slice(top, top + height), slice(left, left + width))
    visible = np.ones((height, width), bool) if reach is not None else ~breast[window]
    image[window][visible] = label[visible]


def _at_breast_edge(breast: BoolArray, left: int, width: int, height: int, reach: int, rng: Rng) -> tuple[int, int]:
    """Place so that the label's inner side lies `reach` pixels inside the skin line, low on the film."""
    rows = np.nonzero(breast.any(1))[0]
    row = int(np.quantile(rows, rng.uniform(0.72, 0.93)))
    skin = np.nonzero(breast[row])[0]
    to_right = skin[0] < 5
    column = int(skin[-1]) - reach if to_right else int(skin[0]) + reach - width
    return column if len(skin) else left, row - height // 2


def _borders(image: FloatArray, rng: Rng) -> None:
    """Unexposed strips of film along some of its sides."""
    rows, columns = MASTER_SHAPE
    for side in range(4):
        thick, tone = int(rng.uniform(0.6, 3.0) / PITCH) + 1, float(rng.uniform(0.55, 0.98))
        if rng.random() > 0.5:
            continue
        if side == 0:
            image[:thick] = tone
        elif side == 1:
            image[rows - thick :] = tone
        elif side == 2:
            image[:, columns - thick :] = tone
        else:
            image[:, : max(thick // 2, 1)] = tone


def _dust(image: FloatArray, breast: BoolArray, rng: Rng) -> None:
    """Sharp specks, with no blur of the imaging system; at times many close together, or along the skin line."""
    rows, columns = MASTER_SHAPE
    places = [(int(rng.integers(3, rows - 3)), int(rng.integers(3, columns - 3))) for _ in range(rng.integers(2, 16))]
    if rng.random() < 0.3:
        inside = np.nonzero(breast[::8, ::8])
        k = int(rng.integers(len(inside[0])))
        centre = (int(inside[0][k]) * 8, int(inside[1][k]) * 8)
        spread = rng.uniform(20, 120)
        for dy, dx in rng.normal(0, spread, (int(rng.integers(3, 9)), 2)):
            row, column = int(np.clip(centre[0] + dy, 3, rows - 4)), int(np.clip(centre[1] + dx, 3, columns - 4))
            places.append((row, column))
    for row, column in places:
        tall, wide = int(rng.integers(1, 3)), int(rng.integers(1, 3))
        strength = float(rng.uniform(0.15, 0.5))
        image[row : row + tall, column : column + wide] = np.minimum(
            image[row : row + tall, column : column + wide] + strength, 1.0
        )


def _scratch(image: FloatArray, breast: BoolArray, rng: Rng) -> None:
    """A thin curved line, light or dark; as often over the breast's edge as anywhere."""
    rows, columns = MASTER_SHAPE
    x, y = rng.uniform(0, columns), rng.uniform(0, rows)
    if rng.random() < 0.5:
        outline = np.nonzero(np.diff(breast[:: rows // 40].astype(np.int8), axis=1))
        k = int(rng.integers(len(outline[0])))
        x, y = float(outline[1][k]), float(outline[0][k] * (rows // 40))
    heading, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.002)
    t = np.arange(0, rng.uniform(10, 80) / PITCH, 12.0)
    along = heading + bend * (t - t.mean())
    px = x + np.cumsum(np.cos(along)) * 12 - np.cos(heading) * t.mean()
    py = y + np.cumsum(np.sin(along)) * 12 - np.sin(heading) * t.mean()
    canvas = np.zeros(MASTER_SHAPE, np.uint8)
    points = np.round(np.c_[px, py]).astype(np.int32)
    cv2.polylines(canvas, [points], False, 255, int(rng.integers(1, 3)), cv2.LINE_AA)
    strength = float(rng.choice([-1, 1]) * rng.uniform(0.03, 0.14))
    image += canvas.astype(np.float32) * np.float32(strength / 255.0)
