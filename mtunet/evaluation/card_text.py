"""A model's card as text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mtunet.case import Calcification
from mtunet.detection.components import what_counts
from mtunet.detection.settings import Settings
from mtunet.evaluation.model_card import Measured, ModelCard, Step
from mtunet.evaluation.real import missed
from mtunet.evaluation.sealed import CHOSEN_ON, LIMITS, SEALED, SIGHT

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
            *([f"### Chosen, and sealed\n\nThresholds were chosen so: {card.chosen_on}"] if card.chosen_on else []),
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
    closer = (
        " One more, the magnifier, looks at a few places of what may be MC at 0.1 mm a pixel, where the image has it, "
        "and moves the logits there; by how much was chosen with the thresholds."
    )
    return (
        f"{_networks(card.network.get('members', [card.network]))}, looking at {pitch}{sides}."
        f"{closer if 'magnifier' in card.network else ''}{calm} Pixels count from "
        f"probability {from_}. {rules}"
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
    if step.magnifier_from:
        what = f"the networks of `{step.magnified_from}` with the magnifier of `{step.magnifier_from}`, on their scale"
        return f"`{step.run}`: {what}. Commit {step.commit}."
    mean = f" (the mean of the weights of the last {step.averaged:.0%} of them)" if step.averaged else ""
    length = "" if step.steps is None else f"{step.steps} steps{mean}, seed {step.seed}, "
    took = "" if step.seconds is None else f"{step.seconds / 60:.0f} minutes, "
    of = f"a magnifier for the networks of `{step.magnified_from}`, " if step.magnified_from else ""
    of += f"begun with that of `{step.magnifier_begun_with}`, " if step.magnifier_begun_with else ""
    return f"`{step.run}`: {of}{length}{took}{step.device}. Data: {step.data}. Commit {step.commit}."


def _total(steps: tuple[Step, ...]) -> str:
    known = [step.seconds for step in steps if step.seconds is not None]
    return f"\n\nTogether {sum(known) / 3600:.1f} hours of fitting." if known else ""


def _measured(card: ModelCard) -> str:
    parts = (
        ["Nothing is on disk that was measured with these weights as they are used now."]
        if card.measured is None
        else [*_told_measured(card.measured)]
    )
    return "\n\n".join([*parts, *([card.certainty] if card.certainty else [])])


def _told_measured(measured: Measured) -> Iterator[str]:
    yield measured.by
    yield _table(
        ("images", "measure", "value", "target"),
        (
            (row.images, row.measure, row.value, row.target + (f" ({row.verdict})" if row.verdict else ""))
            for row in measured.rows
        ),
    )
    if measured.halves:
        yield _table(
            ("images", "measure", "chosen on", "sealed"),
            ((row.images, row.measure, row.chosen_on, row.sealed) for row in measured.halves),
        )
        yield f"{CHOSEN_ON} {SEALED} {LIMITS}"
        yield f"{SIGHT}\n\n" + "\n".join(f"- {one}" for one in measured.in_sight)
    yield from measured.caveats


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _failing(card: ModelCard) -> str:
    lines = [
        f"- Target missed: {row.images}, {row.measure}: {row.value} (target {row.target})."
        for row in missed(card.measured.rows if card.measured else ())
    ]
    lines += [f"- {failure.said}" for failure in card.failures]
    return "\n".join(lines) or "No failure is on record with these weights, which says that nobody looked."
