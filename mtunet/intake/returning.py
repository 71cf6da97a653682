"""Results on their way back: images that came from an archive return to it as SEG, CAD SR and presentation state, their
study as one SR, all in their own study. What is on its way lies in the store's outbox, so it outlives the program.

A study goes once all that came of it is analysed. A view that comes later makes another SR of the study, which names
the one before as its predecessor. An archive that offers storage commitment (PS3.4 J) is asked for it, and what it does
not commit to is sent again.
"""

import base64
import contextlib
import functools
import io
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtunet.case import Mammogram, UnreadableImage
from mtunet.imaging import reading
from mtunet.intake import logs
from mtunet.intake.admission import TURNED_OVER
from mtunet.intake.archive import NotDelivered, Target, ask_to_commit, send
from mtunet.output.exports import EXPORTS, NotForThisImage, Result, dicom_header, dicom_source, to_study_sr
from mtunet.output.exports.study import StudyResult, StudyView
from mtunet.store import filing
from mtunet.store.decisions import history
from mtunet.store.images import Store
from mtunet.store.outbox import ASKED, FAILED, SENT, Outbox, Return
from mtunet.store.studies import images_of, study_of
from mtunet.study.grouping import companions
from mtunet.study.look import ImageLook, look, look_from_json, together

FORMATS: Final = ("seg", "cad", "gsps")
"""Of each image; of the study there is one report."""
SETTLE_SECONDS: Final = 5.0
"""After the last image of a study, before its results are sent: most studies come within that, and get one report."""
MOST_TRIES: Final = 12
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 3600.0
"""Seconds between tries: twice as long each time."""
ANSWER_SECONDS: Final = 900.0
"""That an archive has to commit to what it stored; some do so in the night, and then it is not known here."""
MOMENT: Final = 1.0


@dataclass(frozen=True, eq=False)
class Held:
    """What is kept of an image for the way back. header: the file's (`dicom_header`); once its results were sent, what
    a later report refers to it by. tones: as in `Mammogram`. reports: UIDs of the reports of its study that the
    archive has, oldest first."""

    header: Any
    tones: npt.NDArray[np.float32] | None = None
    reports: tuple[str, ...] = ()


def hold(store: Store, sha256: str, data: bytes, target: Target, read: Mammogram | None = None) -> str:
    """Keep, sealed, what the way back needs of a file that was received; says why not, or "". Raises CouldNotSave.

    read: what was read of it just now; None for a file that was known by its bytes and is read here.
    """
    outbox = Outbox(store)
    try:
        mammogram = read or reading.read(data, "received.dcm")
    except UnreadableImage as problem:
        return problem.sentence
    header = dicom_header.header_of(data, mammogram.shape)
    if header.dataset is None:
        return header.notes[0]
    before = outbox.of(sha256)
    reports: tuple[str, ...] = ()
    if before is not None and before.sealed:
        with contextlib.suppress(ValueError):
            reports = opened(outbox, before).reports
    kept = sealed(outbox, Held(header.dataset, mammogram.tones, reports))
    outbox.hold(sha256, str(target), kept, time.time() + SETTLE_SECONDS)
    return ""


def sealed(outbox: Outbox, held: Held) -> bytes:
    packed = io.BytesIO()
    tones = np.zeros(0, np.float32) if held.tones is None else held.tones
    content = np.frombuffer(dicom_source.file_bytes(held.header), np.uint8)
    np.savez_compressed(packed, header=content, tones=tones, reports=json.dumps(held.reports))
    return bytes(_cipher(outbox).encrypt(packed.getvalue()))


def opened(outbox: Outbox, delivery: Return) -> Held:
    """Raises ValueError where nothing is held, or it was sealed by another key."""
    from cryptography.fernet import InvalidToken

    try:
        content = _cipher(outbox).decrypt(delivery.sealed)
    except InvalidToken:
        raise ValueError("The header that was held cannot be opened: return.key has changed.") from None
    with np.load(io.BytesIO(content), allow_pickle=False) as packed:
        header = dicom_source.opened(packed["header"].tobytes())
        reports = json.loads(str(packed["reports"])) if "reports" in packed else ()  # held by an earlier version
        return Held(header, packed["tones"] if packed["tones"].size else None, tuple(reports))


class Returning:
    """One thread that sends what is analysed, until it is closed."""

    def __init__(self, data: Path, model: str, target: Target, our_title: str) -> None:
        self._data, self._model, self._target, self._title = data, model, target, our_title
        self.sent = 0
        """Images whose results were stored."""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="returning", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closing.wait(MOMENT):
            try:
                with Store.open(self._data) as store:
                    self._round(store, Outbox(store))
            except Exception as problem:  # the folder is locked, the disk is full: the next round tries again
                logs.unexpected("Results could not be returned; trying again", problem)
                self._closing.wait(FIRST_PAUSE)

    def _round(self, store: Store, outbox: Outbox) -> None:
        outbox.end(outbox.hopeless(), FAILED, "Its analysis ended without a result, so nothing was sent.")
        late = "Stored. The archive did not say in time whether it commits to keeping it."
        _end(outbox, outbox.unanswered(time.time(), LONGEST_PAUSE), SENT, late)
        for study in outbox.due(time.time(), LONGEST_PAUSE):
            parts: dict[str, list[Return]] = {}  # of what a person put together, by what the archive calls it
            for delivery in study:
                try:
                    parts.setdefault(str(opened(outbox, delivery).header.StudyInstanceUID), []).append(delivery)
                except ValueError as problem:
                    outbox.end([replace(delivery, sealed=b"")], FAILED, str(problem))
            for part in parts.values():
                if not self._closing.is_set():
                    self._return(store, part)

    def _return(self, store: Store, study: Sequence[Return]) -> None:
        """Image by image, then the report. What an archive refuses of one image costs that image alone."""
        outbox = Outbox(store)
        if any(
            store.found(delivery.sha256, self._model) is None for delivery in study
        ):  # another model's alone, so far
            outbox.put_off(study, time.time() + FIRST_PAUSE, "Waits for its analysis.")
            return
        left, stored = list(study), list[Any]()
        try:
            for delivery in study:
                made = self._deliver(outbox, [delivery], functools.partial(objects, store, delivery, self._model))
                if made is None:
                    left.remove(delivery)
                else:
                    stored += made
            if not left:
                return
            there = _held_of_study(store, left[0])
            made = self._deliver(outbox, left, lambda: [report(store, left[0], self._model, there)])
        except NotDelivered as problem:
            _try_again(outbox, left, problem)
            return
        if made is not None:
            known = tuple(dict.fromkeys([*_reports(there), made[0].ReferencedSOPInstanceUID]))
            told = [
                replace(delivery, sealed=sealed(outbox, replace(opened(outbox, delivery), reports=known)))
                for delivery in left
            ]
            self._ask_to_commit(outbox, told, [*stored, *made])

    def _deliver(self, outbox: Outbox, of: Sequence[Return], make: Callable[[], list[bytes]]) -> list[Any] | None:
        """Items that refer to what was stored; None where it was given up. Raises NotDelivered where it may be tried
        again."""
        try:
            made = make()
            send(made, self._target, self._title)
            return [dicom_source.referred(dicom_source.opened(content)) for content in made]
        except NotDelivered as problem:
            if not problem.for_good:
                raise
            _end(outbox, of, FAILED, f"{problem} It was given up.")
        except Exception as problem:
            logs.unexpected(f"The results of {of[0].sha256} could not be returned", problem)
            _end(outbox, of, FAILED, f"The objects could not be made ({type(problem).__name__}).")
        return None

    def _ask_to_commit(self, outbox: Outbox, study: Sequence[Return], stored: Sequence[Any]) -> None:
        """First on record, then asked: the answer may come at once, by another connection and thread."""
        sentence, until = f"{len(stored)} objects stored.", time.time() + ANSWER_SECONDS
        outbox.put_off(study, until, f"{sentence} The archive is asked to commit to keeping them.", state=ASKED)

        def answered(transaction: str, missing: int) -> None:
            commitment(self._data, transaction, missing)

        if not ask_to_commit(stored, self._target, self._title, _transaction(study), answered):
            _end(outbox, study, SENT, sentence)
        self.sent += len(study)


def commitment(data: Path, transaction: str, missing: int) -> bool:
    """What an archive says of one that it was asked for; whether it was. missing: objects that it does not have."""
    with Store.open(data) as store:
        outbox = Outbox(store)
        for study in outbox.asked():
            if _transaction(study) == transaction:
                if missing:
                    _try_again(outbox, study, NotDelivered(f"The archive does not have {missing} of the objects."))
                else:
                    _end(outbox, study, SENT, "The archive has committed to keeping them.")
                return True
    return False


def _transaction(study: Sequence[Return]) -> str:
    """Made of what is on record, so that an answer is known again after a restart."""
    names = sorted(delivery.sha256 for delivery in study)
    return dicom_source.uid(*names, study[0].target, str(study[0].tries), "commitment")


def _try_again(outbox: Outbox, study: Sequence[Return], problem: NotDelivered) -> None:
    tries = max(delivery.tries for delivery in study)
    if problem.for_good or tries + 1 >= MOST_TRIES:
        _end(outbox, study, FAILED, f"{problem} It was given up.")
        return
    pause = min(FIRST_PAUSE * 2**tries, LONGEST_PAUSE)
    outbox.put_off(study, time.time() + pause, f"{problem} It is tried again.", failed=True)


def _end(outbox: Outbox, study: Sequence[Return], state: str, sentence: str) -> None:
    """The headers are forgotten but for what a later report of the study refers to the images by."""
    left = []
    for delivery in study:
        content = b""
        with contextlib.suppress(ValueError):
            held = opened(outbox, delivery)
            content = sealed(outbox, Held(dicom_header.nameless(held.header), None, held.reports))
        left.append(replace(delivery, sealed=content))
    outbox.end(left, state, sentence)


# What is sent, in the study that the images came from.


def objects(store: Store, delivery: Return, model: str) -> list[bytes]:
    """Those of one image that is analysed by this model."""
    image, analysis = store.image(delivery.sha256), store.found(delivery.sha256, model)
    assert image is not None
    assert analysis is not None
    held = opened(Outbox(store), delivery)
    tones = held.tones
    if tones is not None and image.notes.count(TURNED_OVER) % 2:
        tones = 1 - tones
    mammogram = replace(store.mammogram(image), tones=tones)
    segmentation = filing.read_maps(store.data, delivery.sha256, model, analysis.provenance.weights_sha256)
    result = Result(image.name, mammogram, analysis, segmentation, origin=held.header)
    made = []
    for name in FORMATS:
        with contextlib.suppress(NotForThisImage):
            made.append(EXPORTS[name].function(result))
    return made


def report(store: Store, delivery: Return, model: str, there: Mapping[str, Held]) -> bytes:
    """The report of its study, that follows those that the archive has. delivery: an image whose whole header is held.
    there: what is held of all images of the study that the archive is known to have; they are in it."""
    study = study_of(store, delivery.sha256)
    assert study is not None
    by = there[delivery.sha256].header
    triples = [
        (image, analysis, dicom_header.named_again(dicom_header.nameless(there[image.sha256].header), by))
        for image in images_of(store, study.id)
        if image.sha256 in there and (analysis := store.found(image.sha256, model)) is not None
    ]
    views = [
        StudyView(image.name, store.mammogram(image), analysis, origin=header) for image, analysis, header in triples
    ]
    result = StudyResult(
        id=study.id,
        title="",
        look=together([_look(store, view) for view in views], companions([image for image, *_ in triples])),
        files={image.sha256: image.name for image, *_ in triples},
        history=history(store, study.id),
        pictures=views,
    )
    return to_study_sr(result, _reports(there))


def _held_of_study(store: Store, delivery: Return) -> dict[str, Held]:
    """Of the images of its study, by sha256; not of those that a person put there and the archive has elsewhere."""
    outbox, study = Outbox(store), study_of(store, delivery.sha256)
    by_image: dict[str, Held] = {}
    for each in outbox.of_study(study.id) if study else ():
        with contextlib.suppress(ValueError):  # another key's
            by_image[each.sha256] = opened(outbox, each)
    here = by_image[delivery.sha256].header.StudyInstanceUID
    return {sha256: held for sha256, held in by_image.items() if held.header.StudyInstanceUID == here}


def _reports(there: Mapping[str, Held]) -> tuple[str, ...]:
    return max((held.reports for held in there.values()), key=len, default=())


def _look(store: Store, view: StudyView) -> ImageLook:
    """The worker's own where it is of this analysis, else worked out here."""
    analysis = view.analysis
    of = analysis.sha256, analysis.provenance.model, analysis.provenance.weights_sha256
    written = filing.read_look(store.data, *of)
    kept = None if written is None else look_from_json(written, analysis)
    return kept or look(view.mammogram, filing.read_maps(store.data, *of), analysis)


def _cipher(outbox: Outbox) -> Any:
    from cryptography.fernet import Fernet

    return Fernet(base64.urlsafe_b64encode(outbox.key()))
