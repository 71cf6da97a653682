"""The download buttons of a case, where a package that some of them need is absent."""

import importlib.util
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from mtunet.output.exports import EXPORTS


def test_what_cannot_be_made_here_is_shown_and_says_what_to_install(
    analysed: Callable[..., str], open_case: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "highdicom" else real(name, *rest)
    )
    app = open_case(analysed())
    assert not app.exception
    buttons = {button.proto.label: button.proto for button in app.get("download_button")}
    for name, export in EXPORTS.items():
        assert buttons[export.label].disabled == (name in ("seg", "sr", "gsps", "cad", "sc"))
        assert buttons[export.label].help == (export.missing or export.about)
    assert "pip install -e '.[interop]'" in buttons["Segmentation (DICOM SEG)"].help
