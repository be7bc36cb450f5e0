"""The trail of who changed what; the app's role can add to it and read it, nothing else.

A change of state is what somebody decided and others rely on: users and their rights, members,
plans, leave to upload, work that was asked for, cancelled or sent again, versions of models and
what they are used for, the rows of a file (one entry, with counts, for each chunk that was
committed); and of security: who signed in and out, was refused or locked out, and a refresh token
that came back.

Not in the trail are records of events, which tell of themselves (a check-in says who came when);
what follows from other rows (scores, revisions); and the program's own bookkeeping (progress and
end of a job stand on its row; renewed tokens; counts of failed sign-ins).

The entries of a tenant are numbered without a gap, and each holds the hash of the one before; a
trigger of the database sees to it, and `audit_chain` checks it. It locks the tenant's head, so
entries are written last in their transaction.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy import (
    BigInteger,
    DateTime,
    FetchedValue,
    Identity,
    Index,
    LargeBinary,
    Select,
    Text,
    UniqueConstraint,
    event,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from chalicelib.core import telemetry
from chalicelib.core.db import Base, before_commit
from chalicelib.core.pages import AS_ID, AS_INSTANT, PageQuery, fetch_page
from chalicelib.core.statements import HotStatement
from chalicelib.core.types import FromRow, Id, Instant

ANONYMOUS = "anonimo"  # Who is not known to be anybody: a sign-in that was refused.
_PENDING = "auditoria"
RowT = TypeVar("RowT")


class Auditoria(Base):
    """One change of state, linked to the one before; what links it the database writes."""

    __tablename__ = "auditoria"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    em: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    ator: Mapped[str] = mapped_column(Text, comment="Subject of the principal, or a program.")
    acao: Mapped[str] = mapped_column(Text, comment="What was done, such as usuario.criado.")
    objeto: Mapped[str] = mapped_column(Text, comment="What it was done to, such as usuario:7.")
    detalhes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    request_id: Mapped[str] = mapped_column(Text)
    seq: Mapped[int] = mapped_column(
        BigInteger, FetchedValue(), comment="From 1, of the tenant, without a gap."
    )
    anterior: Mapped[bytes] = mapped_column(
        LargeBinary, FetchedValue(), comment="Hash of the entry before; zeros before the first."
    )
    hash: Mapped[bytes] = mapped_column(
        LargeBinary, FetchedValue(), comment="SHA-256 of auditoria_texto()."
    )

    __table_args__ = (
        UniqueConstraint("tenant", "seq"),
        Index("auditoria_tenant_em_idx", "tenant", "em", "id"),
        *(
            Index(f"auditoria_{column}_idx", "tenant", column, "em", "id")
            for column in ("ator", "acao", "objeto")
        ),
    )


class Cabeca(Base):
    """The last entry of a tenant's trail; only the trigger writes it."""

    __tablename__ = "auditoria_cabecas"

    tenant: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    anterior: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


def _as_hex(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


Hash = Annotated[
    str,
    BeforeValidator(_as_hex),
    Field(pattern="^[0-9a-f]{64}$", description="SHA-256, in hexadecimal."),
]


class AuditoriaOut(FromRow):
    """One change of state."""

    id: Id
    em: datetime
    ator: str = Field(description="Who did it.", examples=["usuario:1"])
    acao: str = Field(description="What was done.", examples=["usuario.criado"])
    objeto: str = Field(description="To what.", examples=["usuario:7"])
    detalhes: dict[str, Any]
    request_id: str = Field(description="Of the request it was done by, as in the log.")
    seq: int = Field(description="Its number in the trail, from 1 without a gap.")
    anterior: Hash
    hash: Hash


class AuditoriaFilters(BaseModel):
    """Filters of the trail."""

    ator: str | None = Field(None, max_length=100, examples=["usuario:1"])
    acao: str | None = Field(None, max_length=100, examples=["usuario.criado"])
    objeto: str | None = Field(None, max_length=200, examples=["usuario:7"])
    desde: Instant | None = Field(None, description="From this instant on.")
    ate: Instant | None = Field(None, description="Before this instant.")


class AuditoriaQuery(AuditoriaFilters, PageQuery):
    """A page of the trail."""


def filtered(statement: Select[RowT], query: AuditoriaFilters) -> Select[RowT]:
    """Keep the entries that were asked for."""
    for name in ("ator", "acao", "objeto"):
        if (wanted := getattr(query, name)) is not None:
            statement = statement.where(getattr(Auditoria, name) == wanted)
    if query.desde is not None:
        statement = statement.where(Auditoria.em >= query.desde)
    if query.ate is not None:
        statement = statement.where(Auditoria.em < query.ate)
    return statement


@dataclass(frozen=True)
class _Entry:
    """An entry that waits for the end of its transaction, and the savepoints it was made in."""

    values: dict[str, Any]
    within: tuple[SessionTransaction, ...]


def record(
    session: Session, *, tenant: str, ator: str, acao: str, objeto: str, **detalhes: Any
) -> None:
    """Add an entry in the caller's transaction: it stands if and only if the change does.

    It is written when the transaction ends, and seen by nobody before, the transaction included.
    Some hundreds of a transaction are well; work on more rows than that records by chunk.

    Args:
        session: The transaction of the change, made by `unit_of_work`.
        tenant: Whose trail.
        ator: Who did it.
        acao: What was done, `noun.participle`.
        objeto: To what, `noun:id`.
        detalhes: Ids and plain values; no personal data and no secrets.
    """
    pending: list[_Entry] | None = session.info.get(_PENDING)
    if pending is None:
        pending = session.info[_PENDING] = []
        before_commit(session, _write)
    values = {
        "tenant": tenant,
        "ator": ator,
        "acao": acao,
        "objeto": objeto,
        "detalhes": detalhes,
        "request_id": telemetry.request_id(),
    }
    pending.append(_Entry(values, _open_savepoints(session)))


def _open_savepoints(session: Session) -> tuple[SessionTransaction, ...]:
    found, one = [], session.get_nested_transaction()
    while one is not None and one.nested:
        found.append(one)
        one = one.parent
    return tuple(found)


@event.listens_for(Session, "after_soft_rollback")
def _forget_undone(session: Session, ended: SessionTransaction) -> None:
    """What was recorded in a savepoint goes with it, in a transaction with all of it."""
    pending: list[_Entry] = session.info.get(_PENDING, [])
    pending[:] = [entry for entry in pending if ended.nested and ended not in entry.within]


WRITE = HotStatement("""
INSERT INTO auditoria (tenant, ator, acao, objeto, detalhes, request_id)
SELECT tenant, ator, acao, objeto, detalhes, request_id
FROM jsonb_to_recordset(cast(:entries AS jsonb)) AS e(
    tenant text, ator text, acao text, objeto text, detalhes jsonb, request_id text
)
RETURNING seq
""")


def _write(session: Session) -> None:
    # The heads of several tenants are locked in one order by all who do.
    entries = sorted(
        (entry.values for entry in session.info[_PENDING]), key=lambda values: str(values["tenant"])
    )
    if entries:
        WRITE.all(session, entries=json.dumps(entries, ensure_ascii=False))


def list_entries(
    session: Session, query: AuditoriaQuery
) -> tuple[list[Auditoria], str | None, tuple[int, bool]]:
    """The tenant's trail, newest first.

    Returns:
        The entries of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = filtered(select(Auditoria), query)
    key = (Auditoria.em, Auditoria.id)
    return fetch_page(session, statement, query, key, (AS_INSTANT, AS_ID))
