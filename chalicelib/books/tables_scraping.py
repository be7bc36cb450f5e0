"""Runs over a site, the snapshots they made, and the pages that could not be read."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base


class ScrapeRun(Base):
    """One reading of the whole site, by the id of its job; a later attempt begins it anew.

    It outlives the job's row.
    """

    __tablename__ = "book_runs"

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="The job's.")
    base_url: Mapped[str] = mapped_column(Text)
    made_up: Mapped[bool | None] = mapped_column(comment="Null until a page has said it.")
    owner: Mapped[str] = mapped_column(Text, comment="Subject of who asked for it.")
    accepts_smaller: Mapped[bool] = mapped_column(
        comment="An admin takes the catalogue even if it is smaller than it must be."
    )
    attempt: Mapped[int]
    state: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    pages: Mapped[int] = mapped_column(server_default="0", comment="Answers that were read.")
    books: Mapped[int] = mapped_column(server_default="0", comment="Different UPCs.")
    errors: Mapped[int] = mapped_column(server_default="0", comment="Pages that were not read.")
    stated: Mapped[int | None] = mapped_column(comment="Books that the site says it has.")
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB, comment="Why it failed.")
    csv_key: Mapped[str | None] = mapped_column(Text, comment="Object of what it found.")

    __table_args__ = (
        CheckConstraint("state IN ('running', 'succeeded', 'failed', 'cancelled')", name="state"),
        CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="ended"),
        Index("book_runs_started_at_idx", "started_at", "id"),
    )


class Snapshot(Base):
    """The catalogue as one run found it; its id is the catalogue's version."""

    __tablename__ = "book_snapshots"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("book_runs.id"))
    taken_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    base_url: Mapped[str] = mapped_column(Text)
    made_up: Mapped[bool]
    sha256: Mapped[str] = mapped_column(Text, comment="Of the CSV.")
    books: Mapped[int]
    categories: Mapped[int]
    new: Mapped[int]
    changed: Mapped[int]
    unchanged: Mapped[int]
    kept: Mapped[int] = mapped_column(comment="Not read this time, and not known to be gone.")
    gone: Mapped[int]
    dumps: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="Format -> key, sha256, size_bytes of the object."
    )

    __table_args__ = (
        UniqueConstraint("run_id"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("books = new + changed + unchanged + kept", name="books"),
    )


class QuarantinedPage(Base):
    """A page that could not be read, and why."""

    __tablename__ = "book_quarantine"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("book_runs.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    status: Mapped[int | None] = mapped_column(comment="HTTP status; null where none came.")
    reason: Mapped[str] = mapped_column(Text, comment="For people.")
    page_key: Mapped[str | None] = mapped_column(
        Text, comment="Object of the page as it came; null where none came."
    )
    found_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("kind IN ('listing', 'book')", name="kind"),
        Index("book_quarantine_run_id_idx", "run_id", "id"),
        Index(
            "book_quarantine_page_key_idx",
            "page_key",
            postgresql_where=text("page_key IS NOT NULL"),
        ),
    )
