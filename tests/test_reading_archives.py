"""Zips: members come one by one, nothing is written anywhere, and no archive can flood the memory."""

import stat
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

import mtunet.imaging.reading
from mtunet.case import Refusal, UnreadableImage
from mtunet.imaging.reading import RefusedMember, Upload, read, unpack
from tests.dicoms import dicom, drawn

IMAGE = dicom(drawn())


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def kinds(data: bytes) -> list[Refusal | None]:
    return [found.problem.kind if isinstance(found, RefusedMember) else None for found in unpack(data, "all.zip")]


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_packings_that_choose_their_own_memory_are_refused_and_the_rest_goes_on(compression: int) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a-odd.dcm", IMAGE, compress_type=compression)
        archive.writestr("good.dcm", IMAGE, compress_type=zipfile.ZIP_DEFLATED)
    assert kinds(buffer.getvalue()) == [Refusal.BAD_ARCHIVE, None]


def test_a_file_that_is_no_zip_comes_back_itself() -> None:
    assert list(unpack(IMAGE, "dir/one.dcm")) == [Upload("one.dcm", IMAGE)]


def test_members_come_one_by_one_in_the_order_of_their_names_and_clutter_is_left_out() -> None:
    clutter = {"__MACOSX/a/._one.dcm": b"x", ".DS_Store": b"x", "DICOMDIR": b"x"}
    data = zipped({"a/": b"", "a/one.dcm": IMAGE, **clutter, "IM0002": IMAGE})
    assert list(unpack(data, "all.zip")) == [
        Upload("IM0002", IMAGE, "all.zip"),
        Upload("a/one.dcm", IMAGE, "all.zip"),
    ]
    assert read(IMAGE, "a/one.dcm").shape == (96, 80)


def test_a_bad_member_does_not_stop_the_rest() -> None:
    data = bytearray(zipped({"bad.dcm": bytes(range(256)) * 9, "good.dcm": IMAGE}, zipfile.ZIP_STORED))
    data[60] ^= 0xFF
    assert kinds(bytes(data)) == [Refusal.BAD_ARCHIVE, None]


def test_names_lead_nowhere() -> None:
    names = [found.name for found in unpack(zipped({"../../x.dcm": b"1", "/etc/y": b"2", "..\\z\u202e": b"3"}), "all")]
    assert sorted(names) == ["etc/y", "x.dcm", "z"]


def test_inner_archives_links_and_passwords_are_refused() -> None:
    assert kinds(zipped({"inner.zip": zipped({"a": IMAGE})})) == [Refusal.BAD_ARCHIVE]
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert kinds(buffer.getvalue()) == [Refusal.BAD_ARCHIVE]
    locked = bytearray(zipped({"a": IMAGE}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    locked[6] |= 1
    assert kinds(bytes(locked)) == [Refusal.ENCRYPTED]


def test_a_bomb_is_stopped_while_it_inflates(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped({"bomb": bytes(8 << 20), "good.dcm": IMAGE})
    monkeypatch.setattr(mtunet.imaging.reading, "RATIO_FROM", 1 << 20)
    assert kinds(bomb) == [Refusal.TOO_LARGE, None]
    monkeypatch.setattr(mtunet.imaging.reading, "MAX_FILE_BYTES", 1 << 20)
    assert kinds(bomb) == [Refusal.TOO_LARGE, None]


def test_a_lying_size_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtunet.imaging.reading, "MAX_FILE_BYTES", 1 << 20)
    data = bytearray(zipped({"bomb": bytes(8 << 20)}))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 100)
    data[22:26] = struct.pack("<I", 100)
    assert kinds(bytes(data)) in ([Refusal.TOO_LARGE], [Refusal.BAD_ARCHIVE])


def test_the_total_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtunet.imaging.reading, "MAX_TOTAL_BYTES", 3 * len(IMAGE))
    found = kinds(zipped({f"{n}.dcm": IMAGE for n in range(5)}))
    assert found == [None, None, None, Refusal.TOO_LARGE, Refusal.TOO_LARGE]


def test_too_many_members_and_overlapping_ones_are_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtunet.imaging.reading, "MAX_MEMBERS", 3)
    assert kinds(zipped({str(n): b"x" for n in range(4)})) == [Refusal.BAD_ARCHIVE]
    assert kinds(zipped({str(n): b"x" for n in range(40)})) == [Refusal.BAD_ARCHIVE]
    twice = bytearray(zipped({"a": IMAGE, "b": IMAGE}, zipfile.ZIP_STORED))
    second = twice.index(b"PK\x01\x02", twice.index(b"PK\x01\x02") + 4)
    twice[second + 42 : second + 46] = struct.pack("<I", 0)
    assert kinds(bytes(twice)) == [Refusal.BAD_ARCHIVE]


@pytest.mark.parametrize("cut", [5, 30, 200, -30])
def test_a_cut_archive_is_refused(cut: int) -> None:
    assert kinds(zipped({"a": IMAGE})[:cut]) == [Refusal.BAD_ARCHIVE]


def test_an_empty_archive_is_refused() -> None:
    assert kinds(zipped({})) == [Refusal.EMPTY]
    assert kinds(zipped({"folder/": b""})) == [Refusal.EMPTY]


def test_many_small_members_are_a_bomb_as_one_large_one_is() -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(60):
            archive.writestr(f"{number}.raw", bytes(1 << 20))
    outcomes = list(unpack(packed.getvalue(), "bomb.zip"))
    assert len(outcomes) <= 20
    assert isinstance(outcomes[-1], RefusedMember)
    assert outcomes[-1].problem.kind is Refusal.TOO_LARGE


def test_of_a_file_on_disk_no_more_than_a_member_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtunet.imaging.reading, "MAX_FILE_BYTES", 1 << 20)
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(1 << 40)  # of nothing, on a disk that knows holes
    assert [type(found) for found in unpack(path, path.name)] == [RefusedMember]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("LCC.dcm", IMAGE)
    assert [found.name for found in unpack(path, path.name)] == ["LCC.dcm"]
    path.write_bytes(bytes(3 << 20))
    assert [len(found.data) for found in unpack(path, path.name) if isinstance(found, Upload)] == [(1 << 20) + 1]


def test_a_long_list_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *_, **__: pytest.fail("it was read"))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 50_000_000, 0, 0)
    of_a_large_one = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 9, 9, 50_000_000, 0)
    for tail in (end, of_a_large_one + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 0xFFFFFFFF, 0, 0)):
        assert kinds(b"PK\x03\x04" + bytes(5000) + tail) == [Refusal.BAD_ARCHIVE]


def test_a_multipart_answer_without_a_part_is_refused_and_does_not_vanish() -> None:
    empty = b"--x\r\nContent-Type: application/dicom\r\n\r\n\r\n--x--\r\n"
    [found] = unpack(empty, "answer")
    assert isinstance(found, Upload)
    with pytest.raises(UnreadableImage, match="without one image"):
        read(found.data, found.name)
