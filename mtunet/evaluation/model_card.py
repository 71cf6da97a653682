"""A model's card: what it learnt from, what it is for, what was measured, where it fails.

Nothing is typed by hand but what cannot be measured (intended use, in the text). Everything else is read from the
weights file, the run folders that led to it, the measurements made with it, and the pictures of its failures that
`python -m training failures` made with exactly these weights.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mtunet.case import Calcification
from mtunet.detection.models import ModelSpec, read_metadata
from mtunet.detection.settings import Settings
from mtunet.evaluation import runs
from mtunet.evaluation.real import Measure, learnt_from_measured, model_figures, read_figures, targets
from mtunet.evaluation.sealed import Halves, decided_in_sight, halves, looked_at_besides
from mtunet.evaluation.standing import alike, measured_at, of_what_ships, rules_since
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
    magnified_from: str = ""
    magnifier_from: str = ""
    magnifier_begun_with: str = ""


@dataclass(frozen=True)
class Failure:
    """A picture of a failure, made by the product with these weights."""

    path: Path
    said: str
    origin: str
    licence: str


@dataclass(frozen=True)
class Measured:
    """What was measured of the weights as they are used now.

    by: which run, in words. rows: with a target. halves: what was chosen on beside what was sealed. in_sight: what
    people decided with the sealed part in sight. caveats: sentences on these figures.
    """

    by: str
    rows: tuple[Measure, ...]
    halves: tuple[Halves, ...] = ()
    in_sight: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelCard:
    """sources: of all steps. chosen_on: what the training chose thresholds on, where that was not its own validation
    part. measured: None where nothing was. certainty: what a probability meant; "" where unknown."""

    name: str
    title: str
    note: str
    sha256: str
    mebibytes: float
    settings: Mapping[str, Any]
    chosen_on: str
    network: Mapping[str, Any]
    sources: tuple[LearntFrom, ...]
    steps: tuple[Step, ...]
    measured: Measured | None
    certainty: str
    failures: tuple[Failure, ...]


def card_of(spec: ModelSpec, root: Path | None = None) -> ModelCard:
    """The card of a registered model. root: where runs are (default: `runs.RUNS`). Raises ModelUnavailable."""
    about = read_metadata(spec)
    provenance = about["provenance"]
    configs = dict(_lineage(provenance, root or runs.RUNS))
    made_by = runs.with_weights(spec.sha256, root)
    return ModelCard(
        name=spec.name,
        title=spec.title,
        note=spec.note,
        sha256=spec.sha256,
        mebibytes=spec.path.stat().st_size / 2**20,
        settings=about["settings"],
        chosen_on=str(provenance.get("chosen_on", "")),
        network=about["network"],
        sources=tuple(_sources(configs.values())),
        steps=tuple(_step(name, config, root or runs.RUNS) for name, config in configs.items()),
        measured=_measured_on_real(spec, root) or _on_own_test_part(made_by, about["settings"]),
        certainty=_certainty(made_by, about["settings"]),
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
        begun_with_magnifier = config.get("experiment", {}).get("magnifier", {}).get("begin_with") or None
        magnified = [config.get("magnified_from"), config.get("magnifier_from"), begun_with_magnifier]
        combined = config.get("average_of") or config.get("joined_from") or (magnified if any(magnified) else [])
        for name in combined or [begun_with]:
            if name is None or name in seen:
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
    with_films = False
    for config in configs:
        for source in config.get("training_images", ()):
            if source["name"] not in names:
                names.add(source["name"])
                yield LearntFrom(source["name"], source["licence"], source["origin"])
        said, _, of_magnifier = str(config.get("data", "")).partition(runs.OF_THE_MAGNIFIER)
        experiment = config.get("experiment", {})
        for words, data in (
            (said, experiment.get("data", {})),
            (of_magnifier, experiment.get("magnifier", {}).get("data", {})),
        ):
            if any(data.get(name) for name in _PHANTOMS):
                name = _phantoms({"data": words}, data)
                if name not in names:
                    names.add(name)
                    yield LearntFrom(name, PHANTOM_LICENCE, "They show no person.")
            with_films = with_films or bool(data.get("inserted") or data.get("winding"))
    for sample in SAMPLES if with_films else ():
        if sample.file.startswith("cbis-ddsm/"):
            yield LearntFrom(
                f"`samples/{sample.file}`, calcium of the phantom code put in", CBIS_LICENCE, CBIS_SOURCE + "."
            )


_PHANTOMS: Final = {
    "train": "phantoms",
    "harder": "harder ones",
    "plain": "plain films",
    "unusual": "unusual pictures",
}
"""Of the counts of a mixture (`training.data.recipes`), those that are of phantoms which were learnt from."""


def _phantoms(config: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    *most, last = (f"{data[name]} {phrase}" for name, phrase in _PHANTOMS.items() if data.get(name))
    together = f"{', '.join(most)} and {last}" if most else last
    return f"{together} of cohort {data.get('seed')}, generator version {_generator(config)} (synthetic)"


def _generator(config: Mapping[str, Any]) -> str:
    """The last that is named: with it a run's test part was drawn."""
    _, named, rest = str(config.get("data", "")).rpartition("generator version ")
    return rest.split(" ")[0].strip(",;)") if named else "unknown"


def _step(name: str, config: Mapping[str, Any], root: Path) -> Step:
    experiment = config.get("experiment", {})
    mean_of, joined_from = tuple(config.get("average_of", ())), tuple(config.get("joined_from", ()))
    magnified_from, magnifier_from = (str(config.get(key, "")) for key in ("magnified_from", "magnifier_from"))
    learnt = experiment.get("magnifier", {}) if magnified_from else experiment
    fitted = not (mean_of or joined_from or magnifier_from)
    return Step(
        run=name,
        data=str(config.get("data", "unknown: the run is not on disk")).split(runs.OF_THE_MAGNIFIER)[-1],
        steps=learnt.get("steps") if fitted else None,
        seed=learnt.get("seed"),
        device=str(config.get("device", "unknown")),
        commit=str(config.get("commit", "unknown")),
        seconds=_seconds(root / name) if fitted else None,
        mean_of=mean_of,
        joined_from=joined_from,
        averaged=float(learnt.get("averaged", 0.0)),
        magnified_from=magnified_from,
        magnifier_from=magnifier_from,
        magnifier_begun_with=str(learnt.get("begin_with") or "") if magnified_from else "",
    )


def _seconds(folder: Path) -> float | None:
    """A row tells the seconds of its epoch; those by steps, of the first runs, tell all seconds until then."""
    try:
        history = runs.read_table(runs.read(folder), 0, "history")
        seconds = [float(row["seconds"]) for row in history]
        return sum(seconds) if "epoch" in history[0] else seconds[-1]
    except (runs.NotARun, OSError, LookupError, ValueError):
        return None


def _measured_on_real(spec: ModelSpec, root: Path | None) -> Measured | None:
    """By the newest measurement with the settings that ship: those with other settings say what was, not what is."""
    real = runs.find_real(root)
    run = of_what_ships(real, spec)
    if run is None:
        return None
    day, commit = measured_at(run)[:10], _program(run.config)
    return Measured(
        f"`{run.folder.name}`, protocol {run.config['protocol']}, measured on {day} by {commit}.",
        targets(read_figures(run)),
        halves(run.summary or {}),
        decided_in_sight(spec),
        tuple(filter(None, (rules_since(run), looked_at_besides(real, run), learnt_from_measured(run.config)))),
    )


def _on_own_test_part(made_by: runs.Run | None, settings: Mapping[str, Any]) -> Measured | None:
    """By the run that made the weights, where it used them as they are used now."""
    summary = (made_by and made_by.summary) or {}
    if made_by is None or not alike(summary.get("settings"), settings):
        return None
    told = f"`{made_by.folder.name}`, on its own test part, generator version {_generator(made_by.config)}, by "
    return Measured(f"{told}{_program(made_by.config)}.", model_figures(summary))


def _program(config: Mapping[str, Any]) -> str:
    return f"the program of commit {str(config.get('commit', 'unknown'))[:10]}"


CALIBRATED_TO: Final = 0.05
"""Said and true farther apart than this are not called a probability."""


def _certainty(made_by: runs.Run | None, settings: Mapping[str, Any]) -> str:
    """What a probability meant on the images that the run which made the weights was measured on; "" where unknown, or
    where the maps are made otherwise now. Thresholds and rules do not touch it."""
    summary = (made_by and made_by.summary) or {}
    if made_by is None or "settings" not in summary or _maps(summary["settings"]) != _maps(settings):
        return ""
    sure = summary.get("calibration", {})
    kinds = [kind.value for kind in Calcification if sure.get(kind.value, {}).get("sure_pixels")]
    if not kinds:
        return ""
    told = (
        f"{kind.upper()} {sure[kind]['sure_said']:.2f} said on average, {sure[kind]['sure_true']:.2f} true"
        for kind in kinds
    )
    off = [k.upper() for k in kinds if abs(sure[k]["sure_said"] - sure[k]["sure_true"]) > CALIBRATED_TO]
    where = f"`{made_by.folder.name}`, {summary['data']}, generator version {_generator(made_by.config)}"
    return f"Where a pixel's probability is 0.5 or more: {'; '.join(told)} ({where})." + (
        f" Probabilities of {' and '.join(off)} are not calibrated: a higher one is surer, none is a chance."
        if off
        else ""
    )


def _maps(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """What decides the maps; thresholds and rules come after."""
    used = Settings.from_json(dict(settings))
    return used.way, used.pitch_mm, used.mirrored, dict(used.temperatures)
