"""Files that are whole or not there, tables that no spreadsheet runs, masks as bits."""

import csv
import io
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from mtunet.files import csv_bytes, packed, plain, unpacked, whole, write_arrays, write_whole


def test_a_file_is_there_with_its_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"before")

    def stop_half_way() -> None:
        with whole(path) as file:
            file.write(b"half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stop_half_way()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_the_callers_to_say_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "file", b"much")
    assert list(tmp_path.iterdir()) == []


def test_a_private_file_is_its_owners_from_the_first_byte(tmp_path: Path) -> None:
    with whole(tmp_path / "mine", private=True) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o600


ANY = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


@given(some.lists(ANY | some.builds("{}{}".format, some.sampled_from(["=", "'=", "-", "''+", " @"]), ANY), min_size=1))
def test_text_comes_back_from_a_table_and_never_runs(cells: list[str]) -> None:
    columns = [str(number) for number in range(len(cells))]
    content = csv_bytes(columns, [dict(zip(columns, cells, strict=True))]).decode()
    [read] = list(csv.reader(io.StringIO(content, newline="")))[1:]
    assert [plain(cell) for cell in read] == cells
    for cell in read:
        assert cell.lstrip(" ")[:1] not in ("=", "@", "\t") or _number(cell)


def test_numbers_keep_their_sign_their_digits_and_their_gaps() -> None:
    row = {"a": -0.123456789, "b": "-1.5", "c": None, "d": "-1+1", "e": True}
    assert csv_bytes("abcdef", [row]) == b"a,b,c,d,e,f\r\n-0.123457,-1.5,,'-1+1,True,\r\n"
    assert csv_bytes("a", [row], digits=None, line_end="\n") == b"a\n-0.123456789\n"


@given(arrays(np.bool_, (3, 5, 4)))
def test_masks_come_back_from_their_bits(masks: np.ndarray) -> None:  # type: ignore[type-arg]
    assert (unpacked(packed(list(masks)), 3) == masks).all()


def test_arrays_come_back(tmp_path: Path) -> None:
    for compressed in (False, True):
        write_arrays(tmp_path / "a.npz", {"a": np.arange(6)}, compressed=compressed)
        with np.load(tmp_path / "a.npz", allow_pickle=False) as read:
            assert read["a"].tolist() == list(range(6))


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
