"""The reader's desk: what a reader decides in the viewer is sent to an address of our own, kept, and answered at once.

Streamlit is not asked, so no page is drawn again for a verdict. A desk knows what the reader has before them (study,
model, thresholds, findings); its name is made of that, so every tab that shows the same has the same desk, and a page
that is drawn again after a restart of the server has it, too. It outlives no restart by itself: the browser asks again.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mtunet.case import Box, Calcification
from mtunet.store import worklist
from mtunet.store.database import UnusableStore
from mtunet.store.decisions import history, keep
from mtunet.store.filing import data_folder
from mtunet.store.images import Store
from mtunet.study.decisions import (
    RECALL_WORDS,
    Act,
    Decision,
    Recall,
    Shown,
    Standing,
    Verdict,
    can_undo,
    in_force,
    in_words,
    readers_differ,
    standing,
    undo,
)
from pages.shared import entry
from pages.shared.reading_list import LISTS, placed
from pages.shared.roles import name_of
from pages.shared.words import READERS_DIFFER, when_words

ADDRESS: Final = "mtunet/desk"
MOST = 500
"""Desks that are kept, the last used ones."""
LONGEST: Final = 20_000
"""Bytes of what a browser may send: a note is the longest."""
VERDICTS = {
    Verdict.AGREE: "Agree",
    Verdict.NOTHING: "Not a calcification",
    Verdict.BAC: "It is BAC",
    Verdict.MC: "It is MC",
}
RECALLS = {recall: words.capitalize() for recall, words in RECALL_WORDS.items()}


@dataclass(frozen=True, eq=False)
class Desk:
    """What a reader has before them.

    listed: name of the list that is read, "" outside of any. images: what each is called, by sha256; "" for an only
    one. findings: type and box of each, by sha256 and number.
    """

    study: str
    listed: str
    shown: Shown
    images: Mapping[str, str]
    findings: Mapping[tuple[str, int], tuple[Calcification, Box]]

    @property
    def name(self) -> str:
        """The same for the same content."""
        shown = self.shown
        cuts = {kind.value: cut for kind, cut in shown.thresholds.items()}
        rows = [(*key, kind.value, *map(int, box)) for key, (kind, box) in self.findings.items()]
        told = [self.study, self.listed, shown.model, shown.weights_sha256, cuts, shown.rules, *self.images, rows]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]


class Desks:
    """Those that are open now, by name."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Desk] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, desk: Desk) -> str:
        """Its name."""
        name = desk.name
        with self._lock:
            self._kept[name] = desk
            self._kept.move_to_end(name)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> Desk | None:
        with self._lock:
            return self._kept.get(name)


DESKS = Desks()


def at_desk(desk: Desk, records: Sequence[Decision], reader: str) -> dict[str, Any]:
    """What the viewer is told as a reader sits down: where decisions are sent, what may be said of the study, what
    stands (`told`)."""
    return {
        "address": f"{ADDRESS}/{DESKS.open(desk)}",
        "recalls": {recall.value: words for recall, words in RECALLS.items()},
        "state": told(desk, records, reader),
    }


def told(desk: Desk, records: Sequence[Decision], reader: str) -> dict[str, Any]:
    """What stands, as the browser shows it. records: the study's history, oldest first. reader: who would undo."""
    stands = standing(records)
    force = {decision.id for decision in in_force(records)}
    last = can_undo(records, reader) if reader else None
    recall = stands.study
    return {
        "last": records[-1].id if records else 0,
        "verdicts": _verdicts(desk, stands),
        "recall": recall.answer if recall else None,
        "stands": _stands(recall, differ=readers_differ(records)) if recall else "",
        "undo": f"Takes back: {_said(desk, last)}" if last else "",
        "missed": [decision.id for decision in stands.missed],
        "history": [
            {
                "reader": decision.reader,
                "said": _said(desk, decision),
                "gone": decision.id not in force,
                "when": when_words(decision.at),
                "shown": _shown(decision.shown),
            }
            for decision in reversed(records)
        ],
    }


async def answer(request: Request) -> Response:
    """GET: what stands, or 204 where nothing was decided since `?last=`. POST: a decision as JSON; it is on disk before
    what stands comes back. 404 for a desk that is not open here, 400 with a sentence for what cannot be kept."""
    desk = DESKS.find(request.path_params["name"])
    if desk is None:
        return _refused(404, "This case is not open here any more.")
    if request.method == "GET":
        query = request.query_params
        return await run_in_threadpool(_look, desk, query.get("last", ""), query.get("reader", ""))
    if not request.headers.get("content-type", "").startswith("application/json"):
        return _refused(415, "A decision is sent as JSON.")
    sent = b""
    async for chunk in request.stream():
        sent += chunk
        if len(sent) > LONGEST:
            return _refused(413, "That is too long to be a decision.")
    signing = entry.signing_in()
    name = None if signing is None else name_of(signing.claims(request.cookies))
    return await run_in_threadpool(_keep, desk, sent, name)


ROUTES = [Route(f"/{ADDRESS}/{{name}}", answer, methods=["GET", "POST"])]


def decided(desk: Desk, sent: Mapping[str, Any], records: Sequence[Decision]) -> Decision:
    """The record that a message asks for. Raises ValueError with a sentence, KeyError and TypeError for what is no
    message of the viewer's."""
    reader, act = str(sent["reader"]).strip(), Act(sent["act"])
    common: dict[str, Any] = {"study": desk.study, "reader": reader, "act": act, "shown": desk.shown}
    if act is Act.UNDO:
        last = can_undo(records, reader)
        if last is None:
            raise ValueError("You have decided nothing here that stands.")
        return undo(last, reader, desk.shown)
    if act in (Act.STUDY, Act.NOTE):
        return Decision(**common, answer=str(sent.get("answer", "")), note=str(sent.get("note", "")).strip())
    image = str(sent["image"])
    if image not in desk.images:
        raise ValueError("That image is not of this study.")
    if act is Act.MISSED:
        left, top, right, bottom = (int(side) for side in sent["box"])
        if not (0 <= left < right and 0 <= top < bottom):
            raise ValueError("That is no box.")
        return Decision(**common, answer=str(sent["answer"]), sha256=image, box=Box(top, left, bottom, right))
    number = int(sent["number"])
    if (image, number) not in desk.findings:
        raise ValueError("That finding is not there under these thresholds.")
    kind, box = desk.findings[image, number]
    return Decision(**common, answer=str(sent["answer"]), sha256=image, type=kind, number=number, box=box)


def _look(desk: Desk, last: str, reader: str) -> Response:
    try:
        with Store.open(data_folder()) as store:
            records = history(store, desk.study)
    except UnusableStore as problem:
        return _refused(503, str(problem))
    if last == str(records[-1].id if records else 0):
        return Response(status_code=204, headers=_FRESH)
    return JSONResponse(told(desk, records, reader), headers=_FRESH)


def _keep(desk: Desk, sent: bytes, signed_in: str | None = None) -> Response:
    """signed_in: of who has, whatever the message says; None where people say their name themselves."""
    try:
        with Store.open(data_folder()) as store:
            message = json.loads(sent)
            if signed_in is not None:
                message = {**message, "reader": signed_in}
            records = history(store, desk.study)
            records = (*records, keep(store, decided(desk, message, records)))
            stands = told(desk, records, records[-1].reader)
            if records[-1].act in (Act.STUDY, Act.UNDO) and (ids := LISTS.find(desk.listed, desk.study)):
                here = placed(worklist.decided(store, ids), desk.study)
                stands["place"] = here.words if here else ""
    except UnusableStore as problem:
        return _refused(503, str(problem))
    except (KeyError, TypeError, OverflowError, UnicodeDecodeError, json.JSONDecodeError):
        return _refused(400, "That is no decision.")
    except ValueError as problem:
        return _refused(400, str(problem))
    return JSONResponse(stands, headers=_FRESH)


_FRESH = {"Cache-Control": "no-store"}


def _refused(status: int, sentence: str) -> Response:
    return JSONResponse({"sentence": sentence}, status, headers=_FRESH)


def _verdicts(desk: Desk, stands: Standing) -> dict[str, dict[str, str]]:
    verdicts = {
        f"{image[:16]} {number}": stands.about(image, kind, box)
        for (image, number), (kind, box) in desk.findings.items()
    }
    return {
        key: {"answer": decision.answer, "words": VERDICTS[Verdict(decision.answer)], "reader": decision.reader}
        for key, decision in verdicts.items()
        if decision is not None
    }


def _stands(recall: Decision, *, differ: bool) -> str:
    words = f"{RECALLS[Recall(recall.answer)]}, by {recall.reader}, {when_words(recall.at)}."
    return f"{words} {READERS_DIFFER}." if differ else words


def _said(desk: Desk, decision: Decision) -> str:
    return in_words(decision, desk.images.get(decision.sha256 or "", ""))


def _shown(shown: Shown) -> str:
    cuts = ", ".join(f"{kind.value.upper()} {cut:.2f}" for kind, cut in shown.thresholds.items())
    return f"{shown.model}, thresholds {cuts}, version {shown.version}"
