"""Sessions to test with, and a look at what they send."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chalicelib.core.pg import FastConnection, connect

SET_TENANT = "select set_config('previsto.tenant', $1, true)"
TENANT = "nullif(current_setting('previsto.tenant', true), '')"


class Base(DeclarativeBase):
    pass


class Aluno(Base):
    __tablename__ = "pg_alunos"
    __table_args__ = (CheckConstraint("idade > 0", name="idade_positiva"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    nome: Mapped[str] = mapped_column(unique=True)
    idade: Mapped[int]


def socket_dir(url: str) -> str:
    return str(make_url(url).query["host"])


def raw(url: str, **options: Any) -> FastConnection:
    """A session in transaction mode, without SQLAlchemy."""
    return connect(user="postgres", database="postgres", host=socket_dir(url), **options)


def one(connection: FastConnection, sql: str, *values: Any) -> Any:
    """The first column of the first row."""
    row = connection.cursor().execute(sql, values).fetchone()
    assert row is not None
    return row[0]


def record_packets(connection: FastConnection) -> list[bytes]:
    """A list that grows by every packet the connection sends from now on."""
    sent: list[bytes] = []
    wire = connection._open_wire()

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            return getattr(wire, name)

        def send(self, packet: bytes) -> None:
            sent.append(packet)
            wire.send(packet)

    connection._wire = Recorder()  # type: ignore[assignment]
    return sent
