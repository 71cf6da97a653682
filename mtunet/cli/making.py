"""One upload to the files that were asked for: the part of a batch that another machine can do. A format that cannot be
made costs itself alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mtunet.detection.analysis import analyse, to_json
from mtunet.detection.models import Model
from mtunet.imaging import reading
from mtunet.intake import logs
from mtunet.intake.engine import Made
from mtunet.output.exports import EXPORTS, NotForThisImage, Result, dicom_header, to_mask_pngs

NOTES = "notes"
"""In `Made.more`: sentences on what could not be made, or not as it was asked for."""
NOT_FOR_IT, FAILED = "not_for_it", "failed_formats"
"""Besides: the ends of what this image has no form of, and how many formats an error stopped."""


@dataclass(frozen=True)
class Outputs:
    """Which outputs. formats: names of `exports.EXPORTS`."""

    formats: tuple[str, ...]
    masks: bool
    identified: bool


def make(
    name: str,
    data: bytes,
    asked: Outputs,
    *,
    model: Model,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Made:
    """Read, analyse and export one upload; its files by suffix. Raises UnreadableImage, Cancelled."""
    mammogram = reading.read(data, name)
    analysis, segmentation = analyse(mammogram, model, progress=progress, cancelled=cancelled)
    result, notes = Result(name, mammogram, analysis, segmentation), []
    if asked.identified:
        header = dicom_header.header_of(data, mammogram.shape)
        result = replace(result, origin=header.dataset)
        notes += [*header.notes, *(["Made without identifiers."] if header.dataset is None else [])]
    files: dict[str, bytes] = {}
    left: list[str] = []
    failed = 0
    for each in asked.formats:
        try:
            files[EXPORTS[each].suffix] = EXPORTS[each].function(result)
        except NotForThisImage as problem:
            notes.append(str(problem))
            left.append(EXPORTS[each].suffix)
        except Exception as problem:  # whatever one format trips over, the others are made
            logs.LOG.error("%s of %s could not be made: %s", each, mammogram.sha256, logs.trace(problem))
            notes.append(
                f"{EXPORTS[each].label} could not be made ({type(problem).__name__}); the log has the details."
            )
            failed += 1
    if asked.masks:
        files |= {f"_{kind.value}.png": png for kind, png in to_mask_pngs(result).items()}
    return Made(to_json(analysis, file=name), files, {NOTES: notes, NOT_FOR_IT: left, FAILED: failed})
