"""One upload to the files that were asked for: the part of a batch that another machine can do."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mtunet.case import Mammogram, UnreadableImage
from mtunet.detection.analysis import analyse, to_json
from mtunet.intake import logs
from mtunet.output.exports import EXPORTS, Result, dicom_source, to_mask_pngs

if TYPE_CHECKING:
    from mtunet.detection.models import Model
    from mtunet.imaging.reading import Upload


@dataclass(frozen=True)
class Asked:
    """Which outputs. formats: names of `exports.EXPORTS`."""

    formats: tuple[str, ...]
    masks: bool
    identified: bool


@dataclass(frozen=True)
class Made:
    """What became of an image: plain values, so that they travel between machines.

    analysis: as `analysis.to_json` gives it. files: suffix to content. nameless: identifiers were asked for, and the
    file has none.
    """

    analysis: dict[str, Any]
    files: dict[str, bytes]
    nameless: bool = False


@dataclass(frozen=True)
class Failed:
    """Why nothing was made."""

    kind: str
    sentence: str

    @property
    def unexpected(self) -> bool:
        """An error of the program, not a file that it refuses."""
        return self.kind == FAILED_KIND


FAILED_KIND = "failed"


class RayAbsent(RuntimeError):
    """Ray is not installed or not reached; `str()` says what to do."""


def attempt(
    item: "Upload",
    model: "Model",
    asked: Asked,
    read: Callable[[], Mammogram],
    cancelled: Callable[[], bool] | None = None,
) -> Made | Failed:
    """Analyse and export one upload; one that trips the program must not cost the other thousand.

    read: gives the image, or raises UnreadableImage. cancelled: asked now and then; nothing is made once it says so.
    """
    try:
        return _make(item, read(), model, asked, cancelled)
    except UnreadableImage as problem:
        return Failed(problem.kind.value, problem.sentence)
    except Exception as problem:
        logs.unexpected(f"The analysis of {hashlib.sha256(item.data).hexdigest()} failed", problem)
        return Failed(FAILED_KIND, f"The analysis failed ({type(problem).__name__}).")


def _make(
    item: "Upload", mammogram: Mammogram, model: "Model", asked: Asked, cancelled: Callable[[], bool] | None
) -> Made:
    analysis, segmentation = analyse(mammogram, model, cancelled=cancelled)
    result, nameless = Result(item.name, mammogram, analysis, segmentation), False
    if asked.identified:
        origin = dicom_source.read_origin(item.data, mammogram.shape)
        result, nameless = replace(result, origin=origin), origin is None
    files = {EXPORTS[each].suffix: EXPORTS[each].function(result) for each in asked.formats}
    if asked.masks:
        files |= {f"_{kind.value}.png": png for kind, png in to_mask_pngs(result).items()}
    return Made(to_json(analysis, file=item.name), files, nameless)
