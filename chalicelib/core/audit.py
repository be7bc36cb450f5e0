"""The trail of who changed what; the app's role can add to it and read it, nothing else."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Identity, Index, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from chalicelib.core import telemetry
from chalicelib.core.db import Base


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

    __table_args__ = (Index("auditoria_tenant_em_idx", "tenant", "em", "id"),)


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
