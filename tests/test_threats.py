"""No promise without an attack: every row of docs/threats.md names a test that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_threat_names_a_test_that_is_there() -> None:
    lines = (ROOT / "docs" / "threats.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith(("|---", "| threat"))]
    assert len(rows) >= 25
    for row in rows:
        _, _, promise, attack, _ = row.split("|")
        assert promise.strip()
        file, name = re.fullmatch(r" `(tests/[\w/]+\.py)::(test_\w+)` ", attack).groups()  # type: ignore[union-attr]
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), row
