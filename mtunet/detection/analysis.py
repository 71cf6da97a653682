"""The outline that joins the stages: a mammogram goes in, an analysis with its reasons comes out."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

import mtunet
from mtunet.case import Analysis, Calcification, Mammogram, Provenance, Segmentation, frozen
from mtunet.detection.breast import Looked, picture_of
from mtunet.detection.findings import find
from mtunet.detection.triage import RULES_VERSION, weigh

if TYPE_CHECKING:
    from mtunet.detection.models import Model


def analyse(
    mammogram: Mammogram,
    model: "Model",
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Analysis, Segmentation]:
    """Segment one mammogram, find its calcifications and weigh them.

    progress: told the share done, in [0, 1]. cancelled: asked now and then; Cancelled is raised when it says so.
    The segmentation comes back too, so that thresholds can be changed later without the network (`reweigh`).
    """
    from mtunet.detection.segmentation import (
        segment,  # late: it brings torch, which reweighing and reading results do without
    )

    segmentation = segment(model, mammogram, progress=progress, cancelled=cancelled)
    return reweigh(mammogram, segmentation), segmentation


def reweigh(
    mammogram: Mammogram, segmentation: Segmentation, thresholds: Mapping[Calcification, float] | None = None
) -> Analysis:
    """Findings and triage of maps that are there already, at other thresholds (the segmentation's own if None)."""
    used = segmentation.thresholds if thresholds is None else thresholds
    every = find(mammogram, segmentation, used, below=True)
    findings = tuple(finding for finding in every if not finding.below)
    breast_px = int(np.count_nonzero(segmentation.breast))
    spacing = mammogram.spacing_mm
    looked = Looked(segmentation.breast, segmentation.left_out, negative=segmentation.negative)
    rows, columns = mammogram.shape
    return Analysis(
        sha256=mammogram.sha256,
        rows=rows,
        columns=columns,
        spacing_mm=spacing,
        laterality=mammogram.laterality,
        view=mammogram.view,
        notes=mammogram.notes,
        breast_px=breast_px,
        breast_mm2=None if spacing is None else breast_px * spacing[0] * spacing[1],
        looked_share=1 - looked.left_out if breast_px else 0.0,
        looked_mm=segmentation.spacing_mm,
        scale_source=segmentation.scale_source,
        thresholds=frozen({kind: float(used[kind]) for kind in Calcification}),
        findings=findings,
        below=every[len(findings) :],
        triage=weigh(findings, picture_of(mammogram, looked, segmentation.scale_said)),
        provenance=_provenance(segmentation),
    )


def _provenance(segmentation: Segmentation) -> Provenance:
    return Provenance(
        model=segmentation.model,
        weights_sha256=segmentation.weights_sha256,
        version=mtunet.__version__,
        rules=RULES_VERSION,
        device=segmentation.device,
        seconds=segmentation.seconds,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
