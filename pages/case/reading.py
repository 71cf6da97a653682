"""A study as it is read: its images with what was found on them, how they hang in the viewer, and what its panel is
told: what the study is, its flag and why, its findings, what stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import mtunet
from mtunet.case import Analysis, Box, Calcification, Finding
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.detection.triage import BADGES, RULES_VERSION, finding_area, scope_of
from mtunet.files import counted
from mtunet.store.filing import maps_folder_name
from mtunet.store.records import Image
from mtunet.study.decisions import Decision, Shown, Standing, Verdict
from mtunet.study.grouping import Placing, Study, hang, wanted_wall
from mtunet.study.landmarks import Distances, place
from mtunet.study.look import ImageLook, StudyLook
from mtunet.study.rules import weigh_study
from pages.case.desk import VERDICTS, Desk, at_desk
from pages.shared.entry import reader_name, signed_in_name
from pages.shared.pixels import sample_of, truth_outlines
from pages.shared.reading_list import Place
from pages.shared.viewer import Hanging, LayerStyle, Outline, Pane, outlines
from pages.shared.words import (
    FLAGS,
    PRIORITIES,
    SHORT_TYPES,
    SIDES,
    TYPES,
    URGENCIES,
    ago,
    marker,
    networks_words,
    share_words,
    short_marker,
    size_words,
    view_words,
    when_words,
)


@dataclass(frozen=True, eq=False)
class Viewed:
    """One image: what was found with the model's own thresholds, and what with those that are chosen. look: what is
    worked out beside the latter; None of an image that is of another study, and shown for comparison."""

    image: Image
    stored: Analysis
    analysis: Analysis
    look: ImageLook | None = None

    @property
    def pane(self) -> str:
        """Its id in the viewer."""
        return self.image.sha256[:16]

    @property
    def name(self) -> str:
        """ "LCC", or the file's name where side and view are not known."""
        return short_marker(self.image) or self.image.name


@dataclass(frozen=True, eq=False)
class Case:
    """A study that is open. views: in hanging order. standing: what readers decided of it."""

    study: Study
    views: Sequence[Viewed]
    look: StudyLook
    standing: Standing

    @property
    def single(self) -> bool:
        return len(self.views) == 1

    @property
    def in_mm(self) -> bool:
        """Whether every file says its spacing; otherwise everything is told in pixels."""
        return all(view.image.spacing_mm is not None for view in self.views)

    @property
    def shown(self) -> Shown:
        """What a decision is made in view of."""
        analysis = self.views[0].analysis
        made = analysis.provenance
        return Shown(made.model, made.weights_sha256, analysis.thresholds, made.rules, mtunet.__version__)

    @property
    def scope(self) -> tuple[str, ...]:
        """Names of the badges (`triage.BADGES`) that any of its images has."""
        return scope_of([reason for view in self.views for reason in view.analysis.triage.reasons])

    @property
    def findings(self) -> list[tuple[Viewed, Finding]]:
        """MC first, then by probability × area, over all images."""
        pairs = [(view, finding) for view in self.views for finding in view.analysis.findings]
        return sorted(pairs, key=lambda pair: (pair[1].type.value != "mc", -pair[1].probability * pair[1].area_px))

    def find(self, sha256: str, number: int) -> tuple[Viewed, Finding] | None:
        """None for a finding that is not there under these thresholds."""
        of_image = (
            (view, finding) for view in self.views if view.image.sha256 == sha256 for finding in view.analysis.findings
        )
        return next(((view, finding) for view, finding in of_image if finding.number == number), None)

    def view(self, sha256: str) -> Viewed | None:
        return next((view for view in self.views if view.image.sha256 == sha256), None)


def called(case: Case, view: Viewed, finding: Finding) -> str:
    """ "No. 3", in a study of several images "LCC 3"."""
    return f"No. {finding.number}" if case.single else f"{view.name} {finding.number}"


def distances(case: Case, view: Viewed, finding: Finding) -> Distances | None:
    """Of a finding to nipple and skin, in mm where every file of the case says its spacing, else in pixels."""
    if view.look is None:
        return None
    there = view.look.places.get(finding.number)
    return there if there is None or (there.unit == "mm") is case.in_mm else place(finding, view.look.marks, None)


def other_view(case: Case, view: Viewed, finding: Finding) -> str | None:
    """What may be the same in the other view of this breast; None where it cannot be told."""
    partner = case.look.other_view(view.image.sha256, finding.number)
    if isinstance(partner, tuple):
        other = case.find(*partner)
        return f"{called(case, *other)}?" if other else None
    return "one view only" if partner is False else None


# Its images in the viewer: in hanging order, with what was found, what is known and what readers marked.

LAYERS: Mapping[str, LayerStyle] = MappingProxyType(
    {
        "missed": LayerStyle("#ffffff", True, "Missed by the model, marked by a reader"),
        "causes": LayerStyle("#64d2ff", False, "Vessels behind the BAC grade"),
        "below": LayerStyle("#b0b0b0", True, "Below the line: seen, and not counted"),
    }
)
"""Those that only a case has, beside the palette's."""


def panes(
    case: Case, prior: Case | None = None, beside: Viewed | None = None, alone: str | None = None
) -> tuple[list[Pane], Hanging | None]:
    """Every view of the case. prior: an earlier study, whose views the viewer hangs under the same views of this one.
    beside: another image. alone: the image, by its sha256, that is enlarged at first."""
    made = [pane(view, case, hung=not case.single or prior is not None) for view in case.views]
    hanging = Hanging(1, 1) if prior is not None else None
    if not case.single:
        hung = hang([(view.image.laterality, view.image.view) for view in case.views])
        made = [replace(panel, slot=slot) for panel, slot in zip(made, hung.slots, strict=True)]
        empty = {slot: f"{_place_words(placing)}: not in this study" for slot, placing in hung.empty.items()}
        hanging = Hanging(hung.rows, hung.columns, empty)
    if prior is not None:
        made += _earlier(case, prior)
    if beside is not None:
        made.append(pane(beside, case))
    enlarged = case.view(alone) if alone is not None else None
    return made, replace(hanging, alone=enlarged.pane) if hanging is not None and enlarged is not None else hanging


def pane(view: Viewed, case: Case, *, hung: bool = False) -> Pane:
    """One view; a hung one is mirrored where its chest wall is at the other side than where it hangs."""
    image, made = view.image, view.analysis.provenance
    marks = view.look.marks if view.look else None
    wall = marks.chest_wall.value if marks and marks.chest_wall else ""
    wanted = wanted_wall(image.laterality)
    flipped = hung and "" not in (wall, wanted) and wall != wanted
    badges = [BADGES[name] for name in scope_of(view.analysis.triage.reasons)]
    counts = ["not counted"] if image.sha256 in case.look.beside else []
    remarks = ", ".join([*(["mirrored"] if flipped else []), *counts, *badges])
    title = (
        (f"{image.name} ({remarks})" if remarks else image.name) if hung else ", ".join((view_words(image), *badges))
    )
    return Pane(
        id=view.pane,
        title=title,
        sha256=image.sha256,
        columns=image.columns,
        rows=image.rows,
        spacing_mm=image.spacing_mm,
        contours=_contours(view, case),
        marker=marker(image),
        maps=dict.fromkeys(("mc", "bac", "breast"), maps_folder_name(made.model, made.weights_sha256)),
        flipped=flipped,
        windows=image.windows,
        breast=marks.box(image.columns) if marks else None,
        wall=wanted or wall,
        place=(image.laterality.value if image.laterality else "", image.view.value if image.view else ""),
    )


def _contours(view: Viewed, case: Case) -> dict[str, list[Outline]]:
    """By layer; of this case's own an empty one is left out."""
    sha256, findings = view.image.sha256, view.analysis.findings
    whole = case.look.amount.whole
    causes = whole.causes.get(sha256, ()) if whole is not None else ()
    own = {
        "missed": [
            Outline(_ring(mark.box), note=f"{_type(mark)}\nmarked by {mark.reader}")
            for mark in case.standing.missed
            if mark.sha256 == sha256 and mark.box is not None
        ],
        "below": [Outline(f.contour, note=f"Not counted: {f.below}") for f in view.analysis.below],
        "causes": [
            Outline(f.contour, note="One of the vessels behind the BAC grade") for f in findings if f.number in causes
        ],
    }
    return {**truth_outlines(view.image), **outlines(findings), **{name: there for name, there in own.items() if there}}


def _earlier(case: Case, prior: Case) -> list[Pane]:
    when = ago(case.study, prior.study)
    return [
        replace(made, id=f"then-{made.id}", title=f"{when.capitalize()}: {made.title}", prior=when)
        for made in (pane(view, prior, hung=True) for view in prior.views)
    ]


def _place_words(placing: Placing) -> str:
    """ "Left MLO"."""
    side, view = placing
    return f"{SIDES[side] if side else ''} {view.value if view else ''}".strip()


def _type(decision: Decision) -> str:
    return next(words for kind, words in TYPES.items() if kind.value == decision.answer).capitalize()


def _ring(box: Box) -> tuple[tuple[float, float], ...]:
    top, left, bottom, right = box.top - 0.5, box.left - 0.5, box.bottom - 0.5, box.right - 0.5
    return (left, top), (right, top), (right, bottom), (left, bottom)


# What the panel is told.

OTHER_WAY = {Calcification.MICRO: Verdict.BAC, Calcification.ARTERIAL: Verdict.MC}


def desk_facts(
    case: Case,
    records: Sequence[Decision],
    here: Place | None,
    ahead: Sequence[str] = (),
    unusual: Sequence[str] = (),
) -> dict[str, Any]:
    """All of it as JSON. records: the study's history, oldest first. here: its place in the list that is read. ahead:
    images of the next study there, by sha256: fetched while this one is looked at. unusual: `settings.Chosen`."""
    findings, reader = case.findings, reader_name()
    desk = Desk(
        study=case.study.id,
        listed=here.listed if here else "",
        shown=case.shown,
        images={view.image.sha256: "" if case.single else view.name for view in case.views},
        findings={(view.image.sha256, f.number): (f.type, f.box) for view, f in findings},
    )
    return {
        **at_desk(desk, records, reader),
        "study": case.study.id,
        "title": case.study.title,
        "about": _about(case),
        "flag": _flag(case),
        "unusual": {"words": list(unusual), "back": _way_back(case)} if unusual else None,
        "findings": [_finding(case, view, finding) for view, finding in findings],
        "place": {"words": here.words, "above": here.above, "below": here.below} if here else None,
        "ahead": [f"mtunet/image/{sha256}" for sha256 in ahead],
        "reader": reader,
        "signed": bool(signed_in_name()),
    }


def _way_back(case: Case) -> str:
    other = case.shown.model != DEFAULT_MODEL
    return f"Back to {DEFAULT_MODEL.capitalize()}" if other else "Back to the model's own"


def _about(case: Case) -> list[str]:
    before = sorted({view.stored.provenance.rules for view in case.views} - {RULES_VERSION})
    old = (
        f"Analysed under rules of version {' and '.join(before)}; this program has version {RULES_VERSION}. "
        "“Analyse again” in the worklist brings it up to date."
    )
    return [*_named(case), *([old] if before else [])]


def _named(case: Case) -> list[str]:
    images = [view.image for view in case.views]
    if not case.single:
        guess = "; put together by file name" if case.study.guessed else ""
        return [f"{len(images)} images, added {when_words(case.study.made_at)}{guess}"]
    sample = sample_of(images[0])
    words = f"{size_words(images[0])}, added {when_words(images[0].added_at)}"
    return [words, sample.teaches] if sample else [words]


def _flag(case: Case) -> dict[str, Any] | None:
    """A study's is weighed over all its images; an only image's is its own."""
    if case.single:
        triage: Any = case.views[0].analysis.triage
        priority = PRIORITIES[triage.priority]
    else:
        triage = weigh_study(case.look.evidence)
        priority = URGENCIES[triage.urgency]
    if triage.flag is None:
        return None
    words = FLAGS[triage.flag]
    has_share = any("of the calcified area" in reason.sentence for reason in triage.reasons)
    return {
        "words": words.words,
        "icon": words.icon.removeprefix(":material/").removesuffix(":"),
        "colour": words.colour,
        "help": words.help,
        "priority": ", ".join([priority, *(BADGES[name] for name in case.scope)]),
        "reasons": [reason.sentence for reason in triage.reasons],
        "share": "" if has_share or triage.bac_share is None else f"{share_words(triage.bac_share)}.",
    }


def _finding(case: Case, view: Viewed, finding: Finding) -> dict[str, Any]:
    there, unit = distances(case, view, finding), "mm" if case.in_mm else "px"
    area = finding_area(finding, in_mm2=case.in_mm)
    length = finding.length_mm if case.in_mm else finding.length_px
    size = [area, *([f"{length:.0f} {unit} long"] if length else [])]
    size += [counted(finding.specks, "speck")] if finding.specks else []
    where = [f"{far:.0f} {unit} to the {what}" for what, far in _far(there)]
    other = other_view(case, view, finding)
    return {
        "pane": view.pane,
        "image": view.image.sha256,
        "number": finding.number,
        "type": finding.type.value,
        "name": called(case, view, finding),
        "kind": SHORT_TYPES[finding.type],
        "area": area,
        "size": ", ".join(size),
        "probability": round(finding.probability, 2),
        "probabilities": {kind.value: round(value, 2) for kind, value in finding.probabilities.items()},
        "networks": networks_words(finding),
        "where": ", ".join(where + ([f"other view: {other}"] if other else [])),
        "answers": [
            [answer.value, VERDICTS[answer]] for answer in (Verdict.AGREE, OTHER_WAY[finding.type], Verdict.NOTHING)
        ],
    }


def _far(there: Distances | None) -> list[tuple[str, float]]:
    if there is None:
        return []
    return [(what, far) for what, far in (("nipple", there.nipple), ("skin", there.skin)) if far is not None]
