"""What this program is made of: every package that it needs as it is installed here, with its version and licence.

`mtunet sbom` writes it as CycloneDX 1.5 JSON, which audits read (`pip-audit`, `grype`, `trivy sbom:…`).
"""

import json
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

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
    waiting, found = _asked_for(), dict[str, Package]()
    while waiting:
        asked = waiting.pop()
        name = re.sub(r"[-_.]+", "-", asked.name).lower()
        if name in found:
            continue
        try:
            about = metadata.distribution(asked.name)
        except metadata.PackageNotFoundError:  # of another system, or an extra that is not wanted here
            continue
        found[name] = Package(name, about.version, _licence(about.metadata))
        needs = map(Requirement, about.requires or ())
        waiting += [one for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    return tuple(found[name] for name in sorted(found))


def _asked_for() -> list[Requirement]:
    """In a checkout by requirements.txt, else by what the installed package says of itself."""
    path = ROOT / "requirements.txt"
    if path.exists():
        lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
        return [Requirement(line) for line in lines if line]
    return [Requirement(line) for line in metadata.requires("mtunet") or ()]


def _licence(about: metadata.PackageMetadata) -> str:
    said = ", ".join(about.get_all("License-Expression") or ())
    kinds = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or () if one.startswith("License :: ")]
    free_text = "".join(about.get_all("License") or ()).strip().splitlines()[:1]
    return said or ", ".join(kinds) or (free_text[0][:60] if free_text else "see its files")


def bill() -> str:
    """The same as CycloneDX 1.5 JSON."""
    listed = [
        {
            "type": "library",
            "name": one.name,
            "version": one.version,
            "purl": f"pkg:pypi/{one.name}@{one.version}",
            "bom-ref": f"pkg:pypi/{one.name}@{one.version}",
            "licenses": [{"license": {"name": one.licence}}],
        }
        for one in components()
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
