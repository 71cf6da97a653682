"""People sign in at a provider of OpenID Connect, here on this machine, and see what their roles open."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from mtunet.intake.admission import TEACHING, Origin, take_in
from mtunet.store.images import Store
from mtunet.store.records import now
from tests.browser.conftest import free_port, serving
from tests.browser.test_journeys import settled
from tests.browser.test_served import page_without_key
from tests.painting import drawn_png

pytest.importorskip("authlib", reason="Authlib is not installed (extra signin)")
from joserfc import jwt
from joserfc.jwk import RSAKey

pytestmark = pytest.mark.browser

PEOPLE = {
    "Ada": {"name": "Ada Lovelace", "groups": ["radiology", "all"]},
    "Tom": {"name": "Tom", "groups": ["students"]},
    "Eve": {"name": "Eve", "groups": [], "email": "ada@example.org", "email_verified": False},
}


class Provider(BaseHTTPRequestHandler):
    """As little of a provider as the standard has: whoever is clicked on has signed in."""

    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    nonces: dict[str, str] = {}  # noqa: RUF012 – one provider

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/.well-known/openid-configuration":
            self._say(
                {"issuer": self.base, **{f"{k}_endpoint": f"{self.base}/{k}" for k in ("authorization", "token")}}
                | {"jwks_uri": f"{self.base}/keys", "id_token_signing_alg_values_supported": ["RS256"]}
            )
        elif asked.path == "/keys":
            self._say({"keys": [self.key.as_dict(private=False)]})
        elif asked.path != "/authorization":
            self.send_error(404)
        else:
            links = ""
            for who in PEOPLE:
                Provider.nonces[who] = query.get("nonce", "")
                back = f"{query['redirect_uri']}?{urlencode({'code': who, 'state': query['state']})}"
                links += f'<p><a href="{back.replace("&", "&amp;")}">{who}</a></p>'
            self._answer(links.encode(), "text/html")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        who, made = form["code"][0], int(time.time())
        claims = {"iss": self.base, "sub": who, "aud": "mtunet", "iat": made, "exp": made + 600} | PEOPLE[who]
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims | {"nonce": self.nonces[who]}, self.key)
        self._say({"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    @property
    def base(self) -> str:
        return f"http://{self.headers['Host']}"

    def _say(self, value: object) -> None:
        self._answer(json.dumps(value).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def secrets_file(folder: Path, port: int, provider: str) -> Path:
    path = folder / "secrets.toml"
    path.write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{"s" * 40}"\n'
        'client_id = "mtunet"\nclient_secret = "x"\n'
        f'server_metadata_url = "{provider}/.well-known/openid-configuration"\n'
        '[roles]\nclaim = "groups"\nclinician = ["radiology", "ada@example.org"]\nlearner = ["students"]\n'
    )
    return path


def sign_in(page: Page, who: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=who).click()
    page.get_by_role("heading", name="Sign in").wait_for(state="detached")
    settled(page)


def test_roles_open_their_pages_and_images_and_name_the_reader(page: Page, tmp_path: Path, provider: str) -> None:
    with Store.open(tmp_path / "data") as store:
        patient, drawn = (
            next(iter(take_in(store, drawn_png(seed=seed), "LCC.png", Origin("b", now(), source), "detail"))).sha256
            for seed, source in ((1, "upload"), (2, f"{TEACHING}one"))
        )
    port = free_port()
    secrets = secrets_file(tmp_path, port, provider)
    options = ("--server.address", "0.0.0.0", "--secrets.files", str(secrets))
    with ThreadPoolExecutor(1) as beside, serving(tmp_path, port, "serve.py", *options) as url:

        def status(path: str) -> int:
            return page.request.get(f"{url}/mtunet/{path}").status

        for path in ("/case", "/about"):  # by a websocket of one's own, which has no cookie
            assert beside.submit(asyncio.run, page_without_key(url, path)).result()[0] == "Sign in"
        assert [status(f"image/{each}") for each in (patient, drawn)] == [403, 403]
        page.goto(f"{url}/case?image={patient}")
        sign_in(page, "Ada")
        page.goto(f"{url}/case?image={patient}")
        expect(page.locator(".mtunet-viewer")).to_have_attribute("data-state", "ready")
        expect(page.get_by_label("Reader", exact=True)).to_have_value("Ada Lovelace")
        page.keyboard.press("y")
        expect(page.locator(".stands")).to_contain_text("Recall, by Ada Lovelace")
        page.goto(f"{url}/teaching?show=class")
        expect(page.get_by_text("A class is led by a teacher")).to_be_visible()
        page.get_by_role("button", name="Ada Lovelace: sign out").click()
        page.get_by_role("button", name="Sign in").wait_for()
        assert status(f"image/{patient}") == 403

        sign_in(page, "Tom")
        expect(page).to_have_url(f"{url}/teaching")  # there is no worklist for a learner
        assert page.get_by_role("link", name="Worklist").count() == 0
        assert [status(f"image/{each}") for each in (patient, drawn)] == [403, 200]
        page.goto(f"{url}/case?image={patient}")
        expect(page.get_by_text("You are signed in as Tom, learner.")).to_be_visible()
        assert page.locator(".mtunet-viewer").count() == 0
        page.get_by_role("button", name="Sign out").click()

        sign_in(page, "Eve")  # an address that the provider has not verified is nobody's
        expect(page.get_by_text("You are signed in as Eve, without a role here.")).to_be_visible()
        assert status(f"image/{drawn}") == 403
    with Store.open(tmp_path / "data") as store:
        assert [row["reader"] for row in store.db.query("select reader from decisions")] == ["Ada Lovelace"]
