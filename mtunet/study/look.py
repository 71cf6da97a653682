"""What is worked out for a study beside its findings: BAC amount, places, second views, the flag's way over thresholds.

One image at a time (`look`), so that no more than one image's maps are in memory; what comes out is small.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, PlainSerializer, PlainValidator

from mtunet.case import Analysis, Calcification, Laterality, Mammogram, Segmentation, View
from mtunet.detection.analysis_json import Written
from mtunet.detection.breast import Edge
from mtunet.detection.components import SAME
from mtunet.detection.triage import Evidence, evidence_of
from mtunet.study.bac import ImageAmount, StudyAmount, measure, study_amount
from mtunet.study.landmarks import FROM_ABOVE, Distances, Landmarks, Matches, Seen, landmarks, match, place
from mtunet.study.rules import Areas, Point, areas, track


@dataclass(frozen=True, eq=False)
class ImageLook:
    """Of one image at some thresholds. places: by the number of the finding."""

    analysis: Analysis
    amount: ImageAmount
    marks: Landmarks
    places: Mapping[int, Distances]
    areas: Areas


@dataclass(frozen=True, eq=False)
class StudyLook:
    """Of a whole study. matches: per breast with exactly one view from above and one from the side that can be used.

    beside: the images (sha256) that are shown and do not count (`grouping.companions`); nothing of them is in the rest.
    """

    images: tuple[ImageLook, ...]
    amount: StudyAmount
    points: tuple[Point, ...]
    matches: Mapping[Laterality, Matches]
    beside: frozenset[str] = frozenset()

    @property
    def counting(self) -> tuple[ImageLook, ...]:
        """The images that count."""
        return tuple(image for image in self.images if image.analysis.sha256 not in self.beside)

    @property
    def evidence(self) -> Evidence:
        """What the rules weigh."""
        known = ((image.analysis.sha256 in self.beside, evidence_of(image.analysis)) for image in self.images)
        return Evidence(tuple(replace(evidence, companion=companion) for companion, evidence in known))

    def other_view(self, sha256: str, number: int) -> tuple[str, int] | bool | None:
        """Where a finding may be in the other view; False when it is seen in one view only; None when not known."""
        for pairing in self.matches.values():
            if partner := pairing.partner((sha256, number)):
                return partner
            if (sha256, number) in pairing.alone:
                return False
        return None


def look(mammogram: Mammogram, segmentation: Segmentation, analysis: Analysis) -> ImageLook:
    """One image. Side and view are those of `analysis`, which a person may have set right."""
    marks = landmarks(segmentation.breast, analysis.view)
    places = {finding.number: place(finding, marks, analysis.spacing_mm) for finding in analysis.findings}
    return ImageLook(
        analysis=analysis,
        amount=measure(mammogram, segmentation, analysis),
        marks=marks,
        places=MappingProxyType(places),
        areas=areas(segmentation, analysis.thresholds),
    )


def together(images: Sequence[ImageLook], beside: Iterable[str] = ()) -> StudyLook:
    """The images of one study, in the order given. beside: those that do not count."""
    left_out = frozenset(beside)
    counting = [image for image in images if image.analysis.sha256 not in left_out]
    matches = {side: pairing for side in Laterality if (pairing := _matches(counting, side)) is not None}
    return StudyLook(
        images=tuple(images),
        amount=study_amount([image.amount for image in counting]),
        points=track([image.areas for image in counting]),
        matches=MappingProxyType(matches),
        beside=left_out,
    )


def _matches(images: Sequence[ImageLook], side: Laterality) -> Matches | None:
    of_side = [image for image in images if image.analysis.laterality is side]
    above = [image for image in of_side if image.analysis.view in FROM_ABOVE]
    beside = [image for image in of_side if image.analysis.view in (View.MLO, View.ML, View.LM, View.LMO)]
    if len(above) != 1 or len(beside) != 1:
        return None
    known = all(image.marks.nipple is not None and image.analysis.spacing_mm is not None for image in of_side)
    return match(_seen(above[0]), _seen(beside[0])) if known else None


def _seen(image: ImageLook) -> list[Seen]:
    analysis = image.analysis
    return [Seen(analysis.sha256, analysis.view, f, image.places[f.number]) for f in analysis.findings]


# What was worked out of an image beside its findings, as JSON: the worker writes it, so that opening a case reads no
# probability map. It hangs on the thresholds and on side and view; under others it is worked out anew.

VERSION = 1
"""Changes when amounts, landmarks or areas are worked out in another way; what was kept before is then made anew."""


class WrittenMarks(Written):
    """skin: as in `Landmarks`, to a tenth of a pixel."""

    chest_wall: Edge | None
    nipple: tuple[float, float] | None
    skin: Annotated[
        npt.NDArray[np.float32],
        PlainValidator(lambda points: np.asarray(points, np.float32).reshape(-1, 2)),
        PlainSerializer(lambda skin: np.round(skin.astype(np.float64), 1).tolist()),
    ]
    why: str


class WrittenLook(Written):
    version: int = VERSION
    of: dict[str, Any] = Field({})
    amount: ImageAmount
    marks: WrittenMarks
    places: dict[int, Distances]
    areas: Areas


def look_to_json(image: ImageLook) -> dict[str, Any]:
    return WrittenLook.taken_from(image, version=VERSION, of=_of(image.analysis)).values()


def look_from_json(written: Mapping[str, Any], analysis: Analysis) -> ImageLook | None:
    """None where it is of another version, of other thresholds, or of another side or view."""
    try:
        if written["version"] != VERSION or not _same(written["of"], _of(analysis)):
            return None
        kept = WrittenLook.model_validate(written)
    except (KeyError, TypeError, ValueError):
        return None
    marks, places = Landmarks(**dict(kept.marks)), MappingProxyType(kept.places)
    return ImageLook(analysis=analysis, amount=kept.amount, marks=marks, places=places, areas=kept.areas)


def _of(analysis: Analysis) -> dict[str, Any]:
    return {
        "made_at": analysis.provenance.made_at,
        "laterality": analysis.laterality.value if analysis.laterality else None,
        "view": analysis.view.value if analysis.view else None,
        "thresholds": {kind.value: analysis.thresholds[kind] for kind in Calcification},
    }


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    cuts = one["thresholds"], other["thresholds"]
    near = all(abs(cuts[0][kind.value] - cuts[1][kind.value]) < SAME for kind in Calcification)
    return near and {**one, "thresholds": 0} == {**other, "thresholds": 0}
