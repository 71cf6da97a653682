"""What the worklist shows of a study, worked out when something changes, not when someone looks."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlite_utils import Database

from mtunet.case import Reason
from mtunet.case.scope import Fact
from mtunet.detection.analysis_json import from_json
from mtunet.detection.mc_score import scores
from mtunet.detection.models import DEFAULT_MODEL
from mtunet.detection.triage import Evidence, ImageEvidence, evidence_of, scope_reasons
from mtunet.store.records import Image, image_from
from mtunet.study.bac import study_grade
from mtunet.study.decisions import Act, taken_back
from mtunet.study.grouping import companions
from mtunet.study.rules import weigh_study

OF_FACTS = frozenset(Fact)
"""Names of the rules that only say what header or picture say."""
STANDS_FIRST = f"analyses.model = '{DEFAULT_MODEL}' desc, analyses.made_at desc"
"""An order of analyses of one image, first the one that the worklist shows: the default model's newest, and another's
only where that model has not looked. So who tries another model changes no study for the others."""
NUMBERS = f"""
select images.*, analyses.model, analyses.flag, analyses.picture,
    analyses.mc_count, analyses.mc_px, analyses.mc_mm2, analyses.mc_largest_px, analyses.mc_largest_mm2,
    analyses.mc_score, analyses.bac_count, analyses.bac_px, analyses.bac_mm2, analyses.coarse_vessels
from images left join analyses on analyses.rowid = (
    select analyses.rowid from analyses where analyses.sha256 = images.sha256 order by {STANDS_FIRST} limit 1)
"""
"""One row per image with the analysis that stands; of the JSON nothing is read."""


def shows(db: Database, sha256: str, model: str) -> bool:
    """Whether the worklist shows of this image what this model finds."""
    return model == DEFAULT_MODEL or not db["analyses"].count_where("sha256 = ? and model = ?", [sha256, DEFAULT_MODEL])


def evidence(db: Database, studies: Iterable[str]) -> dict[str, tuple[ImageEvidence, ...]]:
    """Per study what is known of its images; a study without images is left out."""
    wanted = list(studies)
    marks = ", ".join("?" * len(wanted))
    by_study: dict[str, list[dict[str, Any]]] = {}
    for row in db.query(f"{NUMBERS} where images.study in ({marks}) order by images.rowid", wanted):
        by_study.setdefault(row["study"], []).append(row)
    return {study: tuple(_evidence_of_study(rows)) for study, rows in by_study.items()}


def _evidence_of_study(rows: Iterable[Mapping[str, Any]]) -> Iterator[ImageEvidence]:
    known = [(row, image_from(row)) for row in rows]
    beside = companions([image for _, image in known])
    return (replace(_evidence_from(row, image), companion=image.sha256 in beside) for row, image in known)


def refresh(db: Database, study: str | None) -> None:
    """Bring a study's row up to date with its images, analyses and decisions. Inside a transaction."""
    if study is None:
        return
    known = Evidence(evidence(db, [study]).get(study, ()))
    triage = weigh_study(known)
    by, at, decision = _standing(db, study)
    db.conn.execute(
        "update studies set images = :images, analysed = :analysed, urgency = :urgency, flag = :flag, "
        "bac_share = :bac_share, mc_count = :mc_count, mc_size = :mc_size, bac_size = :bac_size, "
        "bac_grade = :bac_grade, scope = :scope, score = :score, "
        "decided_by = :decided_by, decided_at = :decided_at, decision = :decision "
        "where id = :study",
        {
            "study": study,
            "images": len(known.images),
            "analysed": sum(image.analysed for image in known.images),
            "urgency": int(triage.urgency),
            "flag": triage.flag.value if triage.flag else None,
            "bac_share": triage.bac_share,
            "mc_count": known.mc_count,
            "mc_size": known.mc_size,
            "bac_size": known.bac_size,
            "bac_grade": study_grade(image for image in known.images if not image.companion),
            "scope": " ".join(("", *known.scope, "")) if known.scope else "",
            "score": known.score,
            "decided_by": by,
            "decided_at": at,
            "decision": decision,
        },
    )


def score_again(db: Database, study: str) -> None:
    """Work out anew what its MC regions are ranked by: the score is fitted again from time to time."""
    sql = (
        "select analyses.rowid, analysis from analyses join images using (sha256) "
        "where images.study = ? and analyses.mc_count > 0"
    )
    for row in list(db.query(sql, [study])):
        with contextlib.suppress(ValueError):  # an analysis of another schema
            by_number = scores(from_json(json.loads(row["analysis"])))
            highest = max(by_number.values(), default=None)
            db.conn.execute("update analyses set mc_score = ? where rowid = ?", [highest, row["rowid"]])


def numbers_of_analysis(analysis: Mapping[str, Any], coarse_vessels: int | None) -> dict[str, Any]:
    """The evidence of an analysis (JSON) as the columns that its row carries beside it."""
    known = evidence_of(from_json(dict(analysis)), coarse_vessels)
    columns = asdict(known)
    for elsewhere in ("laterality", "view", "analysed", "picture", "companion"):  # of the image, and of the reasons
        del columns[elsewhere]
    return columns | {"picture": json.dumps([[reason.rule, reason.sentence] for reason in known.picture])}


def _evidence_from(row: Mapping[str, Any], image: Image) -> ImageEvidence:
    """What facts say is said in today's words, and before the image is analysed."""
    reasons = [Reason(*reason) for reason in json.loads(row["picture"] or "[]")]
    return ImageEvidence(
        laterality=image.laterality,
        view=image.view,
        analysed=row["flag"] is not None,
        picture=(*scope_reasons(image.facts), *(reason for reason in reasons if reason.rule not in OF_FACTS)),
        mc_count=row["mc_count"] or 0,
        mc_px=row["mc_px"] or 0,
        mc_mm2=row["mc_mm2"],
        mc_largest_px=row["mc_largest_px"] or 0,
        mc_largest_mm2=row["mc_largest_mm2"],
        mc_score=row["mc_score"],
        bac_count=row["bac_count"] or 0,
        bac_px=row["bac_px"] or 0,
        bac_mm2=row["bac_mm2"],
        coarse_vessels=row["coarse_vessels"],
    )


def _standing(db: Database, study: str) -> tuple[str | None, str | None, str | None]:
    """Who gave the answer that stands for the study as a whole, when, and which; None without one."""
    query = "select id, at, reader, act, answer, undoes from decisions where study = ? order by id desc"
    records = list(db.query(query, [study]))
    gone = taken_back({row["id"]: row["undoes"] for row in records})
    answers = (row for row in records if row["act"] == Act.STUDY and row["id"] not in gone)
    last = next(answers, None)
    return (last["reader"], last["at"], last["answer"]) if last else (None, None, None)
