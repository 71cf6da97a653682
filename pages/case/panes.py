"""A case in the viewer: its views in hanging order, with what was found, what is known and what readers marked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mtunet.case import Box
from mtunet.detection.breast import Edge
from mtunet.detection.triage import BADGES, scope_of
from mtunet.output.drawing import Palette
from mtunet.store.filing import maps_folder_name
from mtunet.study.decisions import Decision
from mtunet.study.grouping import Placing, hang, wanted_wall
from pages.case.reading import Case, Viewed
from pages.shared.controls import LayerStyle, looks
from pages.shared.pixels import truth_outlines
from pages.shared.viewer import Hanging, Outline, Pane, outlines
from pages.shared.words import SIDES, TYPES, marker, view_words

MISSED = LayerStyle("#ffffff", True, "Missed by the model, marked by a reader")
CAUSES = LayerStyle("#64d2ff", False, "Vessels behind the BAC grade")
BELOW = LayerStyle("#b0b0b0", True, "Below the line: seen, and not counted")


def layers(palette: Palette) -> Mapping[str, LayerStyle]:
    """The palette, and the layers that only a case has."""
    return {**looks(palette), "missed": MISSED, "causes": CAUSES, "below": BELOW}


def panes(case: Case, *, hung_alone: bool = False) -> tuple[list[Pane], Hanging | None]:
    """Every view of the case. hung_alone: an only view hangs as well, beside one of an earlier study."""
    made = [pane(view, case, hung=not case.single or hung_alone) for view in case.views]
    if case.single:
        return made, Hanging(1, 1) if hung_alone else None
    hung = hang([(view.image.laterality, view.image.view) for view in case.views])
    made = [replace(one, slot=slot) for one, slot in zip(made, hung.slots, strict=True)]
    empty = {slot: f"{place_words(placing)}: not in this study" for slot, placing in hung.empty.items()}
    return made, Hanging(hung.rows, hung.columns, empty)


def pane(view: Viewed, case: Case, *, hung: bool = False) -> Pane:
    """One view; a hung one is mirrored where its chest wall is at the wrong side."""
    image, made = view.image, view.analysis.provenance
    marks = next((i.marks for i in case.look.images if i.analysis.sha256 == image.sha256), None)
    wall = marks.chest_wall if marks else None
    flipped = hung and is_flipped(view, wall)
    missed = [d for d in case.standing.missed if d.sha256 == image.sha256]
    contours = {**truth_outlines(image), **outlines(view.analysis.findings)}
    if missed:
        contours["missed"] = _missed(missed)
    if view.analysis.below:
        contours["below"] = [Outline(f.contour, note=f"Not counted: {f.below}") for f in view.analysis.below]
    if causes := _causes(case, view):
        contours["causes"] = causes
    return Pane(
        id=view.pane,
        title=_title(case, view, flipped=flipped) if hung else ", ".join((view_words(image), *_badges(view))),
        sha256=image.sha256,
        columns=image.columns,
        rows=image.rows,
        spacing_mm=image.spacing_mm,
        contours=contours,
        marker=marker(image),
        maps=dict.fromkeys(("mc", "bac", "breast"), maps_folder_name(made.model, made.weights_sha256)),
        flipped=flipped,
        windows=image.windows,
        breast=marks.box(image.columns) if marks else None,
        wall=wanted_wall(image.laterality) or (wall.value if wall else ""),
        place=(image.laterality.value if image.laterality else "", image.view.value if image.view else ""),
    )


def _title(case: Case, view: Viewed, *, flipped: bool) -> str:
    image = view.image
    said = [*(["mirrored"] if flipped else []), *(["not counted"] if image.sha256 in case.look.beside else [])]
    said += _badges(view)
    return f"{image.name} ({', '.join(said)})" if said else image.name


def _badges(view: Viewed) -> list[str]:
    """What limits the result, or is in doubt, on the image itself."""
    return [BADGES[name] for name in scope_of(view.analysis.triage.reasons)]


def is_flipped(view: Viewed, wall: Edge | None) -> bool:
    """Whether the image has its chest wall at the other side than where it hangs."""
    wanted = wanted_wall(view.image.laterality)
    return wall is not None and wanted != "" and wall.value != wanted


def place_words(placing: Placing) -> str:
    """ "Left MLO"."""
    side, view = placing
    return f"{SIDES[side] if side else ''} {view.value if view else ''}".strip()


def _missed(missed: Sequence[Decision]) -> list[Outline]:
    return [Outline(_ring(d.box), note=f"{_type(d)}\nmarked by {d.reader}") for d in missed if d.box is not None]


def _type(decision: Decision) -> str:
    return next(words for kind, words in TYPES.items() if kind.value == decision.answer).capitalize()


def _causes(case: Case, view: Viewed) -> list[Outline]:
    whole = case.look.amount.whole
    numbers = whole.causes.get(view.image.sha256, ()) if whole is not None else ()
    note = "One of the vessels behind the BAC grade"
    return [Outline(f.contour, note=note) for f in view.analysis.findings if f.number in numbers]


def _ring(box: Box) -> tuple[tuple[float, float], ...]:
    top, left, bottom, right = box.top - 0.5, box.left - 0.5, box.bottom - 0.5, box.right - 0.5
    return (left, top), (right, top), (right, bottom), (left, bottom)
