"""Images of cross-validations as quiz cases: what a method found, missed and mistook, asked of a reader.

    outcomes/RUN.jsonl.xz    {"run", "method", "phantom_version", "components_sha256"}, then one image per line:
                             {"image", "fold", "outcomes", "spec", "contents"}; "contents" is null where the image is
                             ambiguous and so is not asked

Made with `python -m mtunet.teaching outcomes RUN`, because what a reader can see of an image is only known once it is
drawn. A file that belongs to other results than those under `runs/` is left aside, with a sentence.
"""

import hashlib
import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from mtunet.evaluation import runs
from mtunet.evaluation.outcomes import components
from mtunet.evaluation.pictures import spec_of
from mtunet.evaluation.reading import Results, load
from mtunet.evaluation.run_files import COMPONENTS
from mtunet.files import write_whole
from mtunet.phantom import PHANTOM_VERSION, make_phantom
from mtunet.teaching.contents import contents_of
from mtunet.teaching.items import FromRun, Item, read_item, write_item

FOLDER: Final = Path(__file__).parent / "outcomes"
FAVOURITE: Final = "mtunet"
"""The method whose mistakes are asked, where a run has it."""
ENDING: Final = ".jsonl.xz"
HOW: Final = "python -m mtunet.teaching outcomes"


@dataclass(frozen=True)
class RunCases:
    """What one file holds. images: how many were drawn, ambiguous ones included."""

    run: str
    method: str
    images: int
    cases: tuple[Item, ...]


def run_cases(folder: Path | None = None) -> tuple[Item, ...]:
    """Of every run; [] without any. Files that do not belong are left aside (`problems`)."""
    return tuple(
        case for path in _files(folder) if isinstance(run := _read(*_key(path)), RunCases) for case in run.cases
    )


def cases_of(run: str, folder: Path | None = None) -> RunCases | None:
    """None where the run has no file, or one that does not belong to it."""
    path = (folder or FOLDER) / f"{run}{ENDING}"
    cases = _read(*_key(path)) if path.exists() else None
    return cases if isinstance(cases, RunCases) else None


def problems(folder: Path | None = None) -> list[str]:
    """A sentence for every file that is left aside."""
    return [sentence for path in _files(folder) if isinstance(sentence := _read(*_key(path)), str)]


def find_run_case(id_: str) -> Item | None:
    return next((case for case in run_cases() if case.id == id_), None)


def draw_outcomes(run: Path, folder: Path | None = None) -> Iterator[tuple[str, Item | None]]:
    """Draw every image that the run's method was tested on; the file is written whole at the end.

    Yields its name, and the case or None where more than one answer could be defended. Raises UnreadableRun,
    NotDrawable, and ValueError for a run without outcomes.
    """
    results = load(run)
    method = FAVOURITE if FAVOURITE in results.methods else next(iter(results.methods), "")
    tested = _tested(results, method)
    if not tested:
        raise ValueError(f"{run} has no outcomes of {method}: only cross-validations that are done have outcomes.")
    head = {
        "run": run.name,
        "method": method,
        "phantom_version": PHANTOM_VERSION,
        "components_sha256": fingerprint(run, method),
    }
    lines = [json.dumps(head)]
    for image, (fold, outcomes) in tested.items():
        spec = spec_of(results, image)
        contents = contents_of(make_phantom(spec))
        about = {"image": image, "fold": fold, "outcomes": outcomes}
        if contents.answer is None:
            lines.append(json.dumps({**about, "contents": None}))
            yield image, None
            continue
        case = Item(spec, contents, FromRun(run.name, method, fold, image, outcomes))
        lines.append(json.dumps({**about, **write_item(case)}))
        yield image, case
    write_whole((folder or FOLDER) / f"{run.name}{ENDING}", lzma.compress(("\n".join(lines) + "\n").encode()))


def fingerprint(run: Path, method: str) -> str:
    """Of what became of every region: another text for another result."""
    digest = hashlib.sha256()
    for path in runs.table_files(run, COMPONENTS, method):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _tested(results: Results, method: str) -> dict[str, tuple[int, str]]:
    """Image → fold that tested it, letters of its outcomes; images in which nothing is and nothing was found too."""
    letters: dict[str, set[str]] = {}
    for component in components(results):
        if component.method == method:
            letters.setdefault(component.image, set()).add(component.outcome)
    counts = [count for (name, _, _), count in results.counts.items() if name == method]
    folds = {image: int(fold) for count in counts for image, fold in zip(count.images, count.fold, strict=True)}
    return {image: (fold, "".join(sorted(letters.get(image, ())))) for image, fold in folds.items()} if letters else {}


def _files(folder: Path | None) -> list[Path]:
    return sorted((folder or FOLDER).glob(f"*{ENDING}"))


def _key(path: Path) -> tuple[Path, int, Path]:
    return path, path.stat().st_mtime_ns, runs.RUNS


@cache
def _read(path: Path, _when: int, root: Path) -> RunCases | str:
    try:
        first, *lines = lzma.decompress(path.read_bytes()).decode().splitlines()
        head = json.loads(first)
        run = root / head["run"]
        if head["phantom_version"] != PHANTOM_VERSION:
            return f"The cases of run {head['run']} were drawn by another phantom generator. Draw them again: {HOW}"
        if run.exists() and fingerprint(run, head["method"]) != head["components_sha256"]:
            return f"The cases of run {head['run']} belong to other results than it has now. Draw them again: {HOW}"
        rows = [json.loads(line) for line in lines]
        cases = tuple(_case(head, row) for row in rows if row["contents"] is not None)
        return RunCases(head["run"], head["method"], len(rows), cases)
    except (OSError, ValueError, KeyError, TypeError, lzma.LZMAError) as problem:
        return f"{path.name} holds no cases of a run ({problem!r}). Draw them again: {HOW}"


def _case(head: dict[str, Any], row: dict[str, Any]) -> Item:
    item = read_item(row)
    origin = FromRun(head["run"], head["method"], int(row["fold"]), row["image"], row["outcomes"])
    return Item(item.spec, item.contents, origin)
