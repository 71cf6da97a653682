"""Who may come in: hosts, origins, headers and the key, each as an attacker would try it."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from mtunet.study.decisions import READER_LENGTH
from pages.shared.gate import COOKIE, Gate, beyond_this_machine, key_for
from pages.shared.roles import OPEN_TO, SEES_EVERY_IMAGE, Role, UnusableSignIn, name_of, sign_in, who_asks

IN_A_ROOM, ELSEWHERE = "a" * 64, "b" * 64


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """What the gate keeps: says that it was reached."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(gate: Gate, path: str = "/", kind: str = "http", query: str = "", **headers: str) -> dict[str, Any]:
    """status, headers and body; of a websocket whether it was accepted."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    with pytest.raises(StopIteration):  # nothing here waits, so the first step is the last, and no loop is needed
        gate(scope, receive, send).send(None)
    if kind == "websocket":
        return {"accepted": sent[0]["type"] == "websocket.accept"}
    named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return {"status": sent[0]["status"], "headers": named, "body": b"".join(m.get("body", b"") for m in sent)}


LOCAL = Gate(behind)
KEYED = Gate(behind, ["192.168.1.20"], key="right", in_a_room=lambda sha256: sha256 == IN_A_ROOM)


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:8501", "LOCALHOST.", "[::1]:8501"])
def test_this_machine_comes_in_by_its_own_names(host: str) -> None:
    assert ask(LOCAL, host=host)["body"] == b"inside"
    assert ask(LOCAL, kind="websocket", host=host, origin=f"http://{host}")["accepted"]


@pytest.mark.parametrize(
    "host",
    ["evil.example:8501", "", "127.0.0.1.evil.example", "localhost@evil.example", "127.0.0.1:x", "evil.example#"],
)
def test_a_name_that_was_bound_to_this_machine_by_somebody_else_gets_nothing(host: str) -> None:
    for path in ("/", "/mtunet/image/" + "0" * 64, "/_stcore/health"):
        assert ask(LOCAL, path, host=host)["status"] == 421
    assert not ask(LOCAL, kind="websocket", host=host, origin=f"http://{host}")["accepted"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8501"])
def test_a_page_of_another_origin_gets_nothing(origin: str) -> None:
    assert ask(LOCAL, "/_stcore/upload_file/x", host="127.0.0.1:8501", origin=origin)["status"] == 403
    assert not ask(LOCAL, "/_stcore/stream", "websocket", host="127.0.0.1:8501", origin=origin)["accepted"]
    trusted = Gate(behind, origins=[origin])
    if origin != "null":
        assert ask(trusted, host="127.0.0.1:8501", origin=origin)["status"] == 200


def test_every_answer_keeps_out_of_frames_and_guesses_no_type() -> None:
    for answer in (ask(LOCAL, host="localhost"), ask(LOCAL, host="evil.example")):
        assert "frame-ancestors 'self'" in answer["headers"]["content-security-policy"]
        assert answer["headers"]["x-content-type-options"] == "nosniff"
        assert answer["headers"]["referrer-policy"] == "same-origin"


def test_metrics_are_closed() -> None:
    assert ask(LOCAL, "/_stcore/metrics", host="localhost")["status"] == 404


def test_the_key_opens_everything_and_leaves_the_address() -> None:
    first = ask(KEYED, "/case", query="image=x&key=right", host="192.168.1.20:8501")
    assert (first["status"], first["headers"]["location"]) == (303, "/case?image=x")
    assert "HttpOnly" in first["headers"]["set-cookie"]
    cookie = first["headers"]["set-cookie"].split(";")[0]
    assert cookie == f"{COOKIE}=right"
    picture = f"/mtunet/image/{ELSEWHERE}"
    assert ask(KEYED, picture, host="192.168.1.20:8501", cookie=cookie)["body"] == b"inside"


@pytest.mark.parametrize("cookie", ["", f"{COOKIE}=wrong", f"{COOKIE}=", "=;;=", f"{COOKIE}=righ\xe9"])
def test_without_the_key_there_is_the_program_and_what_a_class_is_shown(cookie: str) -> None:
    def status(path: str, query: str = "") -> int:
        return int(ask(KEYED, path, query=query, host="192.168.1.20:8501", cookie=cookie)["status"])

    assert [status(path) for path in ("/", "/teaching", "/static/js/main.js", "/_stcore/health")] == [200] * 4
    assert status(f"/mtunet/image/{IN_A_ROOM}") == 200
    assert status(f"/mtunet/image/{ELSEWHERE}") == 403
    for sha256 in (IN_A_ROOM, ELSEWHERE):  # what the model found is no part of a question
        assert status(f"/mtunet/thumbnail/{sha256}") == status(f"/mtunet/map/{sha256}/detail-pair/mc") == 403
    assert status(f"/mtunet/image/../image/{ELSEWHERE}") == 403
    wrong = ask(KEYED, "/", query="key=wrong", host="192.168.1.20:8501", cookie=cookie)
    assert "set-cookie" not in wrong["headers"]


def test_a_server_for_everybody_with_a_key_goes_by_any_name_and_under_a_path() -> None:
    gate = Gate(behind, key="right", base="/mammo")
    assert ask(gate, "/mammo/case", host="mammo.example")["status"] == 200
    assert ask(gate, f"/mammo/mtunet/image/{ELSEWHERE}", host="mammo.example")["status"] == 403
    assert ask(gate, "/", host="")["status"] == 421


@given(st.text(max_size=40).filter(lambda text: text.isascii()))
def test_no_text_is_a_key(text: str) -> None:
    sent = text.replace("\r", "").replace("\n", "")
    cookie = f"{COOKIE}={sent}"
    assert ask(KEYED, f"/mtunet/image/{ELSEWHERE}", host="localhost", cookie=cookie)["status"] == 403


def test_a_key_is_needed_beyond_this_machine_and_stays_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MTUNET_KEY", raising=False)
    here = ["127.0.0.1", "localhost", "::1", "[::1]", "127.3.2.1"]
    assert [address for address in here if beyond_this_machine(address)] == []
    assert all(beyond_this_machine(address) for address in ("0.0.0.0", "::", "192.168.1.20", "host.example", "", None))
    assert key_for("127.0.0.1", tmp_path / "data") is None
    key = key_for("0.0.0.0", tmp_path / "data")
    assert key
    assert len(key) >= 32
    assert key_for("192.168.1.20", tmp_path / "data") == key
    assert stat.S_IMODE((tmp_path / "data" / "key").stat().st_mode) == 0o600
    monkeypatch.setenv("MTUNET_KEY", "mine")
    assert key_for("0.0.0.0", tmp_path / "data") == "mine"
    monkeypatch.setenv("MTUNET_KEY", "none")
    assert key_for("0.0.0.0", tmp_path / "data") is None


SECRETS = {
    "auth": {
        "redirect_uri": "https://mammo.example/oauth2callback",
        "cookie_secret": "s" * 40,
        "client_id": "mtunet",
        "client_secret": "x",
        "server_metadata_url": "https://provider.example/.well-known/openid-configuration",
    },
    "roles": {"claim": "groups", "clinician": ["radiology", "ada@example.org"], "learner": "students"},
}


def signed(secret: str = "s" * 40, origin: str = "https://mammo.example", **claims: Any) -> str:
    said = json.dumps({"origin": origin, "is_logged_in": True, **claims})
    return f"{USER_COOKIE_NAME}={create_signed_value(secret, USER_COOKIE_NAME, said).decode()}"


def test_who_signs_in_has_the_roles_that_the_table_gives() -> None:
    signing = sign_in(SECRETS)
    assert signing is not None
    assert (signing.host, signing.providers) == ("mammo.example", (None,))

    def roles(**claims: Any) -> list[str]:
        return sorted(signing.roles(claims))

    assert roles(groups=["students", "radiology"]) == ["clinician", "learner"]
    assert roles(groups="teacher") == ["teacher"]  # a role's own name, where the table lists nothing for it
    assert roles(groups="clinician") == roles(groups=None) == roles(groups=[""]) == roles() == []
    assert roles(email="ada@example.org", email_verified=True) == ["clinician"]
    assert roles(email="ada@example.org") == roles(email="ada@example.org", email_verified="true") == []
    assert name_of({"name": " Ada \n Lovelace ", "sub": "1"}) == "Ada Lovelace"
    assert name_of({"name": " ", "email": "x" * 500}) == "x" * READER_LENGTH
    assert set(OPEN_TO) >= {"Worklist", "Case"}
    assert not any(OPEN_TO[title] & {Role.LEARNER, Role.TEACHER, Role.RESEARCHER} for title in ("Worklist", "Case"))


def test_only_a_cookie_that_we_signed_for_this_address_opens_anything() -> None:
    signing = sign_in(SECRETS)
    assert signing is not None
    gate = Gate(
        behind,
        ["mammo.example"],
        in_a_room=lambda sha256: sha256 == IN_A_ROOM,
        for_teaching=lambda sha256: sha256 == "c" * 64,
        roles=who_asks(signing),
        sees_all=SEES_EVERY_IMAGE,
    )

    def status(sha256: str, cookie: str, kind: str = "image") -> int:
        return int(ask(gate, f"/mtunet/{kind}/{sha256}", host="mammo.example", cookie=cookie)["status"])

    clinician, learner = signed(groups=["radiology"]), signed(groups=["students"])
    assert [status(each * 64, clinician, "map") for each in "abc"] == [200] * 3
    assert [status(each * 64, learner) for each in "abc"] == [200, 403, 200]
    assert [status(each * 64, learner, "thumbnail") for each in "abc"] == [403, 403, 200]
    assert [status(each * 64, signed(groups=[])) for each in "abc"] == [200, 403, 403]
    lesson = ask(gate, "/mtunet/teaching/lesson/skin.webp", host="mammo.example", cookie=learner)
    assert lesson["status"] == 200  # it ships, and is of nobody
    for forged in (
        "",
        signed("another secret that somebody made up..", groups=["radiology"]),
        signed(origin="https://evil.example", groups=["radiology"]),
        signed(is_logged_in=False, groups=["radiology"]),
        f"{USER_COOKIE_NAME}={json.dumps({'is_logged_in': True, 'groups': ['radiology']})}",
        clinician[:-3],
        clinician.replace(USER_COOKIE_NAME, COOKIE),
    ):
        assert status(ELSEWHERE, forged) == 403, forged
    assert ask(gate, "/oauth2callback", query="code=x&state=y", host="mammo.example")["status"] == 200
    assert ask(gate, "/auth/login", host="evil.example")["status"] == 421


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cookie_secret": ""}, "auth.cookie_secret"),
        ({"cookie_secret": "short"}, "32 letters"),
        ({"redirect_uri": "mammo.example"}, "whole address"),
        ({"client_secret": ""}, "auth.client_secret"),
        ({"client_id": "", "okta": {"client_id": "x"}}, "auth.okta.client_secret"),
    ],
)
def test_half_a_sign_in_is_a_sentence_and_opens_nothing(change: dict[str, Any], said: str) -> None:
    assert sign_in({"other": {}}) is None
    auth = {key: value for key, value in (SECRETS["auth"] | change).items() if value != ""}
    with pytest.raises(UnusableSignIn, match=said):
        sign_in(SECRETS | {"auth": auth})
