"""A model's card: what it learnt from, what it is for, what was measured, where it fails.

Nothing is typed by hand but what cannot be measured (intended use, in the text). Everything else is read from the
weights file, the run folders that led to it, the measurements made with it, and the pictures of its failures that
`python -m training failures` made with exactly these weights.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mtunet.case import Calcification
from mtunet.detection.components import what_counts
from mtunet.detection.models import ModelSpec, read_metadata
from mtunet.detection.settings import Settings
from mtunet.evaluation import runs
from mtunet.evaluation.real import Measure, learnt_from_measured, missed, model_figures, targets
from mtunet.phantom.samples import CBIS_LICENCE, CBIS_SOURCE, PHANTOM_LICENCE, SAMPLES


@dataclass(frozen=True)
class LearntFrom:
    """Images that were learnt from. name: what they are; licence and where they are from."""

    name: str
    licence: str
    origin: str


@dataclass(frozen=True)
class Step:
    """One run on the way to the weights.

    seconds: of fitting, None where its history is not on disk or it fitted nothing: it is the mean of the weights of
    other runs (mean_of), or their networks side by side (joined_from). averaged: share of the steps, at the end, whose
    weights were averaged.
    """

    run: str
    data: str
    steps: int | None
    seed: int | None
    device: str
    commit: str
    seconds: float | None
    mean_of: tuple[str, ...] = ()
    joined_from: tuple[str, ...] = ()
    averaged: float = 0.0


@dataclass(frozen=True)
class Failure:
    """A picture of a failure, made by the product with these weights."""

    path: Path
    said: str
    origin: str
    licence: str


@dataclass(frozen=True)
class ModelCard:
    """sources: of all steps. measured: (name of the measurement, its figures with a target). caveats: sentences."""

    name: str
    title: str
    note: str
    sha256: str
    mebibytes: float
    settings: Mapping[str, Any]
    chosen: Mapping[str, Any]
    network: Mapping[str, Any]
    sources: tuple[LearntFrom, ...]
    steps: tuple[Step, ...]
    measured: tuple[tuple[str, tuple[Measure, ...]], ...]
    caveats: tuple[str, ...]
    failures: tuple[Failure, ...]


def card_of(spec: ModelSpec, root: Path | None = None) -> ModelCard:
    """The card of a registered model. root: where runs are (default: `runs.RUNS`). Raises ModelUnavailable."""
    about = read_metadata(spec)
    provenance = about["provenance"]
    configs = dict(_lineage(provenance, root or runs.RUNS))
    real = [run for run in runs.find_real(root) if run.config.get("weights_sha256") == spec.sha256]
    made_by = runs.with_weights(spec.sha256, root)
    measured = [(f"{run.folder.name}, protocol {run.config['protocol']}", run) for run in real]
    model_summary = made_by.summary if made_by else None
    return ModelCard(
        name=spec.name,
        title=spec.title,
        note=spec.note,
        sha256=spec.sha256,
        mebibytes=spec.path.stat().st_size / 2**20,
        settings=about["settings"],
        chosen=about["chosen"],
        network=about["network"],
        sources=tuple(_sources(configs.values())),
        steps=tuple(_step(name, config, root or runs.RUNS) for name, config in configs.items()),
        measured=tuple((name, targets(run.summary or {}, model_summary)) for name, run in measured)
        or _phantoms_alone(made_by),
        caveats=tuple(
            dict.fromkeys(
                filter(None, (*(learnt_from_measured(run.config) for run in real), _certainty(model_summary)))
            )
        ),
        failures=read_failures(spec),
    )


def failures_folder(spec: ModelSpec) -> Path:
    return spec.path.with_name(f"{spec.name}-failures")


def read_failures(spec: ModelSpec) -> tuple[Failure, ...]:
    """Pictures made with exactly these weights; () where there are none, or they are of other weights."""
    folder = failures_folder(spec)
    try:
        record = json.loads((folder / "failures.json").read_text())
    except (OSError, ValueError):
        return ()
    if record["weights_sha256"] != spec.sha256:
        return ()
    return tuple(
        Failure(folder / Path(picture["file"]).name, picture["said"], picture["origin"], picture["licence"])
        for picture in record["pictures"]
    )


def _lineage(provenance: Mapping[str, Any], root: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(run, its config) of every run on the way, oldest first; a run that is not on disk has an empty config."""
    seen: set[str] = set()

    def before(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        begun_with = config.get("experiment", {}).get("begin_with")
        for name in config.get("average_of") or config.get("joined_from") or ([begun_with] if begun_with else []):
            if name in seen:
                continue
            seen.add(name)
            try:
                earlier = runs.read(root / name).config
            except runs.NotARun:
                earlier = {}
            yield from before(earlier)
            yield name, earlier

    name = str(provenance.get("run", "?"))
    seen.add(name)
    yield from before(provenance)
    yield name, provenance


def _sources(configs: Any) -> Iterator[LearntFrom]:
    """What the runs say they learnt from, each once."""
    names: set[str] = set()
    inserted = False
    for config in configs:
        for source in config.get("training_images", ()):
            if source["name"] not in names:
                names.add(source["name"])
                yield LearntFrom(source["name"], source["licence"], source["origin"])
        data = config.get("experiment", {}).get("data", {})
        if data.get("train") or data.get("harder"):
            name = _phantoms(config, data)
            if name not in names:
                names.add(name)
                yield LearntFrom(name, PHANTOM_LICENCE, "They show no person.")
        inserted = inserted or bool(data.get("inserted"))
    for sample in SAMPLES if inserted else ():
        if sample.file.startswith("cbis-ddsm/"):
            yield LearntFrom(
                f"`samples/{sample.file}`, calcium of the phantom code put in", CBIS_LICENCE, CBIS_SOURCE + "."
            )


_FURTHER: Final = {"harder": "harder ones", "plain": "plain films"}


def _phantoms(config: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    version = str(config.get("data", "")).partition("generator version ")[2].split(" ")[0].strip(",;)") or "unknown"
    more = "".join(f" and {data[name]} {phrase}" for name, phrase in _FURTHER.items() if data.get(name))
    return (
        f"{data.get('train', 0)} phantoms{more} of cohort {data.get('seed')}, generator version {version} (synthetic)"
    )


def _step(name: str, config: Mapping[str, Any], root: Path) -> Step:
    experiment = config.get("experiment", {})
    mean_of, joined_from = tuple(config.get("average_of", ())), tuple(config.get("joined_from", ()))
    fitted = not (mean_of or joined_from)
    return Step(
        run=name,
        data=str(config.get("data", "unknown: the run is not on disk")),
        steps=experiment.get("steps") if fitted else None,
        seed=experiment.get("seed"),
        device=str(config.get("device", "unknown")),
        commit=str(config.get("commit", "unknown")),
        seconds=_seconds(root / name) if fitted else None,
        mean_of=mean_of,
        joined_from=joined_from,
        averaged=float(experiment.get("averaged", 0.0)),
    )


def _seconds(folder: Path) -> float | None:
    """A row tells the seconds of its epoch; those by steps, of the first runs, tell all seconds until then."""
    try:
        history = runs.read_table(runs.read(folder), 0, "history")
        seconds = [float(row["seconds"]) for row in history]
        return sum(seconds) if "epoch" in history[0] else seconds[-1]
    except (runs.NotARun, OSError, LookupError, ValueError):
        return None


def _phantoms_alone(made_by: runs.Run | None) -> tuple[tuple[str, tuple[Measure, ...]], ...]:
    if made_by is None:
        return ()
    return ((made_by.folder.name, model_figures(made_by.summary or {})),)


def _certainty(summary: Mapping[str, Any] | None) -> str:
    """What a probability meant on the images that the run which made the weights was measured on; "" where unknown."""
    sentences = [
        f"{kind.upper()} {calibration['sure_said']:.0%} said, {calibration['sure_true']:.0%} true"
        for kind, calibration in ((summary or {}).get("calibration") or {}).items()
        if calibration["sure_pixels"]
    ]
    return (
        f"Pixels given a probability of at least 0.5, on {summary['data']}: {'; '.join(sentences)}."
        if sentences and summary
        else ""
    )


# A model's card as text.

INTENDED: Final = (
    "Research, teaching and trying out software on digitised films and digital mammograms (CC, MLO and their "
    "relatives), by people who can judge the image themselves."
)
NOT_FOR: Final = (
    "Any decision about a patient; screening or ruling out; images of implants, specimens, tomosynthesis or magnified "
    "spots; masses, distortions and asymmetries, which are not looked for. An image without findings proves nothing."
)


def to_markdown(card: ModelCard) -> str:
    """The card as text, without the pictures of failures."""
    return f"## {card.title}\n\n{card.note}\n\n{body(card)}"


def body(card: ModelCard) -> str:
    """What stands under the model's title and note."""
    sources = "\n".join(f"- {source.name}. Licence: {source.licence}. {source.origin}" for source in card.sources)
    steps = "\n".join(f"- {_told(step)}" for step in card.steps)
    return "\n\n".join(
        [
            "**Not for clinical use.**",
            f"**For:** {INTENDED}",
            f"**Not for:** {NOT_FOR}",
            f"### What it is\n\nWeights {card.sha256}, {card.mebibytes:.1f} MiB. {_network(card)}",
            f"### What it learnt from\n\n{sources}",
            f"### How\n\n{steps}{_total(card.steps)}",
            *([f"### Chosen, and sealed\n\n{_chosen(card.chosen)}"] if card.chosen else []),
            f"### What was measured\n\n{_measured(card)}",
            f"### Where it fails\n\n{_failing(card)}",
        ]
    )


def _network(card: ModelCard) -> str:
    settings = card.settings
    pitch = (
        "the whole view at 256×256" if settings["pitch_mm"] is None else f"{settings['pitch_mm']} mm a pixel, in tiles"
    )
    sides = ", each from both sides" if settings.get("mirrored") else ""
    held = {kind: value for kind, value in settings.get("temperatures", {}).items() if value != 1}
    calm = f" Logits divided by {', '.join(f'{v} ({k.upper()})' for k, v in held.items())}." if held else ""
    from_ = ", ".join(f"{settings['thresholds'][kind.value]} ({kind.value.upper()})" for kind in Calcification)
    rules = " ".join(what_counts(Settings.from_json(dict(settings)), kind) for kind in Calcification)
    return (
        f"{_networks(card.network.get('members', [card.network]))}, looking at {pitch}{sides}.{calm} Pixels count from "
        f"probability {from_}. {rules}"
    )


def _chosen(chosen: Mapping[str, Any]) -> str:
    """By what the settings were chosen again, and what came out where nothing was chosen."""
    before, after = (
        f"sensitivity {at['sensitivity']}, {at['false_marks']} false marks an image"
        for at in (chosen["before"], chosen["after"])
    )
    sealed = []
    for where, changes in chosen["sealed"].items():
        figures = (f"{name.replace('_', ' ')} {a} before, {b} after" for name, (a, b) in changes.items())
        sealed.append(f"- {where}: {'; '.join(figures)}.")
    return (
        f"Objective: {chosen['objective']} On: {chosen['on']}. Among: {chosen['among']}. Before: {before}. "
        f"After: {after}. Nothing was learnt from the films of mini-MIAS. Where nothing was chosen:\n\n"
        + "\n".join(sealed)
    )


def _networks(members: Sequence[Mapping[str, Any]]) -> str:
    heads = members[0]["heads"]
    shapes = [f"of width {member['width']} with {member['norm']} norm" for member in members]
    ending = f"and {len(heads)} heads ({', '.join(heads)})"
    if len(members) == 1:
        return f"A U-Net {shapes[0]} {ending}"
    return f"{len(members)} U-Nets, {' and '.join(shapes)}, {ending} each, the mean of whose logits counts"


def _told(step: Step) -> str:
    if combined := step.mean_of or step.joined_from:
        runs_meant = ", ".join(f"`{name}`" for name in combined)
        what = "the mean of the weights" if step.mean_of else "the networks, side by side,"
        return f"`{step.run}`: {what} of {runs_meant}. Commit {step.commit}."
    mean = f" (the mean of the weights of the last {step.averaged:.0%} of them)" if step.averaged else ""
    length = "" if step.steps is None else f"{step.steps} steps{mean}, seed {step.seed}, "
    took = "" if step.seconds is None else f"{step.seconds / 60:.0f} minutes, "
    return f"`{step.run}`: {length}{took}{step.device}. Data: {step.data}. Commit {step.commit}."


def _total(steps: tuple[Step, ...]) -> str:
    known = [step.seconds for step in steps if step.seconds is not None]
    return f"\n\nTogether {sum(known) / 3600:.1f} hours of fitting." if known else ""


def _measured(card: ModelCard) -> str:
    if not card.measured:
        return "Nothing is on disk that was measured with these weights."
    parts = []
    for name, rows in card.measured:
        lines = ["| images | measure | value | target |", "|---|---|---|---|"]
        for row in rows:
            verdict = "" if row.met is None else (" (met)" if row.met else " (missed)")
            lines.append(f"| {row.images} | {row.measure} | {row.value} | {row.target}{verdict} |")
        parts.append(f"`{name}`\n\n" + "\n".join(lines))
    return "\n\n".join([*parts, *card.caveats])


def _failing(card: ModelCard) -> str:
    lacking = [row for _, rows in card.measured for row in missed(rows)]
    lines = [f"- Target missed: {row.images}, {row.measure}: {row.value} (target {row.target})." for row in lacking]
    lines += [f"- {failure.said}" for failure in card.failures]
    return "\n".join(lines) or "No failure is on record with these weights, which says that nobody looked."
