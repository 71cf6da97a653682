"""One upload to the files that were asked for: the part of a batch that another machine can do."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mtunet.detection.analysis import analyse, to_json
from mtunet.detection.models import Model
from mtunet.imaging import reading
from mtunet.intake.engine import Made
from mtunet.output.exports import EXPORTS, Result, dicom_source, to_mask_pngs

NAMELESS = "nameless"
"""In `Made.more` where identifiers were asked for, and the file has none."""


@dataclass(frozen=True)
class Asked:
    """Which outputs. formats: names of `exports.EXPORTS`."""

    formats: tuple[str, ...]
    masks: bool
    identified: bool


def make(
    name: str,
    data: bytes,
    asked: Asked,
    *,
    model: Model,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Made:
    """Read, analyse and export one upload; its files by suffix. Raises UnreadableImage, Cancelled."""
    mammogram = reading.read(data, name)
    analysis, segmentation = analyse(mammogram, model, progress=progress, cancelled=cancelled)
    result, more = Result(name, mammogram, analysis, segmentation), {}
    if asked.identified:
        origin = dicom_source.read_origin(data, mammogram.shape)
        result, more = replace(result, origin=origin), {NAMELESS: origin is None}
    files = {EXPORTS[each].suffix: EXPORTS[each].function(result) for each in asked.formats}
    if asked.masks:
        files |= {f"_{kind.value}.png": png for kind, png in to_mask_pngs(result).items()}
    return Made(to_json(analysis, file=name), files, more)
