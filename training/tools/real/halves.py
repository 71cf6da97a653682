"""Two columns: the images that settings were chosen on, and those that were sealed; films, phantoms, and drawn parts.

Of mini-MIAS every second film by name, normal films and films with clusters apart, is for choosing and the others are
sealed. The sealed phantoms are of a cohort that nothing learnt from or was chosen on, and are more than those chosen
on: they alone are a claim.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from mtunet.case import Calcification, Flag, Mammogram
from mtunet.detection.analysis import analyse
from mtunet.detection.models import Model
from mtunet.evaluation.proportions import proportion
from mtunet.evaluation.sealed import halves
from mtunet.phantom import PhantomSpec, make_phantom
from mtunet.phantom.unusual import unusual_picture
from training.data.recipes import Mixture
from training.data.samples import Sample, phantom_samples, phantom_split
from training.operating import (
    BAC,
    HALF,
    MC,
    NOTHING,
    ProductScore,
    Tally,
    add,
    mc_point,
    score,
    segmentations,
    table_of,
    tally,
)

COLUMNS: Final = ("choosing", "sealed")
SEALED_COHORT: Final = 79
"""Another one than until protocol 7: that one's figures were in sight at every comparison of two models."""
SEALED_TIMES: Final = 4
"""So many sealed phantoms for each that is chosen on: 46 lesions, as 60 phantoms have, leave 24 points of sensitivity
between the ends of an interval."""
PARTS_SEED: Final = 78
PARTS: Final = ("crop", "spot", "mass", "tight-line", "skin-close-up")
"""Of a breast, by their names in `mtunet.phantom.unusual`."""
EACH: Final = 4
PRESENT_MM2: Final = 4.0
"""Calcium of less area, cut off at an edge, is not expected to be flagged, nor counted against a flag."""
REDRAWN: Final = 500
Film = TypeVar("Film")
Figure = Callable[[ProductScore], float | None]


def of_films(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """rows: of the run's images. Per column, clusters hit, false MC on normal films, and how many are flagged."""
    columns: dict[str, dict[str, Any]] = {}
    for column in COLUMNS:
        mine = {
            kind: half({str(row["image"]): row for row in rows if row["part"] == f"mini-MIAS {kind}"}, column)
            for kind in ("clusters", "normal")
        }
        clusters, normal = mine["clusters"], mine["normal"]
        columns[column] = {
            "clusters_hit": proportion(sum(row["hit"] for row in clusters), sum(row["clusters"] for row in clusters)),
            "false_mc_per_normal_image": per_image([row["mc"] for row in normal]),
            "normal_images_flagged": proportion(sum(row["flag"] != Flag.NONE.value for row in normal), len(normal)),
        }
    return columns


def half(films: Mapping[str, Film], column: str) -> list[Film]:
    """films: of one kind, by name. Every second one belongs to this column."""
    return [films[name] for name in sorted(films)[COLUMNS.index(column) :: 2]]


def of_phantoms(model: Model, count: int) -> dict[str, dict[str, Any]]:
    """Per column, figures on so many phantoms, or SEALED_TIMES as many, with 95 % intervals over images drawn anew; and
    those of MC at half a false mark an image, by the threshold and rule that find the most with it on the first."""
    data = Mixture()
    choosing = phantom_split(data.train, data.validation, data.test, data.seed).validation[:count]
    sealed = phantom_split(0, 0, SEALED_TIMES * count, SEALED_COHORT).test
    specs, cohorts = zip(COLUMNS, (choosing, sealed), strict=True), (data.seed, SEALED_COHORT)
    seen = {column: _counted(model, phantom_samples(mine)) for column, mine in specs}
    summed: Tally = {}
    for _, counts in seen[COLUMNS[0]]:
        add(summed, counts)
    threshold, rule = mc_point(table_of([summed]), HALF)
    at_half = (MC, threshold, rule)
    return {
        column: _figures(_AS_IT_IS, [whole for whole, _ in images])
        | {
            "cohort": cohort,
            "mc_found_by_view": _by_view([whole for whole, _ in images]),
            "mc_at_half": {"threshold": threshold, **rule._asdict()}
            | _figures(_OF_MC, [counts[at_half] for _, counts in images]),
        }
        for (column, images), cohort in zip(seen.items(), cohorts, strict=True)
    }


def _counted(model: Model, samples: Iterable[Sample]) -> list[tuple[ProductScore, Tally]]:
    """Of each image, what it counts as the model is set, and what MC would at every threshold and rule."""
    return [
        (score(sample, segmentation), tally(sample, segmentation, (MC,)))
        for sample, segmentation in segmentations(model, samples)
    ]


_OF_MC: Mapping[str, Figure] = {
    "mc_lesion_sensitivity": lambda s: s.lesions[MC].value("lesions_found"),
    "false_mc_per_image": lambda s: s.lesions[MC].value("false_alarms"),
}
_AS_IT_IS: Mapping[str, Figure] = {
    **_OF_MC,
    "bac_pixel_f1": lambda s: s.pixels[BAC].value("f1"),
    "bac_called_mc": lambda s: s.confused.value("lesions_found"),
}


def _figures(wanted: Mapping[str, Figure], scores: Sequence[ProductScore]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    drawn = [sum((scores[i] for i in rng.integers(len(scores), size=len(scores))), NOTHING) for _ in range(REDRAWN)]
    whole = sum(scores, NOTHING)
    return {"images": len(scores)} | {
        name: {"value": figure(whole), "interval": _interval([figure(resample) for resample in drawn])}
        for name, figure in wanted.items()
    }


def _by_view(scores: Sequence[ProductScore]) -> dict[str, Any]:
    """Of each view with MC the share of its lesions that is found, and the mean of views: one breast with specks all
    over has as many lesions as fifty others."""
    shares = [float(found) for one in scores if (found := one.lesions[MC].value("lesions_found")) is not None]
    rng = np.random.default_rng(0)
    drawn = [float(np.mean(rng.choice(shares, len(shares)))) for _ in range(REDRAWN)] if shares else []
    return {"value": float(np.mean(shares)) if shares else None, "interval": _interval(drawn), "views": len(shares)}


def _interval(values: Iterable[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    return [float(v) for v in np.percentile(known, (2.5, 97.5))] if known else None


@dataclass(frozen=True)
class PartSeen:
    """A drawn part of a breast: name, whether its pixel size is said, what is in it, the flag, the share looked at."""

    name: str
    spacing_said: bool
    mc: bool | None
    bac: bool | None
    flag: Flag
    looked: float

    @property
    def right(self) -> bool:
        """The flag says MC where there is some, mostly BAC where there is that alone, and nothing where nothing is.

        All parts can be assessed: not to is wrong, even where nothing is.
        """
        if self.flag is Flag.NOT_ASSESSABLE:
            return False
        says_mc, says_bac = self.flag in (Flag.MC, Flag.MOSTLY_BAC_MC_LEFT), self.flag is Flag.MOSTLY_BAC
        if self.mc is not False and says_mc:
            return True
        return self.mc is not True and (self.bac is None or says_bac == self.bac) and not says_mc


def drawn_parts() -> Iterator[tuple[str, Mammogram, bool | None, bool | None]]:
    """EACH of each part, with and without pixel size in turn: name, image, whether MC, BAC are there (None: hardly)."""
    for number in range(EACH * len(PARTS)):
        name, turn = PARTS[number % len(PARTS)], number // len(PARTS)
        spec = PhantomSpec(
            seed=PARTS_SEED * 1_000_000 + 950_000 + number,
            density="b" if number % 2 else "c",
            look=("ffdm", "film")[turn % 2],
            clusters=int(turn in (1, 2)),
            bac_grade=2 * int(turn in (2, 3)),
            benign=1,
        )
        picture = unusual_picture(name, make_phantom(spec), number)
        pixels = picture.pixels.astype(np.float32) / np.float32(np.iinfo(picture.pixels.dtype).max)
        assert picture.spacing_mm is not None
        mm2 = picture.spacing_mm[0] * picture.spacing_mm[1]
        there = [_present(float(picture.masks[kind.value].sum()) * mm2) for kind in Calcification]
        spacing = picture.spacing_mm if number % 2 else None
        yield f"{name} {turn}", Mammogram(pixels, spacing, None, None, f"{number:064d}"), there[0], there[1]


def of_parts(model: Model) -> dict[str, Any]:
    """How many of the drawn parts are flagged rightly, and of how many nearly all was looked at."""
    seen = []
    for name, mammogram, mc, bac in drawn_parts():
        analysis, segmentation = analyse(mammogram, model)
        spacing_said = mammogram.spacing_mm is not None
        seen.append(PartSeen(name, spacing_said, mc, bac, analysis.triage.flag, float(segmentation.breast.mean())))
    whole = [part for part in seen if not part.name.startswith("skin")]
    return {
        "flag_right": proportion(sum(part.right for part in seen), len(seen)),
        "looked_at_whole": proportion(sum(part.looked > 0.99 for part in whole), len(whole)),
        "wrong": [f"{part.name}: {part.flag.value}" for part in seen if not part.right],
    }


def _present(mm2: float) -> bool | None:
    return True if mm2 >= PRESENT_MM2 else None if mm2 else False


def as_columns(summary: Mapping[str, Any]) -> str:
    """What was chosen on beside what was sealed, to be printed."""
    rows = [(f"{row.images}, {row.measure}", row.chosen_on, row.sealed) for row in halves(summary)]
    return "\n".join(f"{name:52} {one:>36} {other:>36}" for name, one, other in (("", "chosen on", "sealed"), *rows))


def per_image(counts: Sequence[int]) -> dict[str, Any]:
    """Mean with its bootstrap 95 % interval over images."""
    values = np.asarray(counts, float)
    if not len(values):
        return {"images": 0, "mean": None, "interval": None}
    drawn = np.random.default_rng(0).choice(values, (2000, len(values))).mean(1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"images": len(values), "mean": float(values.mean()), "interval": [float(low), float(high)]}
