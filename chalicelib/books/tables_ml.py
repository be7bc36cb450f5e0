"""Training data as files, and predictions that others have made of the catalogue."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base


class TrainingSet(Base):
    """The training data of one snapshot as files; never made anew. The house's, and public."""

    __tablename__ = "book_training_sets"

    snapshot_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("book_snapshots.id"), primary_key=True, autoincrement=False
    )
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    training_rows: Mapped[int]
    test_rows: Mapped[int]
    files: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="Format -> key, sha256, size_bytes of the object."
    )

    __table_args__ = (CheckConstraint("training_rows >= 0 AND test_rows >= 0", name="rows"),)


class BookPrediction(Base):
    """What somebody's model foretold of a book, and of which edition of the catalogue."""

    __tablename__ = "book_predictions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    value: Mapped[float]
    snapshot_id: Mapped[int] = mapped_column(
        ForeignKey("book_snapshots.id"), comment="The newest when it was sent; it is scored by it."
    )
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    sent_by: Mapped[str] = mapped_column(Text, comment="Subject of who sent it.")

    __table_args__ = (
        UniqueConstraint("tenant", "model", "version", "target", "book_id"),
        CheckConstraint("target IN ('price', 'rating')", name="target"),
        CheckConstraint("value > '-Infinity' AND value < 'Infinity'", name="value"),
        Index("book_predictions_book_id_idx", "book_id"),
    )
