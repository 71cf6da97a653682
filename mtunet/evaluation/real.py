"""What a measurement on real mammograms says: every figure with its interval and, where it has one, its target.

Reads a run of kind "real" (`training.tools.real.protocol` writes it), and nothing besides: what another run said of the
same weights, by other rules or on other phantoms, is not its figure. Measurements by an older protocol lack some
figures; of those with a target it is said.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mtunet.evaluation import runs
from mtunet.evaluation.proportions import proportion

PHANTOMS: Final = "unseen phantoms (synthetic)"
SEALED_PHANTOMS: Final = "sealed phantoms (synthetic)"
PARTS: Final = "drawn parts of breasts (synthetic)"
ALLOWED: Final = 0.5
"""False MC an image, or a normal film, at which what is found is compared."""
NOT_MEASURED: Final = "not measured"
COUNTED: Final = ("GE Senographe", "NYU four views", "CBIS-DDSM")
"""Parts on which detections are counted, as nobody marked calcifications there."""
Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """One figure: on which images, of what, its value in words, and whether it meets the target (None: it has
    none, or nothing was measured)."""

    images: str
    measure: str
    value: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """ "" where there is no target, or nothing was measured."""
        return "" if self.met is None else "met" if self.met else "missed"


@dataclass(frozen=True)
class _Told:
    """A number (None: nothing to divide by), and how it is told."""

    value: float | None
    words: str


def figures(real: Summary, froc: Sequence[Mapping[str, Any]]) -> tuple[Measure, ...]:
    """Every figure of a measurement on real mammograms. froc: its rows of froc.csv."""
    return (
        *_mini_mias(real["mini_mias"], froc),
        *_mg1(real["mg1"]),
        *_sealed_phantoms((real.get("phantoms") or {}).get("sealed")),
        *_parts(real.get("parts")),
        *_counted(real["plausible"]),
        *_breast(real["breast"]),
        *_steadiness(real["perturbations"]),
    )


def read_figures(measured: runs.Run) -> tuple[Measure, ...]:
    """Every figure of a finished measurement."""
    return figures(measured.summary or {}, runs.read_whole_table_if_there(measured, "froc"))


def targets(rows: Iterable[Measure]) -> tuple[Measure, ...]:
    """Those that have a target."""
    return tuple(row for row in rows if row.target)


def missed(rows: Iterable[Measure]) -> tuple[Measure, ...]:
    return tuple(row for row in rows if row.met is False)


def model_figures(model: Summary) -> tuple[Measure, ...]:
    """The three figures of the run that made the weights, on its own unseen images: phantoms, and then they say so and
    have targets, or the test part of a data set.

    MC is compared at half a false positive per image, where the run says it, and told as it ships.
    """
    every, data = model["all"], str(model.get("data", "phantoms"))
    of_phantoms = "phantom" in data
    half = model.get("mc_at_half") or every["mc"]
    f1, confused = every["bac"]["pixels"]["f1"], every["bac_called_mc"]
    rows = _on_phantoms(
        PHANTOMS if of_phantoms else data,
        _Told(half["lesion_sensitivity"], _compared(half, every["mc"], _found)),
        half["false_positives_per_image"],
        _Told(f1, _figure(f1, ".3f")),
        _Told(confused, _figure(confused, ".1%")),
    )
    return rows if of_phantoms else tuple(replace(row, target="", met=None) for row in rows)


def _on_phantoms(
    images: str, mc: _Told, false_mc: float | None, bac: _Told, called_mc: _Told
) -> tuple[Measure, Measure, Measure]:
    """Lesions of MC found, at so many false ones an image; pixels of BAC; the share of BAC that is called MC."""
    enough = mc.value is not None and false_mc is not None and mc.value >= 0.93 and false_mc <= ALLOWED
    fits, apart = bac.value is not None and bac.value >= 0.84, called_mc.value is not None and called_mc.value <= 0.04
    return (
        Measure(images, "MC lesions found", mc.words, f"≥ 0.93 at ≤ {ALLOWED:g}", enough),
        Measure(images, "BAC pixel F1", bac.words, "≥ 0.84", fits),
        Measure(images, "BAC regions called MC", called_mc.words, "≤ 4 %", apart),
    )


def _sealed_phantoms(sealed: Summary | None) -> Iterator[Measure]:
    """Of a cohort that nothing learnt from, at the operating point that was measured. MC is compared at the one that
    gives half a false mark on the phantoms that are chosen on, where the measurement says it, and told as it ships."""
    if sealed is None:
        nothing = _Told(None, NOT_MEASURED)
        yield from (replace(row, met=None) for row in _on_phantoms(SEALED_PHANTOMS, nothing, None, nothing, nothing))
        return
    half = sealed.get("mc_at_half", sealed)
    f1, confused = sealed["bac_pixel_f1"], sealed["bac_called_mc"]
    yield from _on_phantoms(
        SEALED_PHANTOMS,
        _Told(half["mc_lesion_sensitivity"]["value"], _compared(half, sealed, _estimated)),
        half["false_mc_per_image"]["value"],
        _Told(f1["value"], estimate(f1)),
        _Told(confused["value"], estimate(confused, ".1%")),
    )


def _estimated(mc: Summary) -> str:
    return f"{estimated_mc(mc)} false per image"


def estimated_mc(mc: Summary) -> str:
    """What is found of MC, at so many false ones an image."""
    return f"{estimate(mc['mc_lesion_sensitivity'])} at {estimate(mc['false_mc_per_image'], '.2f')}"


def _compared(half: Summary, ships: Summary, told: Callable[[Summary], str]) -> str:
    """At the point that is compared, and as it ships where that reads otherwise."""
    compared, shipped = told(half), told(ships)
    return compared if compared == shipped else f"{compared} (as it ships: {shipped})"


def _parts(parts: Summary | None) -> Iterator[Measure]:
    images, measure, wanted = PARTS, "right flag", "≥ 18 of 20"
    if parts is None:
        yield Measure(images, measure, NOT_MEASURED, wanted)
        return
    right = parts["flag_right"]
    yield Measure(images, measure, share(right), wanted, right["of"] > 0 and right["count"] / right["of"] >= 18 / 20)


def _found(mc: Mapping[str, Any]) -> str:
    rate, sensitivity = mc["false_positives_per_image"], mc["lesion_sensitivity"]
    return "undefined" if sensitivity is None or rate is None else f"{sensitivity:.2f} at {rate:.2f} false per image"


def learnt_from_measured(config: Mapping[str, Any]) -> str:
    """A sentence where views that are measured on were among what the model learnt from; else ""."""
    if "CBIS-DDSM" not in str(config.get("learnt_from") or ""):
        return ""
    return (
        "The CBIS-DDSM views of this measurement were backgrounds in training: the figures on them say how well "
        "the model learnt them, not what to expect of other films."
    )


def _mini_mias(mias: Summary, froc: Sequence[Mapping[str, Any]]) -> Iterator[Measure]:
    films, flagged = "mini-MIAS", mias["normal_images_flagged"]
    yield Measure(films, "clusters hit by MC or BAC", share(mias["hit"]))
    yield Measure(films, "clusters hit as MC", share(mias["hit_as_mc"]))
    yield _quoted(films, froc)
    yield Measure(films, "false MC per normal image", mean(mias["false_mc_per_normal_image"]))
    yield Measure(films, "detected BAC per normal image (nobody marked BAC)", mean(mias["false_bac_per_normal_image"]))
    few = flagged["of"] > 0 and flagged["count"] / flagged["of"] <= 8 / 31
    yield Measure(films, "normal images flagged", share(flagged), "≤ 8 of 31", few)


def _quoted(films: str, froc: Sequence[Mapping[str, Any]]) -> Measure:
    """Clusters hit at the threshold that hits most with so few false marks; of those that hit as many, the highest."""
    measure = f"clusters hit at ≤ {ALLOWED:g} false MC per normal image"
    row = Measure(films, measure, NOT_MEASURED, "≥ 9 of 10")
    if not froc:
        return row
    points = [
        (int(p["hit_as_mc"]), float(p["threshold"]), int(p["clusters"]), int(p["false_mc_on_normal"]) / films_seen)
        for p in froc
        if (films_seen := int(p["normal_images"]))
    ]
    within = [point for point in points if point[3] <= ALLOWED]
    if not within:
        return replace(row, value="not reached", met=False)
    hit, threshold, clusters, false = max(within)
    said = f"{share(proportion(hit, clusters))} at {false:.2f}, best threshold {threshold:g}"
    return replace(row, value=said, met=clusters > 0 and hit / clusters >= 9 / 10)


def _mg1(mg1: Summary | None) -> Iterator[Measure]:
    if not mg1:
        return
    recall, called, false = mg1["recall"], mg1["called_mc"], mg1["false_mm2"]
    yield Measure("NEMA MG1", "length of traced arteries found as BAC", f"{recall:.1%}", "≥ 85 %", recall >= 0.85)
    yield Measure("NEMA MG1", "length of traced arteries called MC", f"{called:.1%}", "≤ 10 %", called <= 0.10)
    far = f"{false:.1f} of {mg1['bac_mm2']:.1f} mm²"
    if noted := mg1.get("noted_mm2"):
        far += f", and {noted:.1f} on an artery noted later"
    yield Measure("NEMA MG1", "BAC farther than 3 mm from any of them", far, "≤ 25 mm²", false <= 25)


def _counted(counted: Summary) -> Iterator[Measure]:
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


def _breast(breast: Summary) -> Iterator[Measure]:
    overlap = f"{breast['median']:.3f} ({breast['images']} images; 5 % are below {breast['fifth_percentile']:.3f})"
    met = breast["median"] >= 0.95
    yield Measure("DDSM tissue", "breast region, overlap with the mask (median)", overlap, "≥ 0.95", met)


def _steadiness(perturbations: Summary) -> Iterator[Measure]:
    images, every, wanted = "all, perturbed", "flag unchanged, all perturbations", "≥ 95 %"
    if not perturbations:
        yield Measure(images, every, NOT_MEASURED, wanted)
    for name, effect in perturbations.items():
        kept = effect["flag_unchanged"]
        if name != "all":
            yield Measure(images, f"flag unchanged: {name}", share(kept))
            continue
        yield Measure(images, every, share(kept), wanted, kept["share"] is not None and kept["share"] >= 0.95)
        if (moved := effect.get("share_moved_median")) is not None:
            yield Measure(images, "BAC share moves by (median)", f"{100 * moved:.1f} points")


def share(value: Mapping[str, Any]) -> str:
    """ "90% (9 of 10; 60% to 98%)"."""
    if value["share"] is None:
        return "undefined (none)"
    low, high = value["interval"]
    return f"{value['share']:.0%} ({value['count']} of {value['of']}; {low:.0%} to {high:.0%})"


def mean(value: Mapping[str, Any]) -> str:
    """ "0.70 (31 images; 0.40 to 1.20)"."""
    if value["mean"] is None:
        return "undefined (no image)"
    if value["interval"] is None:
        return f"{value['mean']:.2f} ({value['images']} images)"
    low, high = value["interval"]
    return f"{value['mean']:.2f} ({value['images']} images; {low:.2f} to {high:.2f})"


def estimate(figure: Mapping[str, Any], form: str = ".3f") -> str:
    """ "0.696 (0.584 to 0.833)", "4.6% (1.2% to 8.8%)"."""
    value, interval = figure["value"], figure["interval"]
    if value is None:
        return "undefined"
    return _figure(value, form) + ("" if interval is None else f" ({interval[0]:{form}} to {interval[1]:{form}})")


def _figure(value: float | None, form: str) -> str:
    return "undefined" if value is None else format(value, form)


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Of an older protocol, which has no interval of the sum."""
    both = None if one["mean"] is None or other["mean"] is None else one["mean"] + other["mean"]
    return {"images": one["images"], "mean": both, "interval": None}
