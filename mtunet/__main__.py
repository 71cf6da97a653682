"""The command line: `python -m mtunet analyse`, `inbox`, `receive`, `models`, `samples`.

Nothing heavy is imported before it is needed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mtunet
from mtunet.detection.models import DEFAULT_MODEL, MODELS

FORMATS = ("json", "png", "csv", "pdf", "dicom", "seg", "sr", "gsps")
"""Of `exports.EXPORTS`, written here because that takes a second to import. Masks are files of their own: --masks."""
WITH_IDENTIFIERS = ("seg", "sr", "gsps")
EXIT_CODES = "Exit codes: 0 all analysed, 3 some refused (see refused.csv), 2 wrong usage, 1 failed, 130 stopped."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; wrong usage raises SystemExit(2), as argparse does."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "analyse":
        _refuse_wrong_paths(parser, arguments)
        _refuse_what_cannot_be_made(parser, arguments)
        from mtunet.cli import analyse

        files = list(analyse.find_files(arguments.paths, arguments.out))
        if not files:
            parser.error("there are no files in " + ", ".join(str(path) for path in arguments.paths))
        return analyse.run(files, arguments)
    if arguments.command in ("inbox", "receive"):
        if arguments.command == "inbox" and not arguments.folder.is_dir():
            parser.error(f"there is no folder {arguments.folder}")
        from mtunet.cli import taking_in

        return taking_in.watch(arguments) if arguments.command == "inbox" else taking_in.receive(arguments)
    if arguments.command == "samples":
        from mtunet.cli import samples

        return samples.run(arguments)
    from mtunet.cli import models

    return models.show_card(arguments.card) if arguments.card else models.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mtunet", description=mtunet.__doc__)
    parser.add_argument("--version", action="version", version=mtunet.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    analyse = commands.add_parser(
        "analyse",
        help="find and weigh the calcifications in mammograms",
        description=(
            "Writes STEM.json and STEM.png per image, analysed.csv with a row per image, and refused.csv. The same "
            "command again goes on where it stopped. Not for clinical use."
        ),
        epilog=EXIT_CODES,
    )
    analyse.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="file, zip, or folder with everything in it"
    )
    analyse.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder for the results; made if absent"
    )
    analyse.add_argument("--model", default=DEFAULT_MODEL, choices=list(MODELS), help="default: %(default)s")
    analyse.add_argument("--masks", action="store_true", help="also STEM_mc.png and STEM_bac.png, 0 or 255")
    analyse.add_argument(
        "--format",
        type=_formats,
        default=("json", "png"),
        metavar="LIST",
        help=f"of {', '.join(FORMATS)}, with commas between; default: json,png",
    )
    analyse.add_argument("--again", action="store_true", help="also what an earlier run finished")
    analyse.add_argument(
        "--identified",
        action="store_true",
        help=(
            "seg, sr and gsps with patient, study and image of the original DICOM file, for the archive it came from; "
            "otherwise they name nobody and refer to the image that --format dicom writes"
        ),
    )
    analyse.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="default: %(default)s"
    )
    analyse.add_argument(
        "--ray",
        default="",
        metavar="ADDRESS",
        help="spread the images over the Ray cluster at this address; `local` starts one here",
    )
    _add_taking_in(commands)
    models = commands.add_parser("models", help="list the models and whether their weights are there")
    models.add_argument("--card", choices=list(MODELS), metavar="NAME", help="a model's card, as Markdown")
    samples = commands.add_parser("samples", help="copy the samples and their ground truth into a folder")
    samples.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder; made if absent")
    return parser


def _add_taking_in(commands: Any) -> None:
    inbox = commands.add_parser(
        "inbox",
        help="watch a folder: what is put there comes into the worklist",
        description="Takes in files, zips and folders as they arrive, into MTUNET_DATA (default: data). Ctrl-C ends.",
        epilog=EXIT_CODES,
    )
    inbox.add_argument("folder", type=Path, metavar="DIR")
    inbox.add_argument("--once", action="store_true", help="take in what is there, analyse it and end")
    inbox.add_argument("--remove", action="store_true", help="delete files that were taken in; what is refused stays")
    receive = commands.add_parser(
        "receive",
        help="receive DICOM images over the network (C-STORE)",
        description=(
            "Images go from the network to the reader in memory: no identifier is written. The sender is told success "
            "when an image is on disk. There is no encryption: listen beyond this machine in a trusted network only."
        ),
    )
    receive.add_argument("--host", default="127.0.0.1", help="address to listen at; default: %(default)s")
    receive.add_argument("--port", type=int, default=11112, help="default: %(default)s")
    receive.add_argument("--ae-title", default="MTUNET", metavar="TITLE", help="ours; default: %(default)s")
    receive.add_argument("--only", nargs="+", metavar="TITLE", help="hear these calling AE titles and no others")
    for command in (inbox, receive):
        command.add_argument("--model", default=DEFAULT_MODEL, choices=list(MODELS), help="default: %(default)s")


def _formats(text: str) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [each for each in asked if each not in FORMATS]
    if unknown or not asked:
        found = ", ".join(repr(each) for each in unknown) or "nothing"
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(FORMATS)}, found {found}")
    return asked


def _refuse_what_cannot_be_made(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    from mtunet.output.exports import EXPORTS

    if arguments.identified and not set(arguments.format) & set(WITH_IDENTIFIERS):
        parser.error(f"--identified needs one of {', '.join(WITH_IDENTIFIERS)} in --format: the others name nobody")
    for name in arguments.format:
        if EXPORTS[name].missing:
            parser.error(EXPORTS[name].missing)


def _refuse_wrong_paths(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    for path in arguments.paths:
        if not path.is_file() and not path.is_dir():
            parser.error(f"there is no file or folder {path}")
    if arguments.out.exists() and not arguments.out.is_dir():
        parser.error(f"--out must be a folder, and {arguments.out} is a file")


if __name__ == "__main__":
    sys.exit(main())
