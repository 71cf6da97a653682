"""From the bytes a person gave to an image on file and a place in the queue, or a refusal with its sentence."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mtunet.case import Mammogram, Refusal, UnreadableImage
from mtunet.case.placement import label
from mtunet.detection import models
from mtunet.imaging import reading
from mtunet.store.filing import grouping_secret, image_path
from mtunet.store.images import Store
from mtunet.store.studies import set_spacing
from mtunet.study.grouping import place

UPLOAD = "upload"
"""Where an image came from, unless it is a sample: then SAMPLE and the sample's key."""
SAMPLE = "sample:"
TEACHING = "teaching:"
"""Before the name of a phantom that was drawn for teaching."""

QUEUE_LIMIT = 5000
"""Images that may wait at one time: beyond it the machine could not keep its promise."""


@dataclass(frozen=True)
class Taken:
    """An image that is on file now. known: it was already there; analysed: this model has already seen it. read: what
    was read of its file, where it was received and read now."""

    sha256: str
    name: str
    known: bool
    analysed: bool
    read: Mammogram | None = None


@dataclass(frozen=True)
class Declined:
    """A file that is not taken in. problem says why."""

    name: str
    problem: UnreadableImage


class QueueFull(RuntimeError):
    """Too much is waiting. `str()` is the sentence for the person."""


@dataclass(frozen=True)
class Origin:
    """Where files come from. batch: those that were handed in together, at the time `at`. title: shown for the name.

    received: over the network. Such files have no names, so images are called by side and view; and what comes along of
    a study without being a picture (reports, marks, doses) is no refusal that a person need hear of.
    """

    batch: str
    at: str
    source: str = UPLOAD
    title: str | None = None
    received: bool = False


def take_in(store: Store, data: bytes | Path, name: str, origin: Origin, model: str) -> Iterator[Taken | Declined]:
    """Read a file (its bytes, or where it lies), or each file of a zip, keep its image and queue its analysis.

    Yields one outcome per file; a bad file does not stop the rest. An image that is known by its bytes is not read
    again; one that came another way before is the same image (`store.identity`). What this model has analysed is not
    analysed again. The pixels are on disk before the job is queued, so a job can always be done later.

    Raises QueueFull, CouldNotSave, and OSError of a file that cannot be read.
    """
    if "/" in name and reading.is_clutter(name.rpartition("/")[2]):  # of a folder that was handed in whole
        return
    for upload in reading.unpack(data, name):
        if isinstance(upload, reading.RefusedMember):
            yield _decline(store, upload.name, upload.problem, origin)
        else:
            path = upload.name if upload.archive else name  # with the folders it lay in
            yield _take_one(store, upload, path, origin, model)


def ask(store: Store, sha256: str, model: str, batch: str) -> None:
    """Queue an image that is on file for another model, or once more. Raises QueueFull."""
    _refuse_when_full(store)
    store.queue(sha256, model, batch)


def turn_over(store: Store, sha256: str, model: str, batch: str) -> str | None:
    """Replace an image by its negative, in its study, and queue it; gives what it is called then. None for one that is
    not there any more. Raises QueueFull, CouldNotSave and NotOnFile."""
    _refuse_when_full(store)
    image = store.image(sha256)
    if image is None:
        return None
    before = store.mammogram(image)
    turned = replace(
        before,
        pixels=1 - before.pixels,
        sha256=hashlib.sha256(f"turned over {sha256}".encode()).hexdigest(),
        notes=(*before.notes, TURNED_OVER),
    )
    store.replace_image(sha256, turned)
    store.queue(turned.sha256, model, batch)
    return turned.sha256


PIXEL_SIZES = (0.05, 0.07, 0.085, 0.1, 0.2)
"""mm: of the detectors and films in use, to choose from."""
SPACING = "spacing"
"""What a correction of the pixel size is called."""


def set_pixel_size(
    store: Store, sha256: str, mm: float, model: str, batch: str, reader: str = "", before: str = ""
) -> None:
    """What the file does not say, a person says; the image is looked at again at that scale. before: what had been
    found, in words. Raises QueueFull."""
    _refuse_when_full(store)
    set_spacing(store, sha256, mm, before, reader)
    store.queue(sha256, model, batch)


TURNED_OVER = "Somebody turned the greys over: what was bright is dark."


def _refuse_when_full(store: Store) -> None:
    if store.waiting() >= QUEUE_LIMIT:
        raise QueueFull(f"{QUEUE_LIMIT} images are waiting already. Come back when some are done.")


def _take_one(store: Store, upload: reading.Upload, path: str, origin: Origin, model: str) -> Taken | Declined:
    sha256 = hashlib.sha256(upload.data).hexdigest()
    image, mammogram = store.image(sha256), None
    known = image is not None and image_path(store.data, sha256).exists()
    if not known:
        _refuse_when_full(store)  # before the image is kept: one without a place in the queue would never be analysed
        try:
            mammogram, belonging = reading.read_with_belonging(upload.data, upload.name, grouping_secret(store.data))
        except UnreadableImage as problem:
            return _decline(store, upload.name, problem, origin)
        where = place(path, origin.batch, belonging, archive=upload.archive, title=origin.title)
        side = mammogram.laterality or ""
        called = f"{side}{label(None, mammogram.view, mammogram.facts)}" if origin.received else ""
        name = called or origin.title or upload.name
        image = store.add_image(mammogram, name, origin.source, origin.at, where, belonging, ask=(model, origin.batch))
        known = image.sha256 != sha256
        sha256 = image.sha256
    assert image is not None
    analysed = store.analysis(sha256, model, models.MODELS[model].sha256) is not None
    if known and not analysed:  # a new one was queued with its row
        ask(store, sha256, model, origin.batch)
    return Taken(sha256, image.name, known, analysed, mammogram if origin.received else None)


def _decline(store: Store, name: str, problem: UnreadableImage, origin: Origin) -> Declined:
    if not (origin.received and problem.kind is Refusal.NOT_A_PICTURE):
        store.refuse(name, problem.kind, problem.sentence)
    return Declined(name, problem)
