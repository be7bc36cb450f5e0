"""`Idempotency-Key`: a creating request that is sent again is answered as before and does nothing.

The answer is kept by the transaction that did the work, so it stands if and only if the work
does: a crash leaves nothing under way, and a refusal, which rolls everything back, is worked out
anew when the request is repaired or sent again.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from chalice.app import Request, Response
from sqlalchemy import DateTime, LargeBinary, PrimaryKeyConstraint, Text, delete, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from chalicelib.core import telemetry
from chalicelib.core.auth import Principal
from chalicelib.core.calls import call_of, media_type_of
from chalicelib.core.db import Base, DatabaseRole, unit_of_work
from chalicelib.core.errors import BadRequest, Conflict, Unprocessable
from chalicelib.core.settings import settings

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT = timedelta(hours=24)
RETRY_AFTER_SECONDS = 1
KEPT_HEADERS = ("Content-Type", "Link", "Location")

# draft-ietf-httpapi-idempotency-key-header has a quoted string; most clients send it bare.
# Without quotes and backslashes inside, the two are the same key and nothing is escaped.
_VISIBLE = r"[!#-\[\]-~]{1,255}"
KEY_PATTERN = f'^(?:{_VISIBLE}|"{_VISIBLE}")$'
_KEY = re.compile(KEY_PATTERN)


class IdempotencyKeyMalformed(BadRequest):
    """`Idempotency-Key` takes 1 to 255 visible ASCII characters other than quotes and
    backslashes, bare or within double quotes; a UUID is best."""


class IdempotencyKeyUnsupported(BadRequest):
    """This endpoint keeps no answers, so an `Idempotency-Key` would not keep a repetition from
    being done again; send the request without it."""


class IdempotencyInFlight(Conflict):
    """A request with this `Idempotency-Key` is being worked on; send it again after
    `Retry-After`."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


class IdempotencyKeyReused(Unprocessable):
    """This `Idempotency-Key` was used for a request with other content; use a new key."""


class KeptAnswer(Base):
    """The answer to a request that carried a key.

    For a day or two the body holds what was answered, a member's name and address for one: who
    erases personal data finds it by tenant and route.
    """

    __tablename__ = "idempotency_keys"

    tenant: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, comment="Of the principal who asked.")
    route: Mapped[str] = mapped_column(Text, comment="Method and path, its parameters filled in.")
    key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[bytes] = mapped_column(
        LargeBinary, comment="HMAC-SHA-256 of query, media type and body."
    )
    status: Mapped[int]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body: Mapped[str] = mapped_column(Text)
    criado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    request_id: Mapped[str] = mapped_column(Text, comment="Of the request that did the work.")

    __table_args__ = (
        PrimaryKeyConstraint(
            "tenant", "subject", "route", "key", info={"problem": IdempotencyInFlight}
        ),
    )


@dataclass(frozen=True)
class KeyedRequest:
    """A request that carries a key: the scope in which the key is known, and what was sent.

    Attributes:
        tenant: Of the caller.
        subject: Of the caller.
        route: Method and path, its parameters filled in.
        key: As given, without quotes around it.
        fingerprint: Tells what was sent from anything else.
    """

    tenant: str
    subject: str
    route: str
    key: str
    fingerprint: bytes

    @property
    def scope(self) -> tuple[str, str, str, str]:
        """The primary key of the answer."""
        return self.tenant, self.subject, self.route, self.key

    @property
    def lock(self) -> int:
        """The number of the advisory lock that stands for the scope: 64 bits, signed."""
        digest = hashlib.sha256(json.dumps(self.scope).encode()).digest()
        return int.from_bytes(digest[:8], signed=True)


def keyed_request(request: Request, principal: Principal) -> KeyedRequest:
    """A request whose header carries a key.

    Raises:
        IdempotencyKeyMalformed: It is none.
    """
    given = str(request.headers[HEADER]).strip()
    if not _KEY.fullmatch(given):
        raise IdempotencyKeyMalformed
    call = call_of(request)
    return KeyedRequest(
        tenant=principal.tenant,
        subject=principal.subject,
        route=f"{request.method} {call.path}",
        key=given.strip('"'),
        fingerprint=_fingerprint(
            urlencode(sorted(call.query.items()), doseq=True),
            media_type_of(request),
            cast(bytes, request.raw_body),
        ),
    )


def _fingerprint(query: str, media_type: str, body: bytes) -> bytes:
    """What was sent, in 32 bytes.

    Keyed, because a body may hold a password: whoever reads the table must not be able to
    guess it by a plain hash, which is many thousand times faster to try than argon2id.
    """
    secret = settings().signing_key.get_secret_value().encode()
    head = f"{HEADER}\n{query}\n{media_type}\n".encode()  # None of the three has a line break.
    return hmac.digest(secret, head + body, "sha256")


def find_answer(session: Session, keyed: KeyedRequest) -> Response | None:
    """The answer that this request got before, if it did.

    Raises:
        IdempotencyKeyReused: Another request was sent with its key.
    """
    kept = session.scalar(
        select(KeptAnswer).where(
            KeptAnswer.tenant == keyed.tenant,
            KeptAnswer.subject == keyed.subject,
            KeptAnswer.route == keyed.route,
            KeptAnswer.key == keyed.key,
        )
    )
    if kept is None:
        return None
    if kept.fingerprint != keyed.fingerprint:
        raise IdempotencyKeyReused
    return Response(
        body=kept.body, status_code=kept.status, headers={**kept.headers, REPLAYED: "true"}
    )


def answer_once(session: Session, keyed: KeyedRequest, work: Callable[[], Response]) -> Response:
    """Do the work of a request unless it has been done, and keep the answer in its transaction.

    Args:
        session: The transaction of the work, with nothing done in it yet.
        keyed: The request.
        work: Does it; a refusal must be raised, so that nothing of it is kept.

    Raises:
        IdempotencyInFlight: It is being done elsewhere.
        IdempotencyKeyReused: Another request was sent with its key.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(keyed.lock))):
        raise IdempotencyInFlight
    # A statement of its own: its snapshot is younger than the lock, so it sees whatever the
    # lock's last holder has committed.
    if (kept := find_answer(session, keyed)) is not None:
        return kept
    response = work()
    session.add(_answer_to_keep(keyed, response))
    return response


def _answer_to_keep(keyed: KeyedRequest, response: Response) -> KeptAnswer:
    return KeptAnswer(
        tenant=keyed.tenant,
        subject=keyed.subject,
        route=keyed.route,
        key=keyed.key,
        fingerprint=keyed.fingerprint,
        status=response.status_code,
        headers={name: response.headers[name] for name in KEPT_HEADERS if name in response.headers},
        body=response.body,
        request_id=telemetry.request_id(),
    )


def remove_expired(now: datetime) -> None:
    """Forget answers that have been kept for a day."""
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(delete(KeptAnswer).where(KeptAnswer.criado_em <= now - KEPT))
