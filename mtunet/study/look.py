"""What is worked out for a study beside its findings: BAC amount, places, second views, the flag's way over thresholds.

One image at a time (`look`), so that no more than one image's maps are in memory; what comes out is small.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mtunet.case import Analysis, Laterality, Mammogram, Segmentation, View
from mtunet.study.bac import ImageAmount, StudyAmount, measure, study_amount
from mtunet.study.landmarks import Distances, Landmarks, landmarks, place
from mtunet.study.matching import FROM_ABOVE, Matches, Seen, match
from mtunet.study.plane import Areas, Point, areas, track


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
    """Of a whole study. matches: per breast with exactly one view from above and one from the side that can be used."""

    images: tuple[ImageLook, ...]
    amount: StudyAmount
    points: tuple[Point, ...]
    matches: Mapping[Laterality, Matches]

    def other_view(self, sha256: str, number: int) -> tuple[str, int] | bool | None:
        """Where a finding may be in the other view; False when it is seen in one view only; None when not known."""
        for found in self.matches.values():
            if partner := found.partner((sha256, number)):
                return partner
            if (sha256, number) in found.alone:
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


def together(images: Sequence[ImageLook]) -> StudyLook:
    """The images of one study, in the order given."""
    matches = {side: found for side in Laterality if (found := _matches(images, side)) is not None}
    return StudyLook(
        images=tuple(images),
        amount=study_amount([image.amount for image in images]),
        points=track([image.areas for image in images]),
        matches=MappingProxyType(matches),
    )


def _matches(images: Sequence[ImageLook], side: Laterality) -> Matches | None:
    of_side = [image for image in images if image.analysis.laterality is side]
    above = [image for image in of_side if image.analysis.view in FROM_ABOVE]
    beside = [image for image in of_side if image.analysis.view in (View.MLO, View.ML, View.LM, View.LMO)]
    if len(above) != 1 or len(beside) != 1:
        return None
    known = all(image.marks.nipple is not None and image.analysis.spacing_mm is not None for image in of_side)
    return match(_seen(above[0]), _seen(beside[0]), both_known=known) if known else None


def _seen(image: ImageLook) -> list[Seen]:
    analysis = image.analysis
    return [Seen(analysis.sha256, analysis.view, f, image.places[f.number]) for f in analysis.findings]
