"""What settings may be chosen on beside what was sealed: two columns of a measurement on real mammograms.

For the page, the card and the printed summary alike (`training.tools.real.halves` makes the two halves).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mtunet.detection.models import ModelSpec
from mtunet.evaluation import runs
from mtunet.evaluation.real import PARTS, Summary, estimate, estimated_mc, mean, share

CHOSEN_ON: Final = (
    "**Chosen on** are every second film of mini-MIAS by name, and phantoms of the cohort that was learnt from, which "
    "no weights were fitted to: thresholds may be chosen on them, so figures on them flatter."
)
SEALED: Final = (
    "**Sealed** are the other films, phantoms of a cohort that nothing learnt from, and drawn parts of breasts (crops, "
    "spot views, masses, close-ups): no program chooses anything on them."
)
LIMITS: Final = "Intervals are 95 %: wide, as the images are few."
RULES_IN_SIGHT: Final = (
    "The gap that joins pieces of BAC, the largest track that may be asked for and how much F1 is given for it, with "
    "all films in sight (`real-detail`).",
    "That BAC along the skin does not count, and how far the skin reaches, with the real views in sight on which the "
    "skin was called an artery (`real-rules`).",
    "That pictures without a pixel size which may be close-ups are looked at at two scales, after a first twenty parts "
    "of breasts had 11 right flags; the twenty that are measured now were drawn anew after that (`real-rules`).",
    "That of MC settings that find about as much the one with the fewest BAC called MC is chosen, and not the one with "
    "the best outlines, after 15 % of one real film's arteries were called MC with those (`real-cycles`).",
    "That no part that is chosen on may have more than half a false mark an image, and not their mean, after films had "
    "0.62 with that (`real-three-cycles`), and a first closer look spared marks on phantoms alone (`real-closer`).",
    "That a closer look's offset is chosen with the thresholds, after those of films left little MC on phantoms "
    "(`real-closer`).",
    "That film borders, labels that hang from them and tape are not looked at, after MC was found on tape on two "
    "normal films, and with all films in sight (`real-borders`).",
)
"""What people decided of the rules, whichever weights are used: it stands in the notes of these runs. What they decided
of weights stands beside those (`ModelSpec.in_sight`)."""
SIGHT: Final = "They were in sight all the same when people decided:"
NOWHERE: Final = "–"


@dataclass(frozen=True)
class Halves:
    """One figure on both halves, in words with its interval."""

    images: str
    measure: str
    chosen_on: str
    sealed: str


def halves(real: Summary) -> tuple[Halves, ...]:
    """() of a measurement by a protocol that had no halves, or of one that left them out."""
    return (*_films(real.get("films")), *_phantoms(real.get("phantoms")), *_parts(real.get("parts")))


def _films(films: Summary | None) -> Iterator[Halves]:
    if films is None:
        return
    one, other = films["choosing"], films["sealed"]
    for name, measure, told in (
        ("clusters_hit", "clusters hit by MC or BAC", share),
        ("false_mc_per_normal_image", "false MC per normal image", mean),
        ("normal_images_flagged", "normal images flagged", share),
    ):
        yield Halves("mini-MIAS", measure, told(one[name]), told(other[name]))


def _phantoms(phantoms: Summary | None) -> Iterator[Halves]:
    if phantoms is None:
        return
    one, other = phantoms["choosing"], phantoms["sealed"]
    images = f"phantoms (synthetic), {one['images']} and {other['images']}"
    for name, measure, form in (
        ("mc_lesion_sensitivity", "MC lesions found", ".3f"),
        ("false_mc_per_image", "false MC per image", ".2f"),
        ("bac_pixel_f1", "BAC pixel F1", ".3f"),
        ("bac_called_mc", "BAC regions called MC", ".1%"),
    ):
        yield Halves(images, measure, estimate(one[name], form), estimate(other[name], form))
    if "mc_found_by_view" in one:
        views = [estimate(column["mc_found_by_view"]) for column in (one, other)]
        yield Halves(images, "MC lesions found of a view, mean of views", *views)
    if "mc_at_half" in one:
        said = [estimated_mc(column["mc_at_half"]) for column in (one, other)]
        yield Halves(images, "MC found at half a false one an image on those chosen on", *said)


def _parts(parts: Summary | None) -> Iterator[Halves]:
    if parts is None:
        return
    for name, measure in (("flag_right", "right flag"), ("looked_at_whole", "looked at whole")):
        yield Halves(PARTS, measure, NOWHERE, share(parts[name]))


def decided_in_sight(spec: ModelSpec | None) -> tuple[str, ...]:
    """What people decided with sealed images in sight. spec: None for weights that do not ship."""
    return (*RULES_IN_SIGHT, *(spec.in_sight if spec else ()))


def looked_at_besides(measured: Iterable[runs.Run], shown: runs.Run) -> str:
    """Sentences on the other measurements of the same sealed images, as what is known of them was in sight when it was
    decided what ships; "" where there are none."""
    others = [run for run in measured if run != shown and halves(run.summary or {})]
    if not others:
        return ""
    said = (
        f"The same sealed images were looked at with other candidates, too ({_named(others)}). What ships was "
        "decided with those figures in sight, so the sealed ones flatter as well, if less; each run's notes say how."
    )
    if (cohort := _sealed_cohort(shown)) is None:
        return said
    same = [run for run in others if _sealed_cohort(run) == cohort]
    return f"{said} The sealed phantoms are not among them: they were looked at with {_named(same) or 'no other'}."


def _named(measured: Iterable[runs.Run]) -> str:
    return ", ".join(f"`{run.folder.name}`" for run in measured)


def _sealed_cohort(run: runs.Run) -> int | None:
    """None of a measurement that does not say it, by a protocol until 7, whose one was the same for all."""
    phantoms = (run.summary or {}).get("phantoms") or {}
    cohort: int | None = phantoms.get("sealed", {}).get("cohort")
    return cohort
