"""No promise without its test: every row of docs/threats.md and docs/mammography-display.md names one that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_threat_names_a_test_that_is_there() -> None:
    rows = table("threats.md", "threat")
    assert len(rows) >= 25
    for _, promise, attack in rows:
        assert promise.strip()
        assert is_a_test(attack), attack


def test_what_a_display_is_to_do_is_tested_or_said_not_to_be_met() -> None:
    rows = [row for row in table("mammography-display.md", "the actor") if len(row) == 4]
    assert len(rows) >= 18
    for demand, here, why, test in rows:
        assert why, demand
        assert here in ("met", "partly", "not met")
        assert test == "–" if here == "not met" else is_a_test(test), demand


def table(name: str, head: str) -> list[list[str]]:
    lines = (ROOT / "docs" / name).read_text().splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith(("|---", f"| {head}"))]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


def is_a_test(cell: str) -> bool:
    found = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", cell)
    return (
        found is not None and re.search(rf"^def {found[2]}\(", (ROOT / found[1]).read_text(), re.MULTILINE) is not None
    )
