"""The images of a case with what was found on them, as the widgets of the case page hand them round."""

from collections.abc import Sequence
from dataclasses import dataclass

import mtunet
from mtunet.case import Analysis, Finding
from mtunet.store.records import Image
from mtunet.study.decisions import Shown, Standing
from mtunet.study.grouping import Study
from mtunet.study.look import StudyLook
from pages.shared.words import short_marker

Key = tuple[str, int]
"""A finding of a study: the sha256 of its image, and its number there."""


@dataclass(frozen=True, eq=False)
class Viewed:
    """One image: what was found with the model's own thresholds, and what with those that are chosen."""

    image: Image
    stored: Analysis
    analysis: Analysis

    @property
    def name(self) -> str:
        """ "LCC", or the file's name where side and view are not known."""
        return short_marker(self.image) or self.image.name


@dataclass(frozen=True, eq=False)
class Case:
    """A study that is open. views: in hanging order. standing: what readers decided of it."""

    study: Study
    views: Sequence[Viewed]
    look: StudyLook
    standing: Standing

    @property
    def single(self) -> bool:
        return len(self.views) == 1

    @property
    def in_mm(self) -> bool:
        """Whether every file says its spacing; otherwise everything is told in pixels."""
        return all(view.image.spacing_mm is not None for view in self.views)

    @property
    def shown(self) -> Shown:
        """What a decision is made in view of."""
        analysis = self.views[0].analysis
        made = analysis.provenance
        return Shown(made.model, made.weights_sha256, analysis.thresholds, made.rules, mtunet.__version__)

    @property
    def findings(self) -> list[tuple[Viewed, Finding]]:
        """MC first, then by probability × area, over all images."""
        found = [(view, finding) for view in self.views for finding in view.analysis.findings]
        return sorted(found, key=lambda one: (one[1].type.value != "mc", -one[1].probability * one[1].area_px))

    def find(self, key: Key | None) -> tuple[Viewed, Finding] | None:
        """None for a finding that is not there under these thresholds."""
        return next((one for one in self.findings if key == (one[0].image.sha256, one[1].number)), None)

    def view(self, sha256: str) -> Viewed | None:
        return next((view for view in self.views if view.image.sha256 == sha256), None)
