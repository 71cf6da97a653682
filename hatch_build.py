"""What a package's metadata says and git or another file knows already: the version, the packages that are needed."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Metadata(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        lines = (line.partition("#")[0].strip() for line in (root / "requirements.txt").read_text().splitlines())
        metadata["dependencies"] = [line for line in lines if line]
        metadata["version"] = runpy.run_path(str(root / "mtunet" / "__init__.py"))["_version"]()
