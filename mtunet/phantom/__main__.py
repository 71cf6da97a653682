"""Make phantoms from the command line: `python -m mtunet.phantom samples --out samples`, or their contact sheets."""

import argparse
import sys
from pathlib import Path

import mtunet
from mtunet.phantom.sample_set import write_samples
from mtunet.phantom.sheets import make_sheets


def main(arguments: list[str] | None = None) -> int:
    """Write the sample phantoms and their truth, or the contact sheets; 0 when done."""
    mtunet.speak_utf8()
    parser = argparse.ArgumentParser(prog="python -m mtunet.phantom", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    samples = commands.add_parser("samples", help="write the sample phantoms as DICOM, with their truth as PNG")
    samples.add_argument("--out", type=Path, required=True, help="folder to write into; files there are replaced")
    sheets = commands.add_parser("sheets", help="nine seeds of each descriptor, to be looked at")
    sheets.add_argument("--out", type=Path, required=True, help="folder to write into; files there are replaced")
    chosen = parser.parse_args(arguments)
    for path in write_samples(chosen.out) if chosen.command == "samples" else make_sheets(chosen.out):
        print(f"{path} {path.stat().st_size / 1e6:.2f} MB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
