"""Who signs in by OpenID Connect, and what their roles open: where Streamlit's secrets.toml has [auth].

Streamlit speaks with the provider and keeps what it said in a signed cookie. `[roles]` beside it says who is what:
`claim` names a claim of the identity token, a text or a list ("roles" if it is not said), and `clinician`, `teacher`,
`researcher`, `learner` each list values of it, or e-mail addresses, which count where the provider has verified them. A
value that is a role's own name is that role unless the table lists others for it. Who has no role sees nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from mtunet.study.decisions import READER_LENGTH


class Role(StrEnum):
    CLINICIAN = "clinician"
    TEACHER = "teacher"
    RESEARCHER = "researcher"
    LEARNER = "learner"


EVERYONE = frozenset(Role)
OPEN_TO: Mapping[str, frozenset[Role]] = {
    "Worklist": frozenset({Role.CLINICIAN}),
    "Case": frozenset({Role.CLINICIAN}),
    "Evaluation": frozenset({Role.CLINICIAN, Role.TEACHER, Role.RESEARCHER}),
    "Teaching": EVERYONE,
    "About": EVERYONE,
}
"""Pages by their titles. One that is not listed is nobody's."""
LEADS_A_CLASS = frozenset({Role.TEACHER})
SEES_EVERY_IMAGE = OPEN_TO["Case"]
PROVIDER_NEEDS = ("client_id", "client_secret", "server_metadata_url")
NO_AUTHLIB = (
    "Signing in needs Authlib, which is not installed: python -m pip install 'mtunet[signin]' (in a checkout: "
    "-e '.[signin]'), then start the app again. Until then nobody comes in."
)


class UnusableSignIn(ValueError):
    """What secrets.toml says cannot be used; the sentence says why."""


@dataclass(frozen=True)
class SignIn:
    """providers: as `st.login` takes them, None the one that has no name. origin: of the app, as browsers see it."""

    providers: tuple[str | None, ...]
    origin: str
    secret: str
    table: Mapping[str, Any]

    @property
    def host(self) -> str:
        return urlsplit(self.origin).hostname or ""

    def claims(self, cookies: Mapping[str, str]) -> Mapping[str, Any]:
        """What the provider said of who sends these cookies; {} where nobody has signed in."""

        def cookie(name: str) -> bytes | None:
            return decode_signed_value(self.secret, name, cookies.get(name, ""))

        try:
            claims = json.loads(get_cookie_with_chunks(cookie, USER_COOKIE_NAME) or b"{}")
        except ValueError:
            return {}
        known = isinstance(claims, dict) and claims.get("origin") == self.origin and claims.get("is_logged_in") is True
        return claims if known else {}

    def roles(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        """The roles of who has these claims."""
        told = claims.get(str(self.table.get("claim", "roles")))
        values = {str(value) for value in (told if isinstance(told, list | tuple) else [told]) if value}
        if claims.get("email_verified") is True:
            values.add(str(claims.get("email", "")))
        return frozenset(role for role in Role if values & set(_texts(self.table.get(role.value, role.value))))


def sign_in(secrets: Mapping[str, Any]) -> SignIn | None:
    """What secrets.toml says of signing in; None where it has no [auth]. Raises UnusableSignIn."""
    auth = secrets.get("auth")
    if not auth:
        return None
    named = [name for name, section in auth.items() if isinstance(section, Mapping) and name != "client_kwargs"]
    providers: list[str | None] = [None, *named] if "client_id" in auth else list(named)
    lacking = [f"auth.{key}" for key in ("redirect_uri", "cookie_secret") if not auth.get(key)]
    lacking += [
        f"auth.{name + '.' if name else ''}{key}"
        for name in providers or [None]
        for key in PROVIDER_NEEDS
        if not (auth[name] if name else auth).get(key)
    ]
    if lacking:
        raise UnusableSignIn(f"secrets.toml has [auth] and lacks {', '.join(lacking)}, so nobody could sign in.")
    address = urlsplit(str(auth["redirect_uri"]))
    if not address.netloc or not address.path.endswith("/oauth2callback"):
        raise UnusableSignIn("secrets.toml: auth.redirect_uri is the app's whole address, then /oauth2callback.")
    if len(str(auth["cookie_secret"])) < 32:
        raise UnusableSignIn("secrets.toml: auth.cookie_secret signs who is who; it has to have 32 letters or more.")
    origin = f"{address.scheme}://{address.netloc}"
    return SignIn(tuple(providers), origin, str(auth["cookie_secret"]), dict(secrets.get("roles") or {}))


def name_of(claims: Mapping[str, Any]) -> str:
    """By which a reader is known on record; "" where nobody has signed in."""
    names = (str(claims.get(key) or "") for key in ("name", "preferred_username", "email", "sub"))
    return next((" ".join(name.split())[:READER_LENGTH] for name in names if name.strip()), "")


def authlib_is_there() -> bool:
    return find_spec("authlib") is not None and find_spec("httpx") is not None


def who_asks(signing: SignIn) -> Callable[[Mapping[str, str]], frozenset[Role]]:
    """For the gate: the roles of who sends these cookies."""
    return lambda cookies: signing.roles(signing.claims(cookies))


def _texts(value: Any) -> list[str]:
    return [str(text) for text in (value if isinstance(value, list | tuple) else [value])]
