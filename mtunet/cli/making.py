"""One upload to the files that were asked for: the part of a batch that another machine can do. A format that cannot be
made costs itself alone."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mtunet.detection.analysis import analyse
from mtunet.detection.analysis_json import to_json
from mtunet.detection.models import Model
from mtunet.imaging import reading
from mtunet.intake import logs
from mtunet.intake.engine import Made
from mtunet.output.exports import EXPORTS, NotForThisImage, Result, dicom_header, to_mask_pngs
from mtunet.store.filing import as_kept
from mtunet.study.grouping import header_group

NOTES = "notes"
"""In `Made.more`: sentences on what could not be made, or not as it was asked for."""
NOT_FOR_IT, FAILED = "not_for_it", "failed_formats"
"""Besides: the ends of what this image has no form of, and how many formats an error stopped."""


@dataclass(frozen=True)
class Outputs:
    """Which outputs. formats: names of `exports.EXPORTS`. secret: what makes a header's study a hash, as in the app."""

    formats: tuple[str, ...]
    masks: bool
    identified: bool
    secret: bytes = field(default=b"", repr=False)


def make(
    name: str,
    data: bytes,
    asked: Outputs,
    study: str,
    *,
    model: Model,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Made:
    """Read, analyse and export one upload; its files by suffix. Raises UnreadableImage, Cancelled.

    It is seen as the app sees it, so that both find the same to the last digit and DICOM objects are the same objects.
    study: what objects of an image whose header names none are named after (`grouping.name_in_objects`).
    """
    mammogram, belonging = reading.read_with_belonging(data, name, asked.secret)
    mammogram = replace(mammogram, pixels=as_kept(mammogram.pixels))
    analysis, segmentation = analyse(mammogram, model, progress=progress, cancelled=cancelled)
    result, notes = Result(name, mammogram, analysis, segmentation, study=header_group(belonging) or study), []
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
