from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in (ROOT / "pages").glob("*/*.py") if page.stem == page.parent.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_opens_and_says_what_it_is_not(app: AppTest, page: Path) -> None:
    app.run()
    app.switch_page(f"pages/{page.stem}/{page.name}").run()
    assert not app.exception
    assert [c.value for c in app.caption if "not for clinical use" in c.value]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_is_in_the_menu(page: Path) -> None:
    assert f'"pages/{page.stem}/{page.name}"' in (ROOT / "streamlit_app.py").read_text()


def test_no_page_has_an_icon_that_would_be_fetched_from_elsewhere() -> None:
    assert "icon=" not in (ROOT / "streamlit_app.py").read_text()
    assert 'page_icon=":' not in (ROOT / "pages" / "shared" / "entry.py").read_text()


def test_the_server_is_closed_to_the_network_and_keeps_its_errors_to_itself() -> None:
    import tomllib

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    server, client = config["server"], config["client"]
    assert server["address"] == "127.0.0.1"
    assert server["enableXsrfProtection"]
    assert server["enableCORS"]
    assert not server["enableStaticServing"]
    assert "enableAgentApi" not in server
    assert client["showErrorDetails"] == "none"
    assert not client["showErrorLinks"]
    assert not config["browser"]["gatherUsageStats"]


def test_text_colours_have_enough_contrast() -> None:
    import tomllib

    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    for mode in ("light", "dark"):
        for ground in ("backgroundColor", "secondaryBackgroundColor"):
            for text in ("textColor", "linkColor", "redColor", "orangeColor", "blueColor", "violetColor", "grayColor"):
                ratio = contrast(theme[mode][text], theme[mode][ground])
                assert ratio >= 4.5, f"{mode}: {text} on {ground} has {ratio:.1f}"


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    lights = sorted((luminance(one), luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
