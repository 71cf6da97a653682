"""Results on their way back: images that came from an archive return to it as SEG, SR, CAD SR and presentation state,
in their own study. What is on its way lies in the store's outbox, so it outlives the program.

An archive that offers storage commitment (PS3.4 J) is asked for it, and what it does not commit to is sent again.
"""

import base64
import io
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtunet.case import Mammogram, UnreadableImage
from mtunet.detection import models
from mtunet.detection.analysis import from_json
from mtunet.imaging import reading
from mtunet.intake import logs
from mtunet.intake.archive import NotDelivered, Target, ask_to_commit, send
from mtunet.output.exports import EXPORTS, NotForThisImage, Result, dicom_header, dicom_source
from mtunet.store import filing
from mtunet.store.images import Store
from mtunet.store.outbox import ASKED, FAILED, SENT, Outbox, Return

FORMATS: Final = ("seg", "sr", "cad", "gsps")
MOST_TRIES: Final = 12
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 3600.0
"""Seconds between tries: twice as long each time."""
ANSWER_SECONDS: Final = 900.0
"""That an archive has to commit to what it stored; some do so in the night, and then it is not known here."""
MOMENT: Final = 1.0


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
    tones = np.zeros(0, np.float32) if mammogram.tones is None else mammogram.tones
    packed = io.BytesIO()
    content = np.frombuffer(dicom_source.file_bytes(header.dataset), np.uint8)
    np.savez_compressed(packed, header=content, tones=tones)
    outbox.hold(sha256, str(target), _cipher(outbox).encrypt(packed.getvalue()))
    return ""


class Returning:
    """One thread that sends what is analysed, until it is closed."""

    def __init__(self, data: Path, model: str, target: Target, our_title: str) -> None:
        self._data, self._model, self._target, self._title = data, model, target, our_title
        self.sent = 0
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
                    for sha256 in Outbox(store).hopeless():
                        Outbox(store).end(sha256, FAILED, "Its analysis ended without a result, so nothing was sent.")
                    for one in Outbox(store).due(time.time(), LONGEST_PAUSE):
                        if not self._closing.is_set():
                            self._return(store, one)
            except Exception as problem:  # the folder is locked, the disk is full: the next round tries again
                logs.unexpected("Results could not be returned; trying again", problem)
                self._closing.wait(FIRST_PAUSE)

    def _return(self, store: Store, one: Return) -> None:
        outbox = Outbox(store)
        if one.state == ASKED:
            outbox.end(one.sha256, SENT, "Stored. The archive did not say in time whether it commits to keeping it.")
            return
        try:
            made = objects(store, one, self._model)
            if made is None:  # another model's analysis: ours is to come, however long it takes
                outbox.put_off(one.sha256, time.time() + FIRST_PAUSE, "Waits for its analysis.")
                return
            send(made, self._target, self._title)
            self._ask_to_commit(store, one, made)
        except NotDelivered as problem:
            _try_again(outbox, one, problem)
        except Exception as problem:
            logs.unexpected(f"The results of {one.sha256} could not be returned", problem)
            outbox.end(one.sha256, FAILED, f"The objects could not be made ({type(problem).__name__}).")

    def _ask_to_commit(self, store: Store, one: Return, made: list[bytes]) -> None:
        """First on record, then asked: the answer may come at once, by another connection and thread."""
        outbox, stored = Outbox(store), f"{len(made)} objects stored."
        until = time.time() + ANSWER_SECONDS
        outbox.put_off(one.sha256, until, f"{stored} The archive is asked to commit to keeping them.", state=ASKED)

        def answered(transaction: str, missing: int) -> None:
            commitment(self._data, transaction, missing)

        if not ask_to_commit(made, self._target, self._title, _transaction(one), answered):
            outbox.end(one.sha256, SENT, stored)
        self.sent += 1


def commitment(data: Path, transaction: str, missing: int) -> bool:
    """What an archive says of one that it was asked for; whether it was. missing: objects that it does not have."""
    with Store.open(data) as store:
        outbox = Outbox(store)
        for one in outbox.asked():
            if _transaction(one) == transaction:
                if missing:
                    _try_again(outbox, one, NotDelivered(f"The archive does not have {missing} of the objects."))
                else:
                    outbox.end(one.sha256, SENT, "The archive has committed to keeping them.")
                return True
    return False


def _transaction(one: Return) -> str:
    """Made of what is on record, so that an answer is known again after a restart."""
    return dicom_source.uid(one.sha256, one.target, str(one.tries), "commitment")


def _try_again(outbox: Outbox, one: Return, problem: NotDelivered) -> None:
    if problem.for_good or one.tries + 1 >= MOST_TRIES:
        outbox.end(one.sha256, FAILED, f"{problem} It was given up.")
        return
    pause = min(FIRST_PAUSE * 2**one.tries, LONGEST_PAUSE)
    outbox.put_off(one.sha256, time.time() + pause, f"{problem} It is tried again.", failed=True)


def objects(store: Store, one: Return, model: str) -> list[bytes] | None:
    """The objects of an image's analysis by this model, in the study that it came from; None before there is one."""
    weights = models.MODELS[model].sha256
    image, stored = store.image(one.sha256), store.analysis(one.sha256, model, weights)
    if image is None or stored is None:
        return None
    with np.load(io.BytesIO(_cipher(Outbox(store)).decrypt(one.sealed)), allow_pickle=False) as packed:
        header = dicom_source.opened(packed["header"].tobytes())
        tones = packed["tones"] if packed["tones"].size else None
    mammogram = replace(store.mammogram(image), tones=tones)
    segmentation = filing.read_maps(store.data, one.sha256, model, weights)
    result = Result(image.name, mammogram, from_json(stored), segmentation, origin=header)
    made = []
    for name in FORMATS:
        try:
            made.append(EXPORTS[name].function(result))
        except NotForThisImage:
            continue
    return made


def _cipher(outbox: Outbox) -> Any:
    from cryptography.fernet import Fernet

    return Fernet(base64.urlsafe_b64encode(outbox.key()))
