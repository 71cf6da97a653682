"""What this program is made of: every package that it needs as it is installed here, with its version and licence.

`mtunet sbom` writes it as CycloneDX 1.5 JSON, which audits read (`pip-audit`, `grype`, `trivy sbom:…`). `mtunet audit`
compares it with a folder of advisories in the OSV format (https://ossf.github.io/osv-schema), and asks nobody.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

import mtunet

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Package:
    """licence: as the package says it, by its SPDX name where it gives one."""

    name: str
    version: str
    licence: str


def components() -> tuple[Package, ...]:
    """What is needed and installed, and what that needs, by name. Extras that are installed are among them."""
    waiting, packages = _asked_for(), dict[str, Package]()
    while waiting:
        asked = waiting.pop()
        name = _plain(asked.name)
        if name in packages:
            continue
        try:
            about = metadata.distribution(asked.name)
        except metadata.PackageNotFoundError:  # of another system, or an extra that is not wanted here
            continue
        packages[name] = Package(name, about.version, _licence(about.metadata))
        needs = map(Requirement, about.requires or ())
        waiting += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return tuple(packages[name] for name in sorted(packages))


def _plain(name: str) -> str:
    """As package registries compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _asked_for() -> list[Requirement]:
    """In a checkout by requirements.txt, else by what the installed package says of itself."""
    path = ROOT / "requirements.txt"
    if path.exists():
        lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
        return [Requirement(line) for line in lines if line]
    return [Requirement(line) for line in metadata.requires("mtunet") or ()]


def _licence(about: metadata.PackageMetadata) -> str:
    expression = ", ".join(about.get_all("License-Expression") or ())
    kinds = [
        classifier.rpartition(" :: ")[2]
        for classifier in about.get_all("Classifier") or ()
        if classifier.startswith("License :: ")
    ]
    free_text = "".join(about.get_all("License") or ()).strip().splitlines()[:1]
    return expression or ", ".join(kinds) or (free_text[0][:60] if free_text else "see its files")


def bill() -> str:
    """The same as CycloneDX 1.5 JSON."""
    listed = [
        {
            "type": "library",
            "name": package.name,
            "version": package.version,
            "purl": f"pkg:pypi/{package.name}@{package.version}",
            "bom-ref": f"pkg:pypi/{package.name}@{package.version}",
            "licenses": [{"license": {"name": package.licence}}],
        }
        for package in components()
    ]
    this = {"type": "application", "name": "mtunet", "version": mtunet.__version__, "bom-ref": "mtunet"}
    return json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {"component": this | {"licenses": [{"license": {"id": "Apache-2.0"}}]}},
            "components": listed,
        },
        indent=1,
    )


@dataclass(frozen=True)
class Advisory:
    """A weakness that is known of an installed package. fixed: the versions that mend it, as far as it says."""

    package: Package
    name: str
    summary: str
    fixed: tuple[str, ...]


def advisories(database: Path, installed: Sequence[Package]) -> tuple[int, tuple[Advisory, ...]]:
    """How many advisories a folder of OSV files holds (*.json, at any depth; or a zip of them, as osv.dev has), and
    those that touch what is installed. Raises OSError; a file that is no advisory counts for nothing.
    """
    by_name = {package.name: package for package in installed}
    read, matches = 0, list[Advisory]()
    for advisory in _advisories(database):
        read += 1
        for affected in advisory.get("affected") or ():
            about = affected.get("package") or {}
            package = by_name.get(_plain(str(about.get("name", ""))))
            if (
                package is None
                or about.get("ecosystem") != "PyPI"
                or advisory.get("withdrawn")
                or not _touches(affected, package)
            ):
                continue
            events = [event for span in affected.get("ranges") or () for event in span.get("events") or ()]
            fixed = tuple(str(event["fixed"]) for event in events if "fixed" in event)
            matches.append(
                Advisory(
                    package,
                    str(advisory["id"]),
                    str(advisory.get("summary") or advisory.get("details") or "")[:200],
                    fixed,
                )
            )
    return read, tuple(sorted(matches, key=lambda advisory: (advisory.package.name, advisory.name)))


def _advisories(database: Path) -> Iterator[Mapping[str, Any]]:
    if database.is_file():
        with zipfile.ZipFile(database) as archive:
            texts = [archive.read(name) for name in archive.namelist() if name.endswith(".json")]
    else:
        texts = [path.read_bytes() for path in sorted(database.rglob("*.json"))]
    for text in texts:
        try:
            advisory = json.loads(text)
        except ValueError:
            continue
        if isinstance(advisory, dict) and isinstance(advisory.get("id"), str) and "affected" in advisory:
            yield advisory


def _touches(affected: Mapping[str, Any], package: Package) -> bool:
    """By the versions that are listed, or by a range from `introduced` to before `fixed`, or to `last_affected`."""
    if package.version in (affected.get("versions") or ()):
        return True
    version = _version(package.version)
    for within in affected.get("ranges") or ():
        if within.get("type") != "ECOSYSTEM":
            continue
        inside = False
        for event in sorted(within.get("events") or (), key=lambda event: _version(str(next(iter(event.values()))))):
            kind, at = next(iter(event.items()))
            if kind == "introduced" and version >= _version(str(at)):
                inside = True
            elif (kind == "fixed" and version >= _version(str(at))) or (
                kind == "last_affected" and version > _version(str(at))
            ):
                inside = False
        if inside:
            return True
    return False


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")
