"""One request of a page: who asks, by which session, and what the answer must carry."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from chalice.app import Request

from chalicelib.console import cookies
from chalicelib.console.cookies import SignIn
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call, Reply, call_of
from chalicelib.core.edge import principal_of
from chalicelib.core.errors import Forbidden, Unauthorized
from chalicelib.core.settings import settings
from chalicelib.identity import sessions
from chalicelib.identity.errors import RefreshTokenInvalid
from chalicelib.identity.schemas import TokenOut

KEY = "previsto.visit"


class FormNotOurs(Forbidden):
    """This form was not sent from a page of this console, or from one that is too old."""

    motivo = (
        "Este formulário é antigo ou não foi enviado por uma página deste console. "
        "Volte, recarregue a página e envie de novo."
    )


@dataclass
class Visit:
    """A request of a page.

    Attributes:
        call: The request.
        principal: Who asks; None before signing in.
        sign_in: Their session, as it is after this request.
        door: The secret of a browser that has not signed in; forms are bound to it until then.
        has_ended: There was a session, and it is over.
        theme: `claro` or `escuro` when the person has chosen.
        set_cookies: `Set-Cookie` headers of the answer.
    """

    call: Call
    principal: Principal | None = None
    sign_in: SignIn | None = None
    door: str | None = None
    has_ended: bool = False
    theme: str | None = None
    given: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    @property
    def who(self) -> Principal:
        """Who asks, on a page that asks for it."""
        return cast(Principal, self.principal)

    @property
    def name(self) -> str:
        """What the person is called."""
        return self.sign_in.name if self.sign_in else ""

    def link(self, path: str) -> str:
        """An address of this installation, the deployment stage included."""
        return self.call.link(path)

    @property
    def form_token(self) -> str:
        """What every form of this session carries."""
        secret = self.sign_in.secret if self.sign_in else self.door
        if secret is None:
            self.door = secret = secrets.token_urlsafe(18)
            self.set_cookies.append(cookies.set_cookie(cookies.DOOR, secret))
        key = settings().jwt_secret.get_secret_value().encode()
        return hmac.new(key, f"form {secret}".encode(), hashlib.sha256).hexdigest()

    def take_notice(self) -> dict[str, str] | None:
        """What the page before wanted said; it is said once."""
        found = cookies.read_notice(self.given.pop(cookies.NOTICE, ""))
        if found is not None:
            self.set_cookies.append(cookies.remove_cookie(cookies.NOTICE))
        return dict(found) if found else None

    def go(self, path: str, told: str | None = None, *, kind: str = "ok") -> Reply:
        """Lead to another page, which says `told` once.

        Args:
            path: Where to, of this installation.
            told: What has been done.
            kind: `ok` or `erro`.
        """
        if told is not None:
            self.set_cookies.append(cookies.notice_cookie(kind, told))
        return Reply(status=303, headers={"Location": self.link(path)})

    def begin(self, tokens: TokenOut) -> None:
        """The person has signed in; `call_them` says who it is."""
        secret = secrets.token_urlsafe(18)
        self.sign_in = SignIn(tokens.access_token, tokens.refresh_token, secret, "-")
        self.principal = principal_of(tokens.access_token)

    def call_them(self, name: str) -> None:
        """Begin the session under what the person is called."""
        self._keep(replace(cast(SignIn, self.sign_in), name=name))

    def renew(self, now: datetime) -> None:
        """Go on with the next pair of tokens, or see the session end."""
        old = cast(SignIn, self.sign_in)
        try:
            tokens = sessions.renew(old.refresh_token, now)
        except RefreshTokenInvalid:
            self.end()
            self.has_ended = True
            return
        self._keep(
            replace(old, access_token=tokens.access_token, refresh_token=tokens.refresh_token)
        )
        self.principal = principal_of(tokens.access_token)

    def end(self) -> None:
        """The session is over."""
        self.sign_in = self.principal = None
        self.set_cookies.append(cookies.remove_cookie(cookies.SESSION))

    def _keep(self, sign_in: SignIn) -> None:
        self.sign_in = sign_in
        self.set_cookies.append(cookies.session_cookie(sign_in))

    def check_form(self, token: str) -> None:
        """Refuse a form that somebody else's page made the browser send.

        Raises:
            FormNotOurs: It is not of this session, or comes from another origin.
        """
        if not self.is_from_here() or not hmac.compare_digest(
            token.encode(), self.form_token.encode()
        ):
            raise FormNotOurs

    def is_surely_from_here(self) -> bool:
        """Whether the browser says that a page of this origin sent the request."""
        says = self.call.headers.get("origin") or self.call.headers.get("sec-fetch-site")
        return says is not None and self.is_from_here()

    def is_from_here(self) -> bool:
        """Whether the browser says that a page of this origin sent the request, or says nothing."""
        site = self.call.headers.get("sec-fetch-site", "same-origin")
        origin = self.call.headers.get("origin")
        own = {self.call.headers.get("host"), urlsplit(settings().base_url).netloc}
        return site == "same-origin" and (origin is None or urlsplit(origin).netloc in own)


def begin_visit(request: Request, now: datetime, *, identified: bool) -> Visit:
    """Find out who asks for a page.

    Args:
        request: The request; keeps the visit for what follows.
        now: For renewing the session.
        identified: Whether it matters who asks.
    """
    given = cookies.read_cookies(request.headers.get("cookie", ""))
    visit = Visit(
        call_of(request), given=given, door=given.get(cookies.DOOR), theme=given.get(cookies.THEME)
    )
    request.context[KEY] = visit
    if identified and cookies.SESSION in given:
        visit.sign_in = SignIn.unpacked(given[cookies.SESSION])
        if visit.sign_in is None:
            visit.end()
        else:
            try:
                visit.principal = principal_of(visit.sign_in.access_token)
            except Unauthorized:
                visit.renew(now)
    return visit


def visit_of(request: Request) -> Visit | None:
    """What `begin_visit` found; None when the request did not come so far."""
    found: Any = request.context.get(KEY)
    return found if isinstance(found, Visit) else None
