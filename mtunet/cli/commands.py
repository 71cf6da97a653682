"""Every command of `mtunet` (or `python -m mtunet`), as click reads them. Nothing heavy is imported early.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something was refused, 130 stopped.
"""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click

import mtunet
from mtunet.detection.models import DEFAULT_MODEL, MODELS
from mtunet.evaluation import supply
from mtunet.intake import logs

FORMATS = ("json", "png", "csv", "pdf", "dicom", "seg", "sr", "gsps", "cad", "sc")
"""Of `exports.EXPORTS`, written here because that takes a second to import. Masks are files of their own: --masks."""
WITH_IDENTIFIERS = ("seg", "sr", "gsps", "cad", "sc")
EXIT_CODES = (
    "Exit codes: 0 all analysed, 3 some refused, 2 wrong usage, 1 failed or an unexpected error (see the log), 130 "
    "stopped."
)
APP = mtunet.shipped("streamlit_app.py")

model_option = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, type=click.Choice(list(MODELS)), help="Which model looks."
)
folder_option = click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder; made if absent."
)


class Formats(click.ParamType):  # type: ignore[type-arg]
    """A list with commas between."""

    name = "LIST"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        asked = tuple(dict.fromkeys(part.strip().lower() for part in str(value).split(",") if part.strip()))
        unknown = [each for each in asked if each not in FORMATS]
        if unknown or not asked:
            seen = ", ".join(repr(each) for each in unknown) or "nothing"
            self.fail(f"expected some of {', '.join(FORMATS)}, found {seen}", param, ctx)
        return asked


def _version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"mtunet {mtunet.__version__}")
        context.exit()


@click.group(name="mtunet", help=mtunet.__doc__, epilog="Research demonstration, not for clinical use.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version and end."
)
@click.option("--verbose", is_flag=True, help="Say on the screen what goes into the log.")
def cli(verbose: bool) -> None:
    logs.set_up(verbose=verbose)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.option("--port", default=8501, show_default=True, help="Where the app is served.")
@click.option("--address", default="", help="An address of this machine in a network; else only this machine sees it.")
@click.argument("streamlit", nargs=-1, type=click.UNPROCESSED)
def app(port: int, address: str, streamlit: tuple[str, ...]) -> None:
    """Serve the app. What follows goes to `streamlit run` as it is."""
    beyond = ("--server.address", address, "--browser.serverAddress", address) if address else ()
    call = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port), *beyond, *streamlit]
    if sys.platform == "win32":  # it knows no exec that waits
        sys.exit(subprocess.call(call))
    os.execv(sys.executable, call)  # so that who stops us stops the app; it finds its configuration beside the script


@cli.command(epilog=EXIT_CODES)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@folder_option
@model_option
@click.option("--masks", is_flag=True, help="Also STEM_mc.png and STEM_bac.png, 0 or 255.")
@click.option(
    "--format",
    "formats",
    type=Formats(),
    default="json,png",
    show_default=True,
    help=f"Of {', '.join(FORMATS)}, with commas between.",
)
@click.option("--again", is_flag=True, help="Also what an earlier run finished.")
@click.option(
    "--identified",
    is_flag=True,
    help="seg, sr, gsps, cad and sc with patient, study and image of the original DICOM file, for its archive; "
    "otherwise they name nobody and refer to the image that --format dicom writes.",
)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--ray", default="", metavar="ADDRESS", help="Spread the images over this cluster; `local` starts one.")
def analyse(paths: tuple[Path, ...], out: Path, formats: tuple[str, ...], identified: bool, **others: object) -> int:
    """Find and weigh the calcifications in files, zips and folders.

    Writes STEM.json and STEM.png per image, analysed.csv with a row per image, and refused.csv. The same command again
    goes on where it stopped. Not for clinical use.
    """
    for path in paths:
        if not os.path.isfile(path) and not os.path.isdir(path):  # Path's own raise where nobody may ask
            raise click.UsageError(f"there is no file or folder {path}")
    if os.path.exists(out) and not os.path.isdir(out):
        raise click.UsageError(f"--out must be a folder, and {out} is a file")
    if identified and not set(formats) & set(WITH_IDENTIFIERS):
        raise click.UsageError(
            f"--identified needs one of {', '.join(WITH_IDENTIFIERS)} in --format: the others name nobody"
        )
    from mtunet.output.exports import EXPORTS

    if absent := next((EXPORTS[name].missing for name in formats if EXPORTS[name].missing), ""):
        raise click.UsageError(absent)
    from mtunet.cli import batch

    try:
        files = list(batch.find_files(list(paths), out))
    except OSError as problem:
        raise click.ClickException(f"{problem.filename} cannot be looked into ({problem.strerror})") from None
    if not files:
        raise click.UsageError("there are no files in " + ", ".join(str(path) for path in paths))
    folders = tuple(path for path in paths if path.is_dir())
    options = batch.Options(out=out, formats=formats, identified=identified, folders=folders, **others)  # type: ignore[arg-type]
    return batch.run(files, options)


@cli.command(epilog=EXIT_CODES)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--once", is_flag=True, help="Take in what is there, analyse it and end.")
@click.option("--remove", is_flag=True, help="Delete files that were taken in; what is refused stays.")
@model_option
def inbox(folder: Path, once: bool, remove: bool, model: str) -> int:
    """Watch a folder: what is put there comes into the worklist.

    Takes in files, zips and folders as they arrive, into MTUNET_DATA (default: data). Ctrl-C ends.
    """
    if not os.path.isdir(folder):
        raise click.UsageError(f"there is no folder {folder}")
    from mtunet.cli import taking_in

    return taking_in.watch(folder, model, once=once, remove=remove)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=11112, show_default=True)
@click.option("--ae-title", default="MTUNET", show_default=True, metavar="TITLE", help="Ours.")
@click.option("--only", multiple=True, metavar="TITLE...", help="Hear these calling AE titles and no others.")
@click.option("--strict", is_flag=True, help="Turn away who calls us by another AE title than ours.")
@click.option(
    "--return",
    "back",
    default="",
    metavar="AE@HOST:PORT|URL",
    help="Send results (seg, sr, cad, gsps) back to this archive, into the study that the image is of.",
)
@click.argument("more", nargs=-1, metavar="")
@model_option
def receive(
    host: str,
    port: int,
    ae_title: str,
    only: tuple[str, ...],
    more: tuple[str, ...],
    strict: bool,
    back: str,
    model: str,
) -> int:
    """Receive DICOM images over the network (C-STORE).

    Images go from the network to the reader in memory: no identifier is written, unless results are to go back
    (--return): then the header is held encrypted in the data folder, its key beside it, until they are delivered. The
    sender is told success when an image is on disk; reports, presentation states and other kinds are taken and dropped.
    There is no encryption on the network: listen beyond this machine in a trusted network only.
    """
    if more and not only:
        raise click.UsageError(f"unexpected: {' '.join(more)}")
    from mtunet.cli import taking_in

    return taking_in.receive(host, port, ae_title, (*only, *more), model, strict=strict, back=back)


@cli.command(epilog=EXIT_CODES)
@click.argument("address", metavar="ADDRESS")
@click.option("--patient", default="", metavar="ID", help="All studies of this patient, priors included.")
@click.option("--accession", default="", metavar="NUMBER")
@click.option("--study", default="", metavar="UID")
@click.option("--ae-title", default="MTUNET", show_default=True, metavar="TITLE", help="Ours, for C-FIND and C-GET.")
@model_option
def pull(address: str, patient: str, accession: str, study: str, ae_title: str, model: str) -> int:
    """Fetch mammograms from an archive, and analyse them.

    ADDRESS is the root of its DICOMweb service (http://host:8042/dicom-web), or AE@host:port for C-FIND and C-GET. What
    is asked for is written nowhere.
    """
    if not (patient or accession or study):
        raise click.UsageError("say which: --patient, --accession or --study")
    from mtunet.cli import taking_in

    return taking_in.fetch(address, patient, accession, study, model, ae_title)


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def check(files: tuple[Path, ...]) -> int:
    """Have DICOM files checked by the programs of others that are installed (dicom3tools, dcmtk).

    Says what dciodvfy, dcmdump, dsrdump and, of several files, dcentvfy find wrong. Exit codes: 0 nothing, 1 something,
    2 none of them is installed.
    """
    from mtunet.cli import checking

    return checking.run(files)


@cli.command()
@click.option("--card", type=click.Choice(list(MODELS)), metavar="NAME", help="A model's card, as Markdown.")
def models(card: str | None) -> int:
    """List the models and whether their weights are there."""
    from mtunet.cli import shipped

    return shipped.show_card(card) if card else shipped.list_models()


@cli.command()
@folder_option
def samples(out: Path) -> int:
    """Copy the samples, and their ground truth into `truth` beside them."""
    from mtunet.cli import shipped

    return shipped.copy_samples(out)


@cli.command()
def sbom() -> int:
    """Say what this program is made of, as CycloneDX JSON, for audits and licences."""
    click.echo(supply.bill())
    return 0


NO_DATABASE = (
    "No database of advisories was named, so NOTHING WAS CHECKED. This command asks nobody: fetch one where there is a "
    "network (the PyPI zip of osv.dev, or the files of github.com/pypa/advisory-database as OSV JSON) and name it with "
    "--database. Where this machine may ask PyPI: pip install pip-audit, then pip-audit --disable-pip -r "
    "requirements.lock."
)


@cli.command(epilog="Exit codes: 0 nothing known, 1 something is, 4 nothing was checked.")
@click.option("--database", type=click.Path(path_type=Path), metavar="DIR", help="OSV JSON files, or a zip.")
def audit(database: Path | None) -> int:
    """Compare the packages that this program needs with known weaknesses, from a database on this machine."""
    if database is None:
        click.echo(NO_DATABASE, err=True)
        return 4
    if not database.exists():
        raise click.UsageError(f"there is no folder or file {database}")
    installed = supply.components()
    read, advisories = supply.advisories(database, installed)
    if not read:
        click.echo(f"{database} holds no advisories in the OSV format, so NOTHING WAS CHECKED.", err=True)
        return 4
    for advisory in advisories:
        mended = f"; mended in {', '.join(advisory.fixed)}" if advisory.fixed else ""
        click.echo(f"{advisory.package.name} {advisory.package.version}: {advisory.name}: {advisory.summary}{mended}")
    click.echo(f"{len(installed)} packages were compared with {read} advisories: {len(advisories)} touch them.")
    return 1 if advisories else 0


def _forward(name: str, module: str, sentence: str) -> None:
    """A command whose words are another module's: loaded when it is called, as training brings torch."""

    @cli.command(name, help=f"{sentence} `mtunet {name} --help` lists it.", context_settings=AS_IT_IS)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def forward(arguments: tuple[str, ...]) -> None:
        import_module(module).main(list(arguments), f"mtunet {name}")


AS_IT_IS = {"ignore_unknown_options": True, "help_option_names": []}
_forward("train", "training.__main__", "Train and measure: as `python -m training`.")
_forward("data", "training.data.__main__", "Check a data set on disk: as `python -m training.data`.")
_forward("phantom", "mtunet.phantom.__main__", "Make phantoms that ship: as `python -m mtunet.phantom`.")
_forward("teaching", "mtunet.teaching.__main__", "Make what teaching ships: as `python -m mtunet.teaching`.")
