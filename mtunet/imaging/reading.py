"""Bytes → Mammogram. Identifiers stop here: nothing of the patient's leaves this module, not even in an error.

All parsing and decoding happens in a separate process that can be killed (`decoding`):
native decoders hang, flood memory or abort on hostile bytes, and this process serves others too.
Importing this module loads neither decoders nor torch.
"""

import hashlib
import hmac
import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from mtunet.case import Belonging, Mammogram, Refusal, UnreadableImage
from mtunet.files import display_name
from mtunet.imaging import decoding
from mtunet.imaging.decoding.result import MAX_FILE_BYTES, Digests, container, parts_of

# Zip archives, member by member and in memory: nothing is written under a name that an archive chose.

MAX_MEMBERS: Final = 2_000
MAX_TOTAL_BYTES: Final = 8 << 30
MAX_RATIO: Final = 300
"""Above this and RATIO_FROM bytes a member is a bomb. Blank 16-bit images deflate by a few hundred at most."""
RATIO_FROM: Final = 64 << 20
WHOLE_RATIO_FROM: Final = 16 << 20
"""From so many bytes on the ratio of the whole archive counts: many small members are a bomb as one large one is."""
MAX_LIST_BYTES: Final = MAX_MEMBERS << 10
"""Of the list of an archive's files; an entry has some hundred bytes."""
_CHUNK: Final = 1 << 20
_HEAD, _TAIL = 132, (1 << 16) + 256
"""Bytes that tell a zip, and those in which its end stands."""
_CLUTTER: Final = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", "DICOMDIR")


@dataclass(frozen=True)
class Upload:
    """One file to read. name: safe to show; the path inside its archive, if any. archive: what that one is called."""

    name: str
    data: bytes
    archive: str = ""


@dataclass(frozen=True)
class RefusedMember:
    """A member that cannot be handed on, and why."""

    name: str
    problem: UnreadableImage


def unpack(file: bytes | Path, name: str) -> Iterator[Upload | RefusedMember]:
    """The file itself, or the members of a zip or of a multipart answer, one by one. A bad one is refused and does not
    stop the rest.

    file: its bytes, or where it lies: of a zip on disk a member at a time is in memory. Raises OSError where it cannot
    be read.
    """
    with file.open("rb") if isinstance(file, Path) else BytesIO(file) as opened:
        yield from _unpacked(opened, display_name(name))


def _unpacked(file: BinaryIO, shown: str) -> Iterator[Upload | RefusedMember]:
    if not _is_zip(file.read(_HEAD)):
        file.seek(0)
        parts = parts_of(file.read(MAX_FILE_BYTES + 1))  # a little more than the reader takes, so that it can refuse
        for number, part in enumerate(parts, start=1):
            yield Upload(shown if len(parts) == 1 else f"{shown}, part {number}", part)
        return
    try:
        archive = _opened(file)
    except UnreadableImage as refused:
        yield RefusedMember(shown, refused)
        return
    with archive:
        yield from _members(archive, shown, file.seek(0, os.SEEK_END))


def _members(archive: zipfile.ZipFile, shown: str, packed: int) -> Iterator[Upload | RefusedMember]:
    """packed: bytes of the whole archive, which measure what may come out of it."""
    left, unpacked, seen = MAX_TOTAL_BYTES, 0, 0
    for member in sorted(archive.infolist(), key=lambda entry: entry.filename):  # as a folder is walked
        name = _member_name(member.filename)
        if member.is_dir() or _is_clutter(member.filename):
            continue
        seen += 1
        try:
            if left <= 0:
                raise _bad("more than can be unpacked at once", "Split the archive.", Refusal.TOO_LARGE)
            content = _content(archive, member, left)
        except UnreadableImage as refused:
            left -= MAX_FILE_BYTES if refused.kind is Refusal.TOO_LARGE else 0
            yield RefusedMember(name, refused)
            continue
        left -= len(content)
        unpacked += len(content)
        if unpacked > WHOLE_RATIO_FROM and unpacked > MAX_RATIO * packed:
            yield RefusedMember(shown, _bad("files that grow beyond all measure", "Pack it again.", Refusal.TOO_LARGE))
            return
        yield Upload(name, content, shown)
    if seen == 0:
        yield RefusedMember(shown, _bad("no files", "Pack the images into it.", Refusal.EMPTY))


def _is_zip(data: bytes) -> bool:
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08") and data[128:132] != b"DICM"


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    try:
        if _list_bytes(file) > MAX_LIST_BYTES:  # before it is turned into objects
            raise _bad(f"more than {MAX_MEMBERS} files", "Split it.", Refusal.BAD_ARCHIVE)
        archive = zipfile.ZipFile(file)
    except UnreadableImage:
        raise
    except Exception:  # zipfile promises BadZipFile and raises seven kinds; their texts quote names
        raise _bad("a damaged list of its files", "Pack or copy it again.", Refusal.BAD_ARCHIVE) from None
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise _bad(f"more than {MAX_MEMBERS} files", "Split it.", Refusal.BAD_ARCHIVE)
    end = -1
    for member in sorted(members, key=lambda m: m.header_offset):
        if member.header_offset < end:
            raise _bad("files that overlap, as in a zip bomb", "Pack it again.", Refusal.BAD_ARCHIVE)
        end = member.header_offset + member.compress_size
    return archive


def _list_bytes(file: BinaryIO) -> int:
    """How long the list of files is by what stands at the end (APPNOTE 4.3.16, and 4.3.14 of a large archive)."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
    tail = file.read()
    end, large = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    size = struct.unpack_from("<I", tail, end + 12)[0] if end >= 0 else 0
    large_size = struct.unpack_from("<Q", tail, large + 40)[0] if large >= 0 else 0
    return max(0 if size == 0xFFFFFFFF else size, large_size)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> bytes:
    """The member's bytes; raises UnreadableImage. Sizes are measured, never believed."""
    if member.flag_bits & 0x1:
        raise _bad("a password-protected file", "Pack it without a password.", Refusal.ENCRYPTED)
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _bad("a link instead of a file", "Pack the file itself.", Refusal.BAD_ARCHIVE)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others choose their own memory
        raise _bad("a file packed in an unusual way", "Pack it with plain zip (deflate).", Refusal.BAD_ARCHIVE)
    most = min(MAX_FILE_BYTES, left)
    chunks, size = [], 0
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > most or (size > RATIO_FROM and size > MAX_RATIO * max(1, member.compress_size)):
                    raise _bad("a file that grows beyond all measure", "Pack it again.", Refusal.TOO_LARGE)
                chunks.append(chunk)
    except UnreadableImage:
        raise
    except Exception:  # as above
        raise _bad("a damaged file", "Pack or copy it again.", Refusal.BAD_ARCHIVE) from None
    content = b"".join(chunks)
    if _is_zip(content):
        raise _bad("another archive", "Unpack the inner archive first.", Refusal.BAD_ARCHIVE)
    return content


def _member_name(name: str) -> str:
    """The path inside the archive, each part made safe to show; no part leads out."""
    parts = [part for part in name.replace("\\", "/").split("/") if part.strip() not in ("", ".", "..")]
    return "/".join(display_name(part) for part in parts[-4:]) or "unnamed file"


def _is_clutter(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] in _CLUTTER or is_clutter(parts[-1])


def is_clutter(name: str) -> bool:
    """What systems and discs put beside images: of no interest to anyone, so it is not even refused."""
    return name in _CLUTTER or name.startswith("._")


def _bad(content: str, advice: str, kind: Refusal) -> UnreadableImage:
    return UnreadableImage(kind, f"Expected a zip archive of single image files, found {content} in it. {advice}")


MOST_SHIFT_DAYS = 3650
"""A study's day is moved into the past by up to this."""


def read(data: bytes, name: str) -> Mammogram:
    """One mammogram from the bytes of a DICOM, PNG, JPEG, TIFF, PGM or BMP file.

    name: the file's name, used for nothing but guessing side and view where the file does not say.
    Raises UnreadableImage with a kind and a sentence; nothing else, whatever the bytes. Safe from several threads.
    """
    return read_with_belonging(data, name, b"")[0]


def read_with_belonging(data: bytes, name: str, secret: bytes) -> tuple[Mammogram, Belonging]:
    """As `read`, and which study and patient the image is of: HMACs under this secret (none without one).

    The secret stays in this process: the one that parses strangers' bytes never sees it.
    """
    if len(parts := parts_of(data)) == 1:
        [data] = parts
    container(data)  # names what is no image at all, without waking the decoder
    sha256 = hashlib.sha256(data).hexdigest()
    decoded = decoding.decode(data, name)
    mammogram = Mammogram(
        pixels=decoded.pixels,
        spacing_mm=decoded.spacing_mm,
        laterality=decoded.laterality,
        view=decoded.view,
        sha256=sha256,
        notes=decoded.notes,
        facts=decoded.facts,
        windows=decoded.windows,
        tones=decoded.table,
    )
    return mammogram, _keyed(decoded.digests, secret) if secret else Belonging()


def warm_up() -> None:
    """Start the decoding process in the background, so that the first image does not wait for it."""
    decoding.warm_up()


def _keyed(digests: Digests, secret: bytes) -> Belonging:
    shifted = None
    if digests.patient is not None and digests.day is not None:
        shift = int.from_bytes(_hmac(secret, "shift", digests.patient)[:8], "big") % MOST_SHIFT_DAYS
        shifted = digests.day - 1 - shift
    return Belonging(
        study=_hmac(secret, "study", digests.study).hex() if digests.study else None,
        patient=_hmac(secret, "patient", digests.patient).hex() if digests.patient else None,
        shifted_day=shifted,
        instance=_hmac(secret, "instance", digests.instance).hex() if digests.instance else None,
        derived_from=tuple(_hmac(secret, "instance", source).hex() for source in digests.derived_from),
    )


def _hmac(secret: bytes, what: str, digest: str) -> bytes:
    return hmac.digest(secret, f"{what}\0{digest}".encode(), "sha256")
