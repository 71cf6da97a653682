"""Find microcalcifications and breast arterial calcifications in mammograms. Not for clinical use."""

import functools
import io
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

# Threads that wait for each other sleep instead of spinning. It must be said before torch is loaded. With one other
# program on the machine, or the decoder of the next image, a spinning network took eight times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

RELEASE = "0.2.0"
"""The release that is worked towards; the tag `v0.2.0` ends the work."""

__version__: str
"""`0.2.0` at its tag, else `0.2.0+gCOMMIT`, with `.dirty` where files differ from the commit, `0.2.0+unknown` where
nothing tells. Every result names it."""


def speak_utf8() -> None:
    """At every entry: what is written holds letters that the character set of a Windows console, or of a redirection
    there, lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")


def shipped(name: str) -> Path:
    """Where what comes with the code lies (`weights`, `samples`, `runs`, `streamlit_app.py`): beside `mtunet` in a
    checkout, within it where it was installed."""
    installed = Path(__file__).parent / "shipped"
    return (installed if installed.is_dir() else Path(__file__).parents[1]) / name


@functools.cache
def _version() -> str:
    """An installed copy has no commits to look at: it has kept what was said when it was built."""
    root = Path(__file__).parents[1]
    if (root / ".git").exists():
        return _version_of_checkout(root)
    try:
        return metadata.version("mtunet")
    except metadata.PackageNotFoundError:
        return f"{RELEASE}+unknown"


def _version_of_checkout(root: Path) -> str:
    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", *arguments]
        return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True, timeout=20).stdout.strip()

    try:
        commit = git("describe", "--always", "--dirty", "--exclude=*", "--abbrev=10")
        if f"v{RELEASE}" in git("tag", "--points-at", "HEAD").split() and not commit.endswith("-dirty"):
            return RELEASE
    except (OSError, subprocess.SubprocessError):  # git is absent, or will not tell whoever this is
        return f"{RELEASE}+unknown"
    return f"{RELEASE}+g{commit.replace('-', '.')}"


if not TYPE_CHECKING:

    def __getattr__(name: str) -> str:
        """The version is worked out when somebody asks: git takes a moment."""
        if name == "__version__":
            return _version()
        raise AttributeError(f"module 'mtunet' has no attribute {name!r}")
