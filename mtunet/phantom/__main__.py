"""Make phantoms from the command line: `python -m mtunet.phantom samples --out samples`."""

import argparse
import sys
from pathlib import Path

from mtunet.phantom.sample_set import write_samples


def main(arguments: list[str] | None = None) -> int:
    """Write the sample phantoms and their truth; 0 when done."""
    parser = argparse.ArgumentParser(prog="python -m mtunet.phantom", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    samples = commands.add_parser("samples", help="write the sample phantoms as DICOM, with their truth as PNG")
    samples.add_argument("--out", type=Path, required=True, help="folder to write into; files there are replaced")
    chosen = parser.parse_args(arguments)
    for path in write_samples(chosen.out):
        print(f"{path} {path.stat().st_size / 1e6:.2f} MB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
