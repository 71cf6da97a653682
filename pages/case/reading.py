"""A study as it is read: its images with what was found on them, and what the viewer is told: what it is, its flag and
why, its findings, what stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mtunet
from mtunet.case import Analysis, Calcification, Finding
from mtunet.detection.triage import BADGES, PRIORITY, RULES_VERSION, finding_area, scope_of
from mtunet.files import counted
from mtunet.store.records import Image
from mtunet.study.decisions import Decision, Shown, Standing, Verdict
from mtunet.study.grouping import Study
from mtunet.study.landmarks import Distances, place
from mtunet.study.look import StudyLook
from mtunet.study.rules import weigh_study
from pages.case.desk import DESKS, RECALLS, VERDICTS, Desk, told
from pages.shared.entry import signed_in_name
from pages.shared.frame import reader_name
from pages.shared.pixels import sample_of
from pages.shared.reading_list import Place, list_name
from pages.shared.words import FLAGS, PRIORITIES, SHORT_TYPES, share_words, short_marker, size_words, when_words

Key = tuple[str, int]
"""A finding of a study: the sha256 of its image, and its number there."""


@dataclass(frozen=True, eq=False)
class Viewed:
    """One image: what was found with the model's own thresholds, and what with those that are chosen."""

    image: Image
    stored: Analysis
    analysis: Analysis

    @property
    def pane(self) -> str:
        """Its id in the viewer."""
        return pane_id(self.image.sha256)

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
    def findings(self) -> list[tuple[Viewed, Finding]]:
        """MC first, then by probability × area, over all images."""
        found = [(view, finding) for view in self.views for finding in view.analysis.findings]
        return sorted(found, key=lambda one: (one[1].type.value != "mc", -one[1].probability * one[1].area_px))

    def find(self, key: Key | None) -> tuple[Viewed, Finding] | None:
        """None for a finding that is not there under these thresholds."""
        return next((one for one in self.findings if key == (one[0].image.sha256, one[1].number)), None)

    def view(self, sha256: str) -> Viewed | None:
        return next((view for view in self.views if view.image.sha256 == sha256), None)


def pane_id(sha256: str) -> str:
    """Of an image, in the viewer."""
    return sha256[:16]


OTHER_WAY = {Calcification.MICRO: Verdict.BAC, Calcification.ARTERIAL: Verdict.MC}


def desk_facts(
    case: Case, records: Sequence[Decision], here: Place | None, ahead: Sequence[str] = ()
) -> dict[str, Any]:
    """All of it as JSON. records: the study's history, oldest first. here: its place in the list that is read. ahead:
    images of the next study there, by sha256: fetched while this one is looked at."""
    desk = Desk(
        study=case.study.id,
        listed=list_name(),
        shown=case.shown,
        images={view.image.sha256: "" if case.single else view.name for view in case.views},
        findings={(view.image.sha256, f.number): (f.type, f.box) for view, f in case.findings},
    )
    return {
        "address": f"mtunet/desk/{DESKS.open(desk)}",
        "study": case.study.id,
        "title": case.study.title,
        "about": _about(case),
        "flag": _flag(case),
        "findings": [_finding(case, view, finding) for view, finding in case.findings],
        "place": {"words": here.words, "above": here.above, "below": here.below} if here else None,
        "ahead": [f"mtunet/image/{sha256}" for sha256 in ahead],
        "reader": reader_name(),
        "signed": bool(signed_in_name()),
        "recalls": {recall.value: words for recall, words in RECALLS.items()},
        "state": told(desk, records, reader_name()),
    }


def called(case: Case, view: Viewed, finding: Finding) -> str:
    """ "No. 3", in a study of several images "LCC 3"."""
    return f"No. {finding.number}" if case.single else f"{view.name} {finding.number}"


def distances(case: Case, view: Viewed, finding: Finding) -> Distances | None:
    """Of a finding to nipple and skin, in mm where every file of the case says its spacing, else in pixels."""
    looked = next((i for i in case.look.images if i.analysis.sha256 == view.image.sha256), None)
    if looked is None:
        return None
    there = looked.places.get(finding.number)
    return there if there is None or (there.unit == "mm") is case.in_mm else place(finding, looked.marks, None)


def other_view(case: Case, view: Viewed, finding: Finding) -> str | None:
    """What may be the same in the other view of this breast; None where it cannot be told."""
    found = case.look.other_view(view.image.sha256, finding.number)
    if isinstance(found, tuple):
        other = case.find(found)
        return f"{called(case, *other)}?" if other else None
    return "one view only" if found is False else None


def verdict_words(case: Case, view: Viewed, finding: Finding) -> str | None:
    """ "Agree (Ada)"."""
    decision = case.standing.verdict(view.image.sha256, finding)
    return None if decision is None else f"{VERDICTS[Verdict(decision.answer)]} ({decision.reader})"


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
    said = f"{size_words(images[0])}, added {when_words(images[0].added_at)}"
    return [said, sample.teaches] if sample else [said]


def scope(case: Case) -> tuple[str, ...]:
    """Names of the badges (`triage.BADGES`) that any of its images has."""
    return scope_of([reason for view in case.views for reason in view.analysis.triage.reasons])


def _flag(case: Case) -> dict[str, Any] | None:
    """A study's is weighed over all its images; an only image's is its own."""
    if case.single:
        triage: Any = case.views[0].analysis.triage
    else:
        triage = weigh_study(case.look.evidence)
    if triage.flag is None:
        return None
    words = FLAGS[triage.flag]
    said = any("of the calcified area" in reason.sentence for reason in triage.reasons)
    return {
        "words": words.words,
        "icon": words.icon.removeprefix(":material/").removesuffix(":"),
        "colour": words.colour,
        "help": words.help,
        "priority": ", ".join([PRIORITIES[PRIORITY[triage.flag]], *(BADGES[name] for name in scope(case))]),
        "reasons": [reason.sentence for reason in triage.reasons],
        "share": "" if said or triage.bac_share is None else f"{share_words(triage.bac_share)}.",
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
        "probabilities": {kind.value: round(found, 2) for kind, found in finding.probabilities.items()},
        "where": ", ".join(where + ([f"other view: {other}"] if other else [])),
        "answers": [
            [answer.value, VERDICTS[answer]] for answer in (Verdict.AGREE, OTHER_WAY[finding.type], Verdict.NOTHING)
        ],
    }


def _far(there: Distances | None) -> list[tuple[str, float]]:
    if there is None:
        return []
    return [(what, far) for what, far in (("nipple", there.nipple), ("skin", there.skin)) if far is not None]
