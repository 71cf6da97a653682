"""The outline: every real view through the product, then each part's figures, then the run folder."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mtunet
from mtunet.case import Analysis, Calcification, Segmentation
from mtunet.detection.analysis import analyse
from mtunet.detection.components import components
from mtunet.detection.devices import describe
from mtunet.detection.models import Model
from mtunet.detection.triage import RULES_VERSION
from mtunet.evaluation import runs
from mtunet.evaluation.proportions import proportion
from training.products import commit
from training.tools.real import LABEL_SLIPS, PROTOCOL
from training.tools.real.detection import THRESHOLDS, detect, follow, misplaced, overlaps
from training.tools.real.halves import of_films, of_parts, of_phantoms, per_image
from training.tools.real.views import PARTS, PERTURBATIONS, RealView

DATA = "real mammograms (few, weak labels)"
MC, BAC = Calcification.MICRO, Calcification.ARTERIAL


@dataclass(frozen=True, eq=False)
class LookedView:
    """A view as the product sees it. What is needed of the maps is taken at once: they are large."""

    row: Mapping[str, Any]
    froc: Sequence[Mapping[str, Any]]


def evaluate_real(
    model: Model, root: Path, folder: Path, *, perturb: bool = True, phantoms: int = 60
) -> dict[str, Any]:
    """phantoms: that are chosen on, sealed ones going along; 0 leaves them and the drawn parts out.

    Writes the run folder and gives its summary. Raises DataSetMissing where an image of the protocol is missing."""
    settings = model.settings.to_json()
    runs.start(folder, _config(model, folder.name, perturb), [])
    looked, arteries, perturbed = [], None, []
    for part in PARTS:
        for view in part(root):
            analysis, segmentation = analyse(view.mammogram, model)
            looked.append(_look(view, analysis, segmentation))
            print(f"{view.part} {view.name}: {looked[-1].row['flag']}", flush=True)
            if view.part == "NEMA MG1":
                arteries = asdict(follow(segmentation))
            if perturb:
                perturbed += _perturbed(view, analysis, model)
    breasts = list(overlaps(root))
    rows = [dict(look.row) for look in looked]
    froc = _froc([point for look in looked for point in look.froc])
    summary = {
        "data": DATA,
        "protocol": PROTOCOL,
        "label_slips": list(LABEL_SLIPS),
        "settings": settings,
        "mini_mias": _mini_mias(rows),
        "mg1": arteries,
        "plausible": _plausible(rows),
        "breast": _breast([overlap for _, overlap in breasts]),
        "perturbations": _steadiness(perturbed),
        "films": of_films(rows),
        **({"phantoms": of_phantoms(model, phantoms), "parts": of_parts(model)} if phantoms else {}),
        "median_seconds_per_image": round(float(np.median([row["seconds"] for row in rows])), 2),
    }
    regions = [{"image": name, "overlap": round(overlap, 4)} for name, overlap in breasts]
    runs.save_tables(folder, images=rows, froc=froc, breasts=regions, perturbed=perturbed)
    runs.finish(folder, summary)
    return summary


def _config(model: Model, name: str, perturb: bool) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "real",
        "protocol": PROTOCOL,
        "data": DATA,
        "model": model.name,
        "weights_sha256": model.weights_sha256,
        "settings": model.settings.to_json(),
        "rules": RULES_VERSION,
        "perturbed": perturb,
        "learnt_from": model.provenance.get("data"),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "version": mtunet.__version__,
        "device": describe(model.device, model.dtype),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _look(view: RealView, analysis: Analysis, segmentation: Segmentation) -> LookedView:
    detected = detect(view, segmentation, segmentation.thresholds)
    detections = [component for kind in Calcification for component in components(segmentation, kind)]
    wrong = misplaced(view.name, detections, view.mammogram.shape, segmentation.spacing_mm[0])
    row = {
        "part": view.part,
        "image": view.name,
        "flag": analysis.triage.flag.value,
        "bac_share": analysis.triage.bac_share,
        "mc": sum(f.type is MC for f in analysis.findings),
        "bac": sum(f.type is BAC for f in analysis.findings),
        "clusters": detected.clusters,
        "hit_as_mc": detected.hit[MC],
        "hit_as_bac": detected.hit[BAC],
        "hit": detected.hit_by_any,
        **asdict(wrong),
        "seconds": round(segmentation.seconds, 2),
    }
    froc = []
    if view.circles or view.normal:
        unruled = replace(segmentation, minimum_peak=0.0)  # a curve over thresholds, not over outlines
        for threshold in THRESHOLDS:
            at = detect(view, unruled, dict.fromkeys(Calcification, threshold))
            froc.append(
                {
                    "threshold": threshold,
                    "clusters": at.clusters,
                    "hit_as_mc": at.hit[MC],
                    "normal_images": int(view.normal),
                    "false_mc_on_normal": at.elsewhere[MC] if view.normal else 0,
                }
            )
    return LookedView(row, froc)


def _perturbed(view: RealView, undisturbed: Analysis, model: Model) -> list[dict[str, Any]]:
    rows = []
    for name, change in PERTURBATIONS.items():
        analysis, _ = analyse(change(view.mammogram), model)
        rows.append(
            {
                "part": view.part,
                "image": view.name,
                "perturbation": name,
                "flag_before": undisturbed.triage.flag.value,
                "flag": analysis.triage.flag.value,
                "share_before": undisturbed.triage.bac_share,
                "share": analysis.triage.bac_share,
            }
        )
    return rows


def _froc(points: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Added up over films, per threshold."""
    summed: dict[float, dict[str, Any]] = {}
    for point in points:
        total = summed.setdefault(point["threshold"], dict.fromkeys(point, 0) | {"threshold": point["threshold"]})
        for name in point.keys() - {"threshold"}:
            total[name] += point[name]
    return list(summed.values())


def _mini_mias(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    normal = [row for row in rows if row["part"] == "mini-MIAS normal"]
    clusters = sum(row["clusters"] for row in rows)
    return {
        "clusters": clusters,
        **{name: proportion(sum(row[name] for row in rows), clusters) for name in ("hit", "hit_as_mc", "hit_as_bac")},
        "normal_images": len(normal),
        "false_mc_per_normal_image": per_image([row["mc"] for row in normal]),
        "false_bac_per_normal_image": per_image([row["bac"] for row in normal]),
        "normal_images_with_mc": proportion(sum(row["mc"] > 0 for row in normal), len(normal)),
        "normal_images_flagged": proportion(sum(row["flag"] != "none" for row in normal), len(normal)),
    }


def _plausible(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    parts = ("GE Senographe", "NYU four views", "CBIS-DDSM")
    chosen = {part: [row for row in rows if row["part"] == part] for part in parts}
    return {
        part: {
            "images": len(of_part),
            "mc_per_image": per_image([row["mc"] for row in of_part]),
            "bac_per_image": per_image([row["bac"] for row in of_part]),
            "any_per_image": per_image([row["mc"] + row["bac"] for row in of_part]),
            **{name: sum(row[name] for row in of_part) for name in ("on_metal", "on_benign", "on_border")},
        }
        for part, of_part in {**chosen, "all": [row for part in parts for row in chosen[part]]}.items()
    }


def _breast(overlap: Sequence[float]) -> dict[str, Any]:
    return {
        "images": len(overlap),
        "median": float(np.median(overlap)),
        "fifth_percentile": float(np.percentile(overlap, 5)),
        "least": float(min(overlap)),
    }


def _steadiness(perturbed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Per perturbation and over all: how often the flag stays, and by how much the BAC share moves at the median."""
    steadiness = {}
    for name in ("all", *PERTURBATIONS) if perturbed else ():
        of_it = [row for row in perturbed if name in ("all", row["perturbation"])]
        moved = [
            abs(row["share"] - row["share_before"])
            for row in of_it
            if row["share"] is not None and row["share_before"] is not None
        ]
        kept = sum(row["flag"] == row["flag_before"] for row in of_it)
        steadiness[name] = {"flag_unchanged": proportion(kept, len(of_it))} | {
            "share_moved_median": float(np.median(moved)) if moved else None
        }
    return steadiness
