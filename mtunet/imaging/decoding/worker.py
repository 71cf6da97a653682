"""The decoding process: `python -m mtunet.imaging.decoding.worker`. Started by `decoding`, by nobody else.

Reads requests from its first pipe and answers on its second. Whatever native code prints goes nowhere,
because it may quote values from the file. All caps are set before the first byte arrives.
"""

import ctypes
import importlib
import json
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mtunet.case import Refusal, UnreadableImage
from mtunet.imaging.decoding import READY, REPLY, REQUEST
from mtunet.imaging.decoding.result import CHILD_MEMORY_BYTES, Container, Decoded, DecoderFailure, container, refusal


def _system_limits() -> Any:
    try:
        return importlib.import_module("resource")
    except ImportError:  # Windows has none; the parent's clock still rules
        return None


resource = _system_limits()
_SWOLLEN_BYTES = 1 << 30
"""A process that once needed this much is replaced, so that the memory goes back."""


def main() -> None:
    """Answer one request after the other until the pipe closes."""
    inbox, outbox = _take_over_pipes()
    leave_network()
    _cap()
    _warm()
    outbox.write(READY)
    outbox.flush()
    while len(head := inbox.read(REQUEST.size)) == REQUEST.size:
        data_length, name_length, seconds = REQUEST.unpack(head)
        _cap_cpu(seconds)
        name = inbox.read(name_length).decode("utf-8", "replace")
        data = inbox.read(data_length)
        if len(data) < data_length:
            return
        reply, parts = answer(data, name)
        _send(outbox, reply, parts)


def answer(data: bytes, name: str) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    """The reply to one request: a picture as its table and its values, or a refusal and no arrays.

    "replace" says whether this process should be replaced after it.
    """
    try:
        decoded = decode(data, name)
    except UnreadableImage as refused:
        return _refused(refused, replace=isinstance(refused, DecoderFailure) or _is_swollen()), []
    except MemoryError:
        return _refused(_needs_memory(), replace=True), []
    except BaseException:  # a Rust panic is no Exception; its text may quote the file, so it ends here
        return _refused(_broke_the_reader(), replace=True), []
    parts = [np.ascontiguousarray(part) for part in (decoded.table, decoded.values) if part is not None]
    reply = {
        "rows": decoded.values.shape[0],
        "columns": decoded.values.shape[1],
        "entries": 0 if decoded.table is None else decoded.table.size,
        "spacing_mm": decoded.spacing_mm,
        "laterality": decoded.laterality,
        "view": decoded.view,
        "notes": decoded.notes,
        "facts": sorted(decoded.facts),
        "windows": decoded.windows,
        "digests": asdict(decoded.digests),
        "replace": _is_swollen(),
    }
    return reply, parts


def decode(data: bytes, name: str) -> Decoded:
    """Bytes → picture, in this very process; raises anything."""
    from mtunet.imaging import dicom, pictures  # late: caps are set before decoders are loaded

    return dicom.decode_dicom(data, name) if container(data) is Container.DICOM else pictures.decode_picture(data, name)


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    inbox, outbox = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    return os.fdopen(inbox, "rb"), os.fdopen(outbox, "wb")


def leave_network() -> None:
    """Into a network of its own that has no way out, where the system lets us (Linux: CLONE_NEWNET, as who we are or in
    a user namespace). Before any thread is started."""
    if sys.platform != "linux":
        return
    try:
        system = ctypes.CDLL(None)
        if system.unshare(_NEW_NETWORK) != 0:
            system.unshare(_NEW_NETWORK | _NEW_USER)
    except (OSError, AttributeError):
        return


_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000


def _cap() -> None:
    if resource is None:
        return
    for limit, most in (
        (resource.RLIMIT_AS, CHILD_MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        try:
            resource.setrlimit(limit, (most, most))
        except (ValueError, OSError):  # macOS refuses some of them
            continue


def _cap_cpu(seconds: float) -> None:
    """Ends a runaway even if the parent is gone and nobody holds the clock."""
    if resource is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds + 5)
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    except (ValueError, OSError):
        return


def _warm() -> None:
    """Load the decoders before the first file, and silence them: their warnings quote values."""
    import logging

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import cv2
    import pydicom.pixels

    from mtunet.imaging import dicom, pictures

    for plugin in ("libjpeg", "openjpeg", "jpeg_ls"):
        try:
            __import__(plugin)
        except ImportError:  # said by name when a file needs it
            continue
    cv2.setNumThreads(1)
    del pydicom, dicom, pictures


def _send(outbox: BinaryIO, reply: dict[str, Any], parts: Sequence[npt.NDArray[Any]]) -> None:
    text = json.dumps(reply).encode()
    outbox.write(REPLY.pack(len(text), sum(part.nbytes for part in parts)))
    outbox.write(text)
    for part in parts:
        outbox.write(part.data.cast("B"))
    outbox.flush()


def _refused(refused: UnreadableImage, *, replace: bool) -> dict[str, Any]:
    return {"refused": refused.kind, "sentence": refused.sentence, "replace": replace}


def _needs_memory() -> UnreadableImage:
    return refusal(
        Refusal.TOO_LARGE,
        "a file whose decoding needs more memory than is allowed",
        "Check that it is a single view; if it is damaged, export it again.",
    )


def _broke_the_reader() -> UnreadableImage:
    return refusal(
        Refusal.DAMAGED,
        "a file whose contents contradict themselves",
        "It is probably damaged: copy or export it again.",
    )


def _is_swollen() -> bool:
    if resource is None:
        return False
    return _peak_bytes(resource) > _SWOLLEN_BYTES


def _peak_bytes(resource: Any) -> int:
    """The most memory this program has held. Linux's ru_maxrss is no use: it begins with the parent's at the fork."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        peak = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return peak * (1 if platform.system() == "Darwin" else 1024)  # macOS counts in bytes, the others in kilobytes


if __name__ == "__main__":
    main()
