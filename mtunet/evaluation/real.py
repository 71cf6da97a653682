"""What a measurement on real mammograms says: every figure with its interval and, where it has one, its target.

Reads the summary of a run of kind "real" (`training.real.protocol` writes it) and, for the figures on unseen phantoms,
that of the run that made the weights. Measurements by an older protocol lack some figures; those are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

PHANTOMS: Final = "unseen phantoms (synthetic)"
COUNTED: Final = ("GE Senographe", "NYU four views", "CBIS-DDSM")
"""Parts on which detections are counted, as nobody marked calcifications there."""
Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """One figure: on which images, of what, its value in words, and whether it meets the target (None: it has none)."""

    images: str
    measure: str
    value: str
    target: str = ""
    met: bool | None = None


def figures(real: Summary) -> tuple[Measure, ...]:
    """Every figure of a measurement on real mammograms."""
    return (*_mini_mias(real), *_mg1(real), *_counted(real), *_breast(real), *_steadiness(real))


def model_figures(model: Summary) -> tuple[Measure, ...]:
    """The three figures of the run that made the weights, on its own unseen images: phantoms, and then they say so and
    have targets, or the test part of a data set.

    MC is compared at half a false positive per image, where the run says it, and told as it ships.
    """
    every, data = model["all"], str(model.get("data", "phantoms"))
    of_phantoms = "phantom" in data
    images = PHANTOMS if of_phantoms else data
    half = model.get("mc_at_half") or every["mc"]
    rate, sensitivity = half["false_positives_per_image"], half["lesion_sensitivity"]
    f1, confused = every["bac"]["pixels"]["f1"], every["bac_called_mc"]
    at = _found(half) if half is every["mc"] else f"{_found(half)} (as it ships: {_found(every['mc'])})"
    enough = sensitivity is not None and rate is not None and sensitivity >= 0.90 and rate <= 0.5
    rows = (
        Measure(images, "MC lesions found", at, "≥ 0.90 at ≤ 0.5", enough),
        Measure(images, "BAC pixel F1", _figure(f1, ".3f"), "≥ 0.80", f1 is not None and f1 >= 0.80),
        Measure(
            images,
            "BAC regions called MC",
            _figure(confused, ".1%"),
            "≤ 3 %",
            confused is not None and confused <= 0.03,
        ),
    )
    return rows if of_phantoms else tuple(replace(row, target="", met=None) for row in rows)


def _found(mc: Mapping[str, Any]) -> str:
    rate, sensitivity = mc["false_positives_per_image"], mc["lesion_sensitivity"]
    return "undefined" if sensitivity is None or rate is None else f"{sensitivity:.2f} at {rate:.2f} false per image"


def targets(real: Summary, model: Summary | None) -> tuple[Measure, ...]:
    """The figures that have a target, of both; model: None where the run that made the weights is not at hand."""
    all_of_them = (*figures(real), *(model_figures(model) if model else ()))
    return tuple(figure for figure in all_of_them if figure.target)


def learnt_from_measured(config: Mapping[str, Any]) -> str:
    """A sentence where views that are measured on were among what the model learnt from; else ""."""
    if "CBIS-DDSM" not in str(config.get("learnt_from") or ""):
        return ""
    return (
        "The CBIS-DDSM views of this measurement were backgrounds in training: the figures on them say how well "
        "the model learnt them, not what to expect of other films."
    )


def _mini_mias(real: Summary) -> Iterator[Measure]:
    mias = real["mini_mias"]
    at_one = mias["at_one_false_positive"]
    films = "mini-MIAS"
    yield Measure(films, "clusters hit by MC or BAC", share(mias["hit"]))
    yield Measure(films, "clusters hit as MC", share(mias["hit_as_mc"]))
    yield Measure(
        films,
        "clusters hit at ≤ 1 false MC per normal image",
        share(at_one) if at_one else "not reached",
        "≥ 80 %",
        bool(at_one) and at_one["share"] is not None and at_one["share"] >= 0.80,
    )
    yield Measure(films, "false MC per normal image", mean(mias["false_mc_per_normal_image"]))
    yield Measure(films, "detected BAC per normal image (nobody marked BAC)", mean(mias["false_bac_per_normal_image"]))
    yield Measure(films, "normal images flagged", share(mias["normal_images_flagged"]))


def _mg1(real: Summary) -> Iterator[Measure]:
    mg1 = real["mg1"]
    if not mg1:
        return
    recall, called = mg1["recall"], mg1["called_mc"]
    yield Measure("NEMA MG1", "length of traced arteries found as BAC", f"{recall:.0%}", "≥ 80 %", recall >= 0.80)
    yield Measure("NEMA MG1", "length of traced arteries called MC", f"{called:.0%}", "≤ 10 %", called <= 0.10)
    far = f"{mg1['false_mm2']:.0f} of {mg1['bac_mm2']:.0f} mm²"
    yield Measure("NEMA MG1", "BAC farther than 3 mm from any of them", far)


def _counted(real: Summary) -> Iterator[Measure]:
    counted = real["plausible"]
    for part in COUNTED:
        if part in counted:
            for kind in ("mc", "bac"):
                yield Measure(part, f"detected {kind.upper()} per image", mean(counted[part][f"{kind}_per_image"]))
    every, together = counted["all"], "GE, NYU, CBIS-DDSM"
    either = every.get("any_per_image") or _added(every["mc_per_image"], every["bac_per_image"])
    value = either["mean"]
    yield Measure(together, "detections per image", mean(either), "≤ 2", value is not None and value <= 2)
    if "on_metal" in every:
        wrong = {name: every[f"on_{name}"] for name in ("metal", "benign", "border")}
        listing = ", ".join(f"{count} on {name}" for name, count in wrong.items())
        yield Measure(
            together, "on metal balls, large benign calcifications, borders", listing, "none", not any(wrong.values())
        )


def _breast(real: Summary) -> Iterator[Measure]:
    breast = real["breast"]
    overlap = f"{breast['median']:.3f} ({breast['images']} images; 5 % are below {breast['fifth_percentile']:.3f})"
    met = breast["median"] >= 0.95
    yield Measure("DDSM tissue", "breast region, overlap with the mask (median)", overlap, "≥ 0.95", met)


def _steadiness(real: Summary) -> Iterator[Measure]:
    for name, effect in real["perturbations"].items():
        kept, every = effect["flag_unchanged"], name == "all"
        met = kept["share"] is not None and kept["share"] >= 0.95
        measure = "flag unchanged, all perturbations" if every else f"flag unchanged: {name}"
        yield Measure("all, perturbed", measure, share(kept), "≥ 95 %" if every else "", met if every else None)
        moved = effect.get("share_moved_median")
        if every and moved is not None:
            yield Measure("all, perturbed", "BAC share moves by (median)", f"{100 * moved:.1f} points")


def share(value: Mapping[str, Any]) -> str:
    """ "90% (9 of 10; 60% to 98%)"."""
    if value["share"] is None:
        return "undefined (none)"
    low, high = value["interval"]
    return f"{value['share']:.0%} ({value['count']} of {value['of']}; {low:.0%} to {high:.0%})"


def mean(value: Mapping[str, Any]) -> str:
    """ "0.7 (31 images; 0.4 to 1.2)"."""
    if value["mean"] is None:
        return "undefined (no image)"
    if value["interval"] is None:
        return f"{value['mean']:.1f} ({value['images']} images)"
    low, high = value["interval"]
    return f"{value['mean']:.1f} ({value['images']} images; {low:.1f} to {high:.1f})"


def _figure(value: float | None, form: str) -> str:
    return "undefined" if value is None else format(value, form)


def missed(rows: Sequence[Measure]) -> tuple[Measure, ...]:
    return tuple(row for row in rows if row.met is False)


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Of an older protocol, which has no interval of the sum."""
    both = None if one["mean"] is None or other["mean"] is None else one["mean"] + other["mean"]
    return {"images": one["images"], "mean": both, "interval": None}
