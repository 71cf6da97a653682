"""How well a model does on samples as the product looks at them, and which thresholds it should be used with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logit

from mtunet.case import Calcification, Segmentation
from mtunet.detection.components import NO_SPECKS, Keeping, cell_px, label, masks, skin_cells
from mtunet.detection.models import Model
from mtunet.detection.segmentation import segment, segment_alike
from mtunet.detection.settings import Settings
from mtunet.evaluation.metrics import LesionCounts, PixelCounts, count_confused, count_lesions, count_pixels
from training.counting import calibration, histograms, matched
from training.data.samples import Sample

MC, BAC = Calcification.MICRO, Calcification.ARTERIAL
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99)
RULES: Mapping[Calcification, tuple[Keeping, ...]] = {
    MC: tuple(
        Keeping(area, minimum_specks=specks, minimum_peak=peak)
        for area in (2.0, 4.0, 8.0, 13.0, 20.0)
        for specks in (0, 2, 3)
        for peak in (0.0, 0.85, 0.9, 0.95)
    ),
    BAC: tuple(Keeping(4.0, minimum_track_mm2=area) for area in (4.0, 8.0, 12.0, 16.0, 20.0, 25.0)),
}
MC_FALSE_POSITIVES = 0.3
"""MC false positives per image that are allowed when thresholds are chosen on the validation part: real films, which
hold more than phantoms that looks like calcium, get about twice as many."""
HALF = 0.5
"""MC false positives per image at which the sensitivity of detectors is compared."""
MC_SENSITIVITY_GIVEN = 0.02
"""Lesion sensitivity of MC that is given for telling it from BAC: a region that reaches to where certainty is a tenth
hits what it lies on, and takes the artery beside it along."""
BAC_F1_GIVEN = 0.03
"""Pixel F1 of BAC that is given for fewer false components: pixels of one weigh little in F1, yet it makes a flag.
Of `runs/detail-rings` 0.015 gave none, and 0.03 would have spared two fifths of them on what was chosen on."""


@dataclass(frozen=True)
class ProductScore:
    """Counts of one image, or of many added up. confused: true BAC components that were called MC."""

    pixels: Mapping[Calcification, PixelCounts]
    lesions: Mapping[Calcification, LesionCounts]
    confused: LesionCounts

    def __add__(self, other: "ProductScore") -> "ProductScore":
        return ProductScore(
            {kind: self.pixels[kind] + other.pixels[kind] for kind in Calcification},
            {kind: self.lesions[kind] + other.lesions[kind] for kind in Calcification},
            self.confused + other.confused,
        )

    def to_json(self) -> dict[str, Any]:
        """Every figure of the table, None where it is undefined."""
        figures: dict[str, Any] = {"images": self.confused.images}
        for kind in Calcification:
            pixels, lesions = self.pixels[kind], self.lesions[kind]
            names = ("f1", "jaccard", "sensitivity", "specificity", "accuracy", "mcc")
            figures[kind.value] = {
                "pixels": {name: pixels.value(name) for name in names},
                "lesions": lesions.lesions,
                "lesion_sensitivity": lesions.value("lesions_found"),
                "false_positives_per_image": lesions.value("false_alarms"),
            }
        figures["bac_called_mc"] = self.confused.value("lesions_found")
        figures["bac_components"] = self.confused.lesions
        return figures


NOTHING = ProductScore(
    {kind: PixelCounts() for kind in Calcification}, {kind: LesionCounts() for kind in Calcification}, LesionCounts()
)


def segmentations(model: Model, samples: Iterable[Sample]) -> Iterator[tuple[Sample, Segmentation]]:
    """The product's own way from pixels to maps, one sample after the other; nothing where nothing is known."""
    for sample in samples:
        yield sample, _unless_ignored(sample, segment(model, sample.mammogram()))


def _unless_ignored(sample: Sample, segmentation: Segmentation) -> Segmentation:
    if sample.ignore is None or not sample.ignore.any():
        return segmentation
    seen = ~sample.ignore
    return replace(segmentation, probability={kind: level * seen for kind, level in segmentation.probability.items()})


def score(sample: Sample, segmentation: Segmentation) -> ProductScore:
    """One image, on its own grid, after thresholds and what makes a component count. A type that is unknown there
    counts nothing."""
    detected = masks(segmentation)
    return ProductScore(
        {**NOTHING.pixels, **{kind: count_pixels(detected[kind], mask) for kind, mask in sample.masks.items()}},
        {**NOTHING.lesions, **{kind: count_lesions(detected[kind], mask) for kind, mask in sample.masks.items()}},
        count_confused(sample.masks[BAC], detected[MC], sample.masks[MC])
        if len(sample.masks) == len(Calcification)
        else LesionCounts(images=1),
    )


Tally: TypeAlias = dict[tuple[Calcification, float, Keeping], ProductScore]
"""What one image, or many added up, count at each threshold and rule that is tried."""


def choose_operating_point(
    tried: Sequence[Sequence[Tally]], settings: Settings, allowed: float = MC_FALSE_POSITIVES
) -> tuple[int, Settings, list[dict[str, Any]]]:
    """Of ways to look at the validation part, each with its parts: number of the best one, thresholds and what makes a
    component count, and the table that they were chosen from.

    Every figure is the mean of the parts in which it is defined, so that each weighs the same however many images it
    has. MC, of all ways as one: of those with at most `allowed` false positives per image (the fewest when none has)
    and within MC_SENSITIVITY_GIVEN of the highest per-lesion sensitivity, the fewest BAC called MC, then the highest
    pixel F1. No part may have more than allowed: else what a closer look spares on phantoms is spent on films.
    BAC, of that way: the fewest false positives per image among those whose pixel F1 is within BAC_F1_GIVEN of the
    highest. BAC does not depend on MC's choice otherwise.
    settings: those the samples were looked at with; a type that was counted in no sample keeps its own.
    """
    tables = [table_of(parts) for parts in tried]
    best: dict[Calcification, dict[str, Any]] = {}
    number = 0
    if mc_rows := [row for table in tables for row in table if row["type"] == MC.value]:
        best[MC] = _best_parted_mc(mc_rows, allowed)
        number = next(number for number, table in enumerate(tables) if any(row is best[MC] for row in table))
    if bac_rows := [row for row in tables[number] if row["type"] == BAC.value]:
        best[BAC] = _best_bac(bac_rows)
    for row in tables[number]:
        row["chosen"] = int(any(row is one for one in best.values()))
    chosen = settings
    for kind, row in best.items():
        chosen = _with(chosen, kind, row["threshold"], Keeping(*(row[name] for name in Keeping._fields)))
    return number, chosen, tables[number]


def table_of(parts: Sequence[Tally]) -> list[dict[str, Any]]:
    """A row for each type, threshold and rule that is tried."""
    return [
        {
            "type": kind.value,
            "threshold": threshold,
            **rule._asdict(),
            **_figures(kind, [part[point] for part in parts if point in part]),
        }
        for point in dict.fromkeys(point for part in parts for point in part)
        for kind, threshold, rule in [point]
    ]


def tallies(models: Sequence[Model], samples: Iterable[Sample], kinds: Sequence[Calcification]) -> list[Tally]:
    """Of these types, one for each of models that differ in their closer look alone."""
    summed: list[Tally] = [{} for _ in models]
    for sample in samples:
        counted: dict[int, Tally] = {}
        seen = segment_alike(models, sample.mammogram())
        for own, segmentation in zip(summed, seen, strict=True):
            maps = id(segmentation.probability)
            if maps not in counted:
                counted[maps] = tally(sample, _unless_ignored(sample, segmentation), kinds)
            add(own, counted[maps])
    return summed


def add(summed: Tally, counted: Tally) -> None:
    """Adds what one image counts to what others do."""
    for point, counts in counted.items():
        summed[point] = summed.get(point, NOTHING) + counts


def tally(
    whole_sample: Sample, whole_segmentation: Segmentation, kinds: Sequence[Calcification] = tuple(Calcification)
) -> Tally:
    """What one image counts of these types at each threshold and rule that is tried."""
    sample, segmentation = _where_anything_is(whole_sample, whole_segmentation)
    return {
        (kind, threshold, rule): counts
        for kind in sample.masks
        if kind in kinds
        for threshold in THRESHOLDS
        for rule, counts in by_rule(sample, segmentation, kind, threshold, RULES[kind]).items()
    }


def _figures(kind: Calcification, counts: Sequence[ProductScore]) -> dict[str, float | None]:
    return {
        "lesion_sensitivity": _mean(each.lesions[kind].value("lesions_found") for each in counts),
        "false_positives_per_image": _mean(each.lesions[kind].value("false_alarms") for each in counts),
        "most_false_positives": max(each.lesions[kind].value("false_alarms") or 0.0 for each in counts),
        "pixel_f1": _mean(each.pixels[kind].value("f1") for each in counts if each.lesions[kind].lesions),
        "bac_called_mc": _mean(each.confused.value("lesions_found") for each in counts) if kind is MC else None,
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def mc_point(table: Sequence[dict[str, Any]], allowed: float) -> tuple[float, Keeping]:
    """Threshold and rule with the highest MC sensitivity at no more than these false positives per image."""
    best = _best_mc([row for row in table if row["type"] == MC.value], allowed)
    return best["threshold"], Keeping(*(best[name] for name in Keeping._fields))


def _with(settings: Settings, kind: Calcification, threshold: float, rule: Keeping) -> Settings:
    own: dict[str, Any] = (
        {"minimum_specks": rule.minimum_specks, "minimum_peak": rule.minimum_peak}
        if kind is MC
        else {"minimum_track_mm2": rule.minimum_track_mm2}
    )
    return replace(
        settings,
        thresholds={**settings.thresholds, kind: threshold},
        minimum_mm2={**settings.minimum_mm2, kind: rule.minimum_mm2},
        **own,
    )


def _best_mc(rows: Sequence[dict[str, Any]], most: float, counted: str = "false_positives_per_image") -> dict[str, Any]:
    return max(rows, key=lambda row: _merit(row, most, counted))


def _merit(row: Mapping[str, Any], most: float, counted: str) -> tuple[bool, float, float]:
    false = row[counted]
    allowed = false <= most
    return allowed, row["lesion_sensitivity"] or 0.0 if allowed else -false, -false


def _best_parted_mc(rows: Sequence[dict[str, Any]], most: float) -> dict[str, Any]:
    best = _best_mc(rows, most, "most_false_positives")
    most = max(most, best["most_false_positives"])
    least = (best["lesion_sensitivity"] or 0.0) - MC_SENSITIVITY_GIVEN
    near = [row for row in rows if row["most_false_positives"] <= most and (row["lesion_sensitivity"] or 0.0) >= least]

    def merit(row: Mapping[str, Any]) -> tuple[float, float, float]:
        return -(row["bac_called_mc"] or 0.0), row["pixel_f1"] or 0.0, -row["false_positives_per_image"]

    return max(near, key=merit)


def _best_bac(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    least = max(row["pixel_f1"] or 0.0 for row in rows) - BAC_F1_GIVEN
    near = [row for row in rows if (row["pixel_f1"] or 0.0) >= least]
    return max(near, key=lambda row: (-row["false_positives_per_image"], row["pixel_f1"] or 0.0))


def _where_anything_is(sample: Sample, segmentation: Segmentation) -> tuple[Sample, Segmentation]:
    """Cut to the box that holds every true pixel, every pixel above the least threshold, and the skin beside them: the
    rest counts nothing."""
    there = np.logical_or.reduce(list(sample.masks.values()))
    for probability in segmentation.probability.values():
        there |= probability >= min(THRESHOLDS)
    left, top, width, height = cv2.boundingRect(there.astype(np.uint8))
    part = tuple(  # on cells that begin at the image's corner, as tracks and skin are told
        slice(max(first // cell - cells - 1, 0) * cell, first + max(length, 1) + (cells + 1) * cell)
        for first, length, cell, cells in zip(
            (top, left),
            (height, width),
            cell_px(segmentation.spacing_mm),
            skin_cells(segmentation.spacing_mm),
            strict=True,
        )
    )
    return (
        replace(sample, masks={kind: mask[part] for kind, mask in sample.masks.items()}),
        replace(
            segmentation,
            probability={kind: probability[part] for kind, probability in segmentation.probability.items()},
            breast=segmentation.breast[part],
            seen_by={kind: seen[part] for kind, seen in segmentation.seen_by.items()},
            overruled=None,
            specks=None
            if segmentation.specks is None
            else segmentation.specks - np.array([along.start for along in part], np.int32),
        ),
    )


def by_rule(
    sample: Sample, segmentation: Segmentation, kind: Calcification, threshold: float, rules: Sequence[Keeping]
) -> dict[Keeping, ProductScore]:
    """What `score` would count of one type under each rule, with the components looked for only once."""
    specks = NO_SPECKS if segmentation.specks is None else segmentation.specks
    probability, breast = segmentation.probability[kind], segmentation.breast if kind is BAC else None
    components = label(
        probability >= threshold, segmentation.spacing_mm, specks, breast=breast, probability=probability
    )
    area = components.stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    true, true_mc, true_bac = sample.masks[kind], sample.masks.get(MC), sample.masks.get(BAC)
    match, taken_for = matched(true, components.labels, area), None
    if kind is MC and true_bac is not None and true_mc is not None:
        taken_for = matched(true_bac & ~true_mc, np.where(true_mc, 0, components.labels), area)
    scores = {}
    for rule, kept in zip(rules, components.kept(*rules), strict=True):
        tp, positive = int(match.right_px[kept].sum()), int(area[kept].sum())
        fn = int(np.count_nonzero(true)) - tp
        pixels = PixelCounts(tp, positive - tp, fn, true.size - positive - fn)
        confused = taken_for.counts(kept) if taken_for is not None else LesionCounts()
        scores[rule] = replace(
            NOTHING,
            pixels={**NOTHING.pixels, kind: pixels},
            lesions={**NOTHING.lesions, kind: match.counts(kept)},
            confused=LesionCounts(confused.lesions, confused.hit, images=1),
        )
    return scores


# Temperatures: by what a network's logits are divided so that a probability means the share that is true.
#
# Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599). They are fitted first; thresholds are
# then chosen on the maps that the product makes with them.

TEMPERATURES = (0.5, 3.0)
"""What is thought possible; beyond it the network is too far off for this remedy."""
LOOSE = 3.0
"""Temperature to look with before any is chosen: maps hold steps of 1/255, which logits to ±16 survive only so."""
LOGITS = np.linspace(-16, 16, 641)
"""Borders of the bins that logits are counted in."""

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Pixels inside the breast, of types that are known there: (bins, 2) counts of logits, [false, true], per type.

    tenths: per type (10, 3): pixels, sum of probability and true pixels in each tenth of probability.
    known: types that were known in any image.
    """

    logits: Mapping[Calcification, Counts] = field(
        default_factory=lambda: {kind: np.zeros((len(LOGITS) - 1, 2)) for kind in Calcification}
    )
    tenths: Mapping[Calcification, Counts] = field(
        default_factory=lambda: {kind: np.zeros((10, 3)) for kind in Calcification}
    )

    known: set[Calcification] = field(default_factory=set)

    def count(self, sample: Sample, segmentation: Segmentation, temperature: float = 1.0) -> None:
        """Adds one image. temperature: with which it was looked at, and which its logits are counted without."""
        self.known.update(sample.masks)
        for kind, mask in sample.masks.items():
            probability, true = segmentation.probability[kind][segmentation.breast], mask[segmentation.breast]
            levels = np.rint(probability * 255).astype(np.uint8)
            self.tenths[kind][:] += np.array(calibration(*histograms(levels, true)))
            bins = np.clip(np.searchsorted(LOGITS, logit(probability) * temperature) - 1, 0, len(LOGITS) - 2)
            for number, inside in enumerate((~true, true)):
                self.logits[kind][:, number] += np.bincount(bins[inside], minlength=len(LOGITS) - 1)

    def temperatures(self) -> dict[Calcification, float]:
        """Per type that was known, what makes the truth likeliest; 1 where all is true, or nothing."""
        return {kind: _temperature(self.logits[kind]) for kind in Calcification if kind in self.known}

    def said(self) -> dict[str, Any]:
        """Per type: expected calibration error, and what was said and what is true where it is at least half sure."""
        told: dict[str, Any] = {}
        for kind, tenths in self.tenths.items():
            pixels, probability, true = tenths.T
            sure = float(pixels[5:].sum())
            told[kind.value] = {
                "error": float(np.abs(probability - true).sum() / pixels.sum()) if pixels.sum() else None,
                "sure_pixels": int(sure),
                "sure_said": float(probability[5:].sum() / sure) if sure else None,
                "sure_true": float(true[5:].sum() / sure) if sure else None,
            }
        return told


def temperatures_of(looked: Iterable[tuple[Sample, Segmentation]], settings: Settings) -> dict[Calcification, float]:
    """Fitted on maps that were made with `loose` settings; a type that is known nowhere keeps its own."""
    reliability = Reliability()
    for sample, segmentation in looked:
        reliability.count(sample, segmentation, LOOSE)
    return {**settings.temperatures, **reliability.temperatures()}


def loose(settings: Settings) -> Settings:
    return replace(settings, temperatures=dict.fromkeys(Calcification, LOOSE))


def _temperature(counts: Counts) -> float:
    if (counts.sum(0) == 0).any():
        return 1.0
    middles = (LOGITS[:-1] + LOGITS[1:]) / 2

    def cost(temperature: float) -> float:
        held = middles / temperature
        return float(counts[:, 1] @ np.logaddexp(0, -held) + counts[:, 0] @ np.logaddexp(0, held))

    return round(float(minimize_scalar(cost, bounds=TEMPERATURES, method="bounded").x), 2)
