"""Make phantoms that ship: `python -m mtunet.phantom samples --out samples`, or their contact sheets."""

from collections.abc import Iterable
from pathlib import Path

import click

import mtunet
from mtunet.phantom.sample_set import write_samples
from mtunet.phantom.sheets import make_sheets

out_option = click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder to write into; files there are replaced."
)


@click.group(help="Make phantoms that ship.")
def main() -> None:
    """The commands."""
    mtunet.speak_utf8()


@main.command()
@out_option
def samples(out: Path) -> None:
    """The sample phantoms as DICOM, with their truth as PNG."""
    _tell(write_samples(out))


@main.command()
@out_option
def sheets(out: Path) -> None:
    """Nine seeds of each descriptor, to be looked at."""
    _tell(make_sheets(out))


def _tell(written: Iterable[Path]) -> None:
    for path in written:
        click.echo(f"{path} {path.stat().st_size / 1e6:.2f} MB", err=True)


if __name__ == "__main__":
    main(prog_name="python -m mtunet.phantom")
