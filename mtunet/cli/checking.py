"""`mtunet check`: DICOM files through the programs of others that are installed, and what they say of them."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mtunet.files import counted
from mtunet.output.exports import dicom_source

FINE, FAILED, WRONG_USAGE = 0, 1, 2
PATIENCE: Final = 120
"""Seconds for one program and one file."""


@dataclass(frozen=True)
class Program:
    """command: before the file's name. package: Debian's. sop_classes: the ends of what it is for; empty for all.
    errors: how lines begin that tell an error; empty where the exit code does."""

    command: tuple[str, ...]
    package: str
    sop_classes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


SR_CLASSES: Final = (".88.11", ".88.22", ".88.33", ".88.34", ".88.50")
PROGRAMS: Final = (
    Program(("dciodvfy", "-new"), "dicom3tools", errors=("Error",)),
    Program(("dcmdump", "-q"), "dcmtk"),
    Program(("dsrdump", "-q"), "dcmtk", SR_CLASSES, ("E:", "F:")),
)
TOGETHER: Final = Program(("dcentvfy",), "dicom3tools", errors=("Error",))


def run(files: Sequence[Path]) -> int:
    """Prints what is wrong, file by file; what is not installed is said and passed over."""
    absent = sorted({each.package for each in (*PROGRAMS, TOGETHER) if shutil.which(each.command[0]) is None})
    if absent:
        print(f"Not installed, so not asked: {', '.join(absent)} (Debian's packages).", file=sys.stderr)
    wrong, asked, read, apart = 0, 0, list[Path](), False
    for file in files:
        sop_class = dicom_source.sop_class_of(file)
        if sop_class is None:
            print(f"{file}: no DICOM file.")
            wrong += 1
            continue
        read.append(file)
        programs = [
            program
            for program in PROGRAMS
            if shutil.which(program.command[0]) and (not program.sop_classes or sop_class.endswith(program.sop_classes))
        ]
        wrong += sum(_say(program, [file]) for program in programs) > 0
        asked += len(programs)
    if len(read) > 1 and shutil.which(TOGETHER.command[0]):
        apart = _say(TOGETHER, read)
    if not asked and not wrong:
        return WRONG_USAGE
    together = " Together they contradict each other." if apart else ""
    print(f"{counted(len(files), 'file')}, {wrong} with something wrong.{together}", file=sys.stderr)
    return FAILED if wrong or apart else FINE


def _say(program: Program, files: Sequence[Path]) -> bool:
    """Whether it found anything; printed."""
    lines, failed = ask(program, files)
    for line in lines:
        print(f"{files[0] if len(files) == 1 else 'together'}: {program.command[0]}: {line}")
    return failed


def ask(program: Program, files: Sequence[Path]) -> tuple[list[str], bool]:
    """(the lines that tell an error, whether there was one)."""
    try:
        done = subprocess.run(
            [*program.command, *map(str, files)], capture_output=True, timeout=PATIENCE, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return [f"did not end within {PATIENCE} seconds"], True
    lines = (done.stderr + (done.stdout if program.errors else "")).splitlines()
    errors = [line for line in lines if line.startswith(program.errors)] if program.errors else []
    if done.returncode and not errors and not program.errors:
        errors = lines[-1:] or [f"ended with {done.returncode}"]
    return errors, bool(errors)
