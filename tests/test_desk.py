"""The address that decisions are sent to: what it refuses before it looks; what it keeps is in tests/pages."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from mtunet.case import Box, Calcification
from mtunet.store.decisions import history
from mtunet.store.images import Store
from mtunet.study.decisions import Shown
from pages.case.desk import DESKS, LONGEST, ROUTES, Desk
from pages.shared.roles import SignIn

SHOWN = Shown("detail", "f" * 64, {Calcification.MICRO: 0.5, Calcification.ARTERIAL: 0.5}, "7", "0")
JSON = {"content-type": "application/json"}


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MTUNET_DATA", str(tmp_path))
    found = {("a" * 64, 1): (Calcification.MICRO, Box(1, 2, 3, 4))}
    return f"/mtunet/desk/{DESKS.open(Desk('study', '', SHOWN, {'a' * 64: 'LCC'}, found))}"


def ask(path: str, body: bytes | None = None, query: str = "", headers: dict[str, str] = JSON) -> tuple[int, Any]:
    """Status and JSON of a GET, or of a POST with this body."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET" if body is None else "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "root_path": "",
    }

    async def asked() -> None:
        await Starlette(routes=ROUTES)(scope, receive, send)

    with ThreadPoolExecutor(1) as apart:  # browser tests leave a running loop in the thread of the tests
        apart.submit(asyncio.run, asked()).result()
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(content) if content else None


def test_a_decision_is_on_disk_before_it_is_answered_and_a_look_says_when_there_is_nothing_new(
    address: str, tmp_path: Path
) -> None:
    assert ask(address, query="last=0") == (204, None)
    message = {"reader": "Ada", "act": "finding", "image": "a" * 64, "number": 1, "answer": "agree"}
    status, told = ask(address, json.dumps(message).encode())
    assert (status, told["verdicts"][f"{'a' * 16} 1"]["words"]) == (200, "Agree")
    with Store.open(tmp_path) as store:
        assert [one.id for one in history(store, "study")] == [told["last"]]
    assert ask(address, query=f"last={told['last']}&reader=Ada") == (204, None)
    assert ask(address, query="last=0&reader=Bo")[1] == {**told, "undo": ""}


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (415, b"{}", {"content-type": "text/plain"}),  # what a page of another site may send unasked
        (413, b" " * (LONGEST + 1), JSON),
        (400, b"{", JSON),
        (400, b"[]", JSON),
        (400, b"\xff", JSON),
        (400, b'{"reader": "Ada", "act": "missed", "image": 1, "box": [1, 2, 1e999, 4]}', JSON),
    ],
)
def test_what_is_no_message_of_ours_is_refused(
    address: str, tmp_path: Path, status: int, body: bytes, headers: dict[str, str]
) -> None:
    answered, told = ask(address, body, headers=headers)
    assert (answered, told["sentence"][-1]) == (status, ".")
    with Store.open(tmp_path) as store:
        assert history(store, "study") == ()


def test_who_has_signed_in_decides_under_no_other_name(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing = SignIn((None,), "http://here", "s" * 32, {})
    monkeypatch.setattr("pages.shared.entry.signing_in", lambda: signing)
    message = json.dumps({"reader": "Bo", "act": "study", "answer": "recall"}).encode()
    assert "needs the reader's name" in ask(address, message)[1]["sentence"]  # nobody has
    monkeypatch.setattr(SignIn, "claims", lambda *_: {"name": "Ada L"})
    assert ask(address, message)[1]["stands"].startswith("Recall, by Ada L")


def test_a_desk_that_is_not_open_here_is_not_found(address: str) -> None:
    assert ask(address[:-1] + "x")[0] == 404
    assert ask(address[:-1] + "x", b"{}")[0] == 404
