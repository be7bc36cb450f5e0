"""The trail of who changed what; the app's role can add to it and read it, nothing else.

A change of state is what somebody decided and others rely on: users and their rights, members,
plans, leave to upload, work that was asked for, cancelled or sent again, versions of models and
what they are used for, the rows of a file (one entry, with counts, for each chunk that was
committed); and of security: who signed in and out, was refused or locked out, and a refresh token
that came back.

Not in the trail are records of events, which tell of themselves (a check-in says who came when);
what follows from other rows (scores, revisions); and the program's own bookkeeping (progress and
end of a job stand on its row; renewed tokens; counts of failed sign-ins).
"""

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import BigInteger, DateTime, Identity, Index, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from chalicelib.core import telemetry
from chalicelib.core.auth import Principal
from chalicelib.core.db import Base
from chalicelib.core.pages import AS_ID, AS_INSTANT, PageQuery, fetch_page
from chalicelib.core.types import FromRow, Id, Instant

ANONYMOUS = "anonimo"  # Who is not known to be anybody: a sign-in that was refused.


class Auditoria(Base):
    """One change of state."""

    __tablename__ = "auditoria"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    em: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    ator: Mapped[str] = mapped_column(Text, comment="Subject of the principal, or a program.")
    acao: Mapped[str] = mapped_column(Text, comment="What was done, such as usuario.criado.")
    objeto: Mapped[str] = mapped_column(Text, comment="What it was done to, such as usuario:7.")
    detalhes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    request_id: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        Index("auditoria_tenant_em_idx", "tenant", "em", "id"),
        *(
            Index(f"auditoria_{column}_idx", "tenant", column, "em", "id")
            for column in ("ator", "acao", "objeto")
        ),
    )


class AuditoriaOut(FromRow):
    """One change of state."""

    id: Id
    em: datetime
    ator: str = Field(description="Who did it.", examples=["usuario:1"])
    acao: str = Field(description="What was done.", examples=["usuario.criado"])
    objeto: str = Field(description="To what.", examples=["usuario:7"])
    detalhes: dict[str, Any]
    request_id: str = Field(description="Of the request it was done by, as in the log.")


class AuditoriaQuery(PageQuery):
    """Filters of the trail."""

    ator: str | None = Field(None, max_length=100, examples=["usuario:1"])
    acao: str | None = Field(None, max_length=100, examples=["usuario.criado"])
    objeto: str | None = Field(None, max_length=200, examples=["usuario:7"])
    desde: Instant | None = Field(None, description="From this instant on.")
    ate: Instant | None = Field(None, description="Before this instant.")


def record(
    session: Session, *, tenant: str, ator: str, acao: str, objeto: str, **detalhes: Any
) -> None:
    """Add an entry in the caller's transaction: it stands if and only if the change does.

    Args:
        session: The transaction of the change.
        tenant: Whose trail.
        ator: Who did it.
        acao: What was done, `noun.participle`.
        objeto: To what, `noun:id`.
        detalhes: Ids and plain values; no personal data and no secrets.
    """
    session.add(
        Auditoria(
            tenant=tenant,
            ator=ator,
            acao=acao,
            objeto=objeto,
            detalhes=detalhes,
            request_id=telemetry.request_id(),
        )
    )


def record_by(
    session: Session, principal: Principal, acao: str, objeto: str, **detalhes: Any
) -> None:
    """Add an entry of what a caller did, in their own tenant; see `record`.

    What they changed is written first: a refusal comes before the entry.
    """
    session.flush()
    record(
        session,
        tenant=principal.tenant,
        ator=principal.subject,
        acao=acao,
        objeto=objeto,
        **detalhes,
    )


def list_entries(
    session: Session, query: AuditoriaQuery
) -> tuple[list[Auditoria], str | None, tuple[int, bool]]:
    """The tenant's trail, newest first.

    Returns:
        The entries of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(Auditoria)
    for name in ("ator", "acao", "objeto"):
        if (wanted := getattr(query, name)) is not None:
            statement = statement.where(getattr(Auditoria, name) == wanted)
    if query.desde is not None:
        statement = statement.where(Auditoria.em >= query.desde)
    if query.ate is not None:
        statement = statement.where(Auditoria.em < query.ate)
    key = (Auditoria.em, Auditoria.id)
    return fetch_page(session, statement, query, key, (AS_INSTANT, AS_ID))
