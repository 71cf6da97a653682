"""The pages on a data folder that the version before made."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from mtunet.detection.triage import RULES_VERSION
from tests.pages.conftest import desk_of
from tests.test_migration import LEFT, put_before


def test_its_case_opens_with_what_was_found_and_decided(data: Path, app: AppTest) -> None:
    put_before(data)
    app.switch_page("pages/case/case.py")
    app.query_params["image"] = LEFT
    app.run()
    told = desk_of(app)
    assert "Ada" in [one["reader"] for one in told["state"]["history"]]
    assert f"Analysed under rules of version 2; this program has version {RULES_VERSION}" in " ".join(told["about"])


def test_its_worklist_shows_the_study(data: Path, app: AppTest) -> None:
    put_before(data)
    app.run()
    assert not app.exception
    said = " ".join(str(part.value) for part in (*app.markdown, *app.caption))
    assert "Ada" in said
