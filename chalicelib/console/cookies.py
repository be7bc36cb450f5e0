"""The console's cookies: how they are written and read.

The browser of a person is all that ever holds them: scripts cannot read the session, and over
https its name binds it to this very host.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from chalicelib.core.settings import settings

SESSION, DOOR, NOTICE, THEME = "sessao", "porta", "aviso", "tema"
DAY_SECONDS = 86_400
REMEMBERED_DAYS = 30  # After its end, so that whoever comes back is told that it has ended.
PARTS = 4


@dataclass(frozen=True)
class SignIn:
    """What the session cookie holds.

    Attributes:
        access_token: Says for some minutes who it is.
        refresh_token: Gets the next pair; of one family from signing in on.
        secret: Stays the same from signing in to signing out; forms are bound to it.
        name: What the person is called, to be shown.
    """

    access_token: str
    refresh_token: str
    secret: str
    name: str

    def packed(self) -> str:
        """As the value of a cookie."""
        return "~".join((self.access_token, self.refresh_token, self.secret, _pack(self.name)))

    @classmethod
    def unpacked(cls, value: str) -> Self | None:
        """Read off a cookie; None when it is none of ours."""
        parts = value.split("~")
        if len(parts) != PARTS or not all(parts):
            return None
        access_token, refresh_token, secret, packed_name = parts
        name = _unpack(packed_name)
        return cls(access_token, refresh_token, secret, name) if isinstance(name, str) else None


def read_cookies(header: str) -> dict[str, str]:
    """The console's cookies of a `Cookie` header, by their short names.

    Programs on other ports of a host send theirs along, in whatever shape; the standard library
    gives up at the first that it does not like, and with it what comes after.
    """
    pairs = (part.strip().partition("=") for part in header.split(";"))
    found = {name: value for name, _, value in pairs}
    names = (SESSION, DOOR, NOTICE, THEME)
    return {name: found[full_name(name)] for name in names if full_name(name) in found}


def full_name(name: str) -> str:
    """As the browser knows the cookie. Over https no other host can set one of this name."""
    if name == THEME:
        return f"previsto-{name}"  # The page's own script writes it.
    return f"__Host-previsto-{name}" if _is_secure() else f"previsto-{name}"


def set_cookie(name: str, value: str, seconds: int | None = None) -> str:
    """A `Set-Cookie` header.

    Args:
        name: The short name.
        value: Without blanks, commas and semicolons.
        seconds: How long the browser keeps it; until it is closed when left out.
    """
    parts = [f"{full_name(name)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if _is_secure():
        parts.append("Secure")
    if seconds is not None:
        parts.append(f"Max-Age={seconds}")
    return "; ".join(parts)


def remove_cookie(name: str) -> str:
    """A `Set-Cookie` header that ends a cookie."""
    return set_cookie(name, "", 0)


def session_cookie(sign_in: SignIn) -> str:
    """A `Set-Cookie` header that keeps a session longer than its refresh token lives."""
    days = settings().refresh_token_days + REMEMBERED_DAYS
    return set_cookie(SESSION, sign_in.packed(), days * DAY_SECONDS)


def notice_cookie(kind: str, text: str) -> str:
    """A `Set-Cookie` header by which the next page says something once."""
    return set_cookie(NOTICE, _pack({"kind": kind, "text": text}), 60)


def read_notice(value: str) -> Mapping[str, str] | None:
    """What `notice_cookie` packed."""
    found = _unpack(value)
    if isinstance(found, dict) and {"kind", "text"} == found.keys():
        return {name: str(part) for name, part in found.items()}
    return None


def _is_secure() -> bool:
    return settings().base_url.startswith("https://")


def _pack(value: Any) -> str:
    written = json.dumps(value, ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(written).decode().rstrip("=")


def _unpack(value: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except (ValueError, binascii.Error):
        return None
