"""One scored image as a picture: the whole view and, magnified, the region that matters most, in Figure 3's colours.

The truth is drawn as the outlines it has, and so is what was detected, where the run kept its masks; older runs kept
boxes alone. Each region has the letter of its outcome.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtunet.case import Box, Calcification, Finding, Laterality, Mammogram, Truth, View
from mtunet.detection.outlines import Outline, contours
from mtunet.evaluation.outcomes import Region
from mtunet.evaluation.reading import ImageFacts, Results
from mtunet.evaluation.run_masks import DetectedMasks
from mtunet.output.drawing import FIGURE_3, RGB, Palette, draw
from mtunet.phantom import PHANTOM_VERSION, Phantom, PhantomSpec

HEIGHT = 420
SMALL = 96
GAP = 8
WORST_FIRST = "bcdea"
CALLED = {"b": Calcification.MICRO, "c": Calcification.ARTERIAL}
"""What a region was taken for, where that is not what it is."""


def picture(
    phantom: Phantom,
    components: Sequence[Region],
    palette: Palette = FIGURE_3,
    *,
    detected: DetectedMasks | None = None,
) -> RGB:
    """(HEIGHT, columns, 3) uint8: the whole view; beside it the square round the component with the worst outcome.

    Without components the square is round the truth; without truth there is none. detected: on the phantom's own grid.
    """
    rows, columns = phantom.pixels.shape
    panels = [_region(phantom, components, Box(0, 0, rows, columns), palette, detected)]
    focus = _focus(phantom, components)
    if focus is not None:
        panels += [np.zeros((HEIGHT, GAP, 3), np.uint8), _region(phantom, components, focus, palette, detected)]
    return np.hstack(panels)


def sketch(detected: DetectedMasks, kind: str, true: Sequence[Box], palette: Palette = FIGURE_3) -> RGB:
    """(SMALL, columns, 3) uint8: what was detected of a type, and boxes of what is known, on black. Of run lengths
    alone, so that a thousand take a second."""
    rows, columns = detected.shape
    factor = SMALL / rows
    drawn = np.zeros((SMALL, max(1, round(columns * factor)), 3), np.uint8)
    for box in true:
        left, top, right, bottom = (round(side * factor) for side in (box.left, box.top, box.right, box.bottom))
        cv2.rectangle(drawn, (left, top), (right, bottom), palette[f"truth_{kind}"].colour, 1)
    ends_of_runs = np.cumsum(detected.lengths[kind], dtype=np.int64)
    stops = ends_of_runs[1::2]
    starts = ends_of_runs[::2][: len(stops)]
    row, first = np.divmod(starts, columns)
    last = np.minimum(first + stops - starts, columns) - 1
    at = np.minimum((row * factor).astype(np.intp), SMALL - 1)
    changes = np.zeros((SMALL, drawn.shape[1] + 1), np.intp)  # +1 where a run begins, −1 after it ends
    np.add.at(changes, (at, np.minimum((first * factor).astype(np.intp), drawn.shape[1] - 1)), 1)
    np.add.at(changes, (at, np.minimum((last * factor).astype(np.intp) + 1, drawn.shape[1])), -1)
    drawn[changes.cumsum(axis=1)[:, :-1] > 0] = palette[kind].colour
    return drawn


def close_up(phantom: Phantom, component: Region, palette: Palette = FIGURE_3) -> RGB:
    """(HEIGHT, HEIGHT, 3) uint8: the square round one component alone, as the columns of Figure 3 show them."""
    focus = _focus(phantom, (component,))
    assert focus is not None  # there is a component
    return _region(phantom, (component,), focus, palette)


def _focus(phantom: Phantom, components: Sequence[Region]) -> Box | None:
    """A square of the image, at least 12 mm wide, round what is worth a look."""
    if components:
        box = min(components, key=lambda region: WORST_FIRST.index(region.outcome)).box
    else:
        known = next((m for m in (phantom.masks["mc"], phantom.masks["bac"]) if m.any()), None)
        if known is None:
            return None
        left, top, width, height = cv2.boundingRect(known.astype(np.uint8))
        box = Box(top, left, top + height, left + width)
    rows, columns = phantom.pixels.shape
    least = 12 / phantom.spacing_mm[0]
    side = min(round(max(least, 1.5 * max(box.bottom - box.top, box.right - box.left))), rows, columns)
    top = int(np.clip((box.top + box.bottom - side) // 2, 0, rows - side))
    left = int(np.clip((box.left + box.right - side) // 2, 0, columns - side))
    return Box(top, left, top + side, left + side)


def _region(
    phantom: Phantom,
    components: Sequence[Region],
    box: Box,
    palette: Palette,
    detected: DetectedMasks | None = None,
) -> RGB:
    """A part of the image, HEIGHT pixels high, with what lies in it."""
    factor = HEIGHT / (box.bottom - box.top)
    shape = (HEIGHT, max(1, round((box.right - box.left) * factor)))
    part = slice(box.top, box.bottom), slice(box.left, box.right)
    grey = _resized(phantom.pixels[part].astype(np.float32) / np.float32(65535), shape)
    masks = {kind: _resized(phantom.masks[kind.value][part].astype(np.float32), shape) > 0.3 for kind in Calcification}
    boxes = [(region, _scaled(region.box, box, factor)) for region in components if _meet(region.box, box)]
    if detected is None:
        findings = [_finding(region, placed) for region, placed in boxes if region.outcome != "d"]
    else:
        findings = list(_marked(detected, part, shape))
    mammogram = Mammogram(grey, None, None, None, "")
    drawn = draw(mammogram, findings, Truth(masks, "phantom, exact"), palette)[: shape[0], : shape[1]].copy()
    for region, placed in boxes:
        at = (int(np.clip(placed.left, 2, shape[1] - 14)), int(np.clip(placed.top - 5, 14, shape[0] - 4)))
        for colour, width in (((0, 0, 0), 5), ((255, 255, 255), 2)):
            cv2.putText(drawn, region.outcome, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, width, cv2.LINE_AA)
    return drawn


def _resized(image: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    how = cv2.INTER_AREA if shape[0] < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(np.clip(cv2.resize(image, shape[::-1], interpolation=how), 0, 1), np.float32)


def _scaled(box: Box, region: Box, factor: float) -> Box:
    """At least a few pixels wide, so that a speck's box is seen in the whole view."""
    top, left = (box.top - region.top) * factor, (box.left - region.left) * factor
    bottom, right = (box.bottom - region.top) * factor, (box.right - region.left) * factor
    return Box(round(top) - 2, round(left) - 2, round(bottom) + 2, round(right) + 2)


def _marked(detected: DetectedMasks, part: tuple[slice, slice], shape: tuple[int, int]) -> Iterator[Finding]:
    """What was detected in a part of the image, as what `drawing` draws at this shape."""
    for name in detected.lengths:
        mask = _resized(detected.mask(name)[part].astype(np.float32), shape) > 0.3
        for ring in contours(mask):
            yield _outlined(Calcification(name), ring, Box(0, 0, 1, 1), 0.0)


def _meet(one: Box, other: Box) -> bool:
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right


def _finding(region: Region, box: Box) -> Finding:
    """The box as what `drawing` draws; a region that was taken for the other type is drawn in that type's colour."""
    corners = ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))
    ring = tuple((float(x), float(y)) for x, y in corners)
    return _outlined(CALLED.get(region.outcome, Calcification(region.type)), ring, box, region.probability or 0.0)


def _outlined(kind: Calcification, ring: Outline, box: Box, probability: float) -> Finding:
    return Finding(
        number=0,
        type=kind,
        contour=ring,
        box=box,
        area_px=(box.bottom - box.top) * (box.right - box.left),
        area_mm2=None,
        length_px=0.0,
        length_mm=None,
        specks=None,
        probability=probability,
    )


# The phantom behind an image of a run, drawn again: a run keeps what was asked for, not the pixels.


class NotDrawable(ValueError):
    """The image cannot be shown as it was scored. `str()` is the sentence for the person."""


def spec_of(results: Results, image: str) -> PhantomSpec:
    """What to draw. Raises NotDrawable for images of no phantom, and for those of another version of the generator."""
    facts = results.images.get(image) or ImageFacts(image, image)
    made_with = generator_version(results)
    if made_with is not None and made_with != PHANTOM_VERSION:
        raise NotDrawable(
            f"The images of this run were drawn by version {made_with} of the phantom generator; this program has "
            f"version {PHANTOM_VERSION}, which draws other pixels. Make the run again to see its images."
        )
    if not facts.spec:
        raise NotDrawable(
            "This run does not say how its images can be drawn again. Its data may not be phantoms, or it was made "
            "before runs recorded that."
        )
    try:
        return read_spec(json.loads(facts.spec))
    except (ValueError, TypeError, KeyError) as problem:
        raise NotDrawable(f"What the run says of image {image} is no phantom: {problem}.") from None


def read_spec(fields: dict[str, Any]) -> PhantomSpec:
    """A spec from its JSON: view and laterality by value ("MLO", "L") or by name. Raises ValueError, TypeError."""
    values = dict(fields)
    for key, kind in (("view", View), ("laterality", Laterality)):
        name = str(fields[key]).rpartition(".")[2]
        values[key] = next((member for member in kind if name in (member.value, member.name)), None) or kind(name)
    return PhantomSpec(**values)


def generator_version(results: Results) -> str | None:
    """Of the phantoms, as the run's description of its data says it; None where it says none."""
    version = results.config.get("phantom_version")
    match = re.search(r"generator version (\S+?)\b", str(results.config.get("data", "")))
    return str(version) if version is not None else match[1] if match else None
