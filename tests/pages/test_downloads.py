"""The download buttons of a case, where a package that some of them need is absent."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mtunet.output.exports import EXPORTS
from mtunet.store.images import Store
from mtunet.store.outbox import SENT, Outbox
from tests.pages.conftest import open_drawer


def test_what_cannot_be_made_here_is_shown_and_says_what_to_install(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "highdicom" else real(name, *rest)
    )
    app = open_drawer(open_case(analysed()), "files")
    assert not app.exception
    buttons = {button.proto.label: button.proto for button in app.get("download_button")}
    for name, export in EXPORTS.items():
        assert buttons[export.label].disabled == (name in ("seg", "sr", "gsps", "cad", "sc"))
        assert buttons[export.label].help == (export.missing or export.about)
    assert "pip install -e '.[interop]'" in buttons["Segmentation (DICOM SEG)"].help


def test_what_became_of_results_on_their_way_to_an_archive_is_said(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], data: Path
) -> None:
    sha256 = analysed()
    with Store.open(data) as store:
        outbox = Outbox(store)
        outbox.hold(sha256, "PACS@host:104", b"sealed")
        [[one]] = outbox.due(0.0, 60.0)
        outbox.put_off([one], 0.0, "PACS did not answer. It is tried again.", failed=True)
    waits = [caption.value for caption in open_drawer(open_case(sha256), "files").caption]
    assert "Results for PACS (PACS@host:104): 1 waiting. PACS did not answer. It is tried again." in waits
    with Store.open(data) as store:
        Outbox(store).end([one], SENT, "4 objects stored.")
    sent = [caption.value for caption in open_drawer(open_case(sha256), "files").caption]
    assert any("Results sent to PACS (PACS@host:104) at" in said for said in sent)
