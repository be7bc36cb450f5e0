"""The catalogue: books as they are, and as they were from one snapshot to the next.

It is public and belongs to the house, so its rows carry no tenant.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.books.errors import UpcRepeated
from chalicelib.core.db import Base

NEAREST = 20
"""How many similar books are kept of each."""


class Category(Base):
    """A shelf of the shop."""

    __tablename__ = "book_categories"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    name_search: Mapped[str] = mapped_column(
        Text(collation="C"),
        Computed("left(sem_acentos(name), 200)", persisted=True),
        comment="Lower case, without accents.",
    )

    __table_args__ = (
        UniqueConstraint("name"),
        Index("book_categories_name_search_idx", "name_search", "id"),
    )


class Described:
    """What a page says of a book."""

    title: Mapped[str] = mapped_column(Text)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2), comment="With tax.")
    price_without_tax: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    tax: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    currency: Mapped[str] = mapped_column(Text, comment="ISO 4217, of the three amounts.")
    rating: Mapped[int] = mapped_column(SmallInteger, comment="Stars, 1 to 5.")
    available: Mapped[bool] = mapped_column(comment="In stock; false once it is gone.")
    copies: Mapped[int]
    category_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("book_categories.id"))
    reviews: Mapped[int]
    description: Mapped[str | None] = mapped_column(Text, comment="Some pages have none.")
    image_url: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)


def _possible(*more: CheckConstraint) -> tuple[CheckConstraint, ...]:
    return (
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("price_without_tax >= 0 AND tax >= 0", name="tax"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        CheckConstraint("copies >= 0 AND (available OR copies = 0)", name="copies"),
        CheckConstraint("reviews >= 0", name="reviews"),
        *more,
    )


class Book(Described, Base):
    """A book as the last run that saw it found it."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    upc: Mapped[str] = mapped_column(Text)
    made_up: Mapped[bool] = mapped_column(comment="Of the shop that the project serves itself.")
    title_search: Mapped[str] = mapped_column(
        Text(collation="C"),
        Computed("left(sem_acentos(title), 500)", persisted=True),
        comment="Lower case, without accents.",
    )
    title_words: Mapped[str] = mapped_column(
        TSVECTOR,
        # Of longer titles an entry of an index could be longer than one may be.
        Computed("array_to_tsvector(palavras(left(sem_acentos(title), 250)))", persisted=True),
        comment="What a search finds it by.",
    )
    first_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    gone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    snapshot_id: Mapped[int] = mapped_column(
        BigInteger,
        ForeignKey("book_snapshots.id"),
        comment="The snapshot that found it as it is; that of its open version.",
    )

    __table_args__ = (
        UniqueConstraint("upc", info={"problem": UpcRepeated}),
        *_possible(CheckConstraint("gone_at IS NULL OR NOT available", name="gone")),
        # Every beginning of every word, the category, and the blocks of ids that the book is in.
        Index(
            "books_found_idx",
            text("comecos(title_words)"),
            text("(ARRAY[category_id])"),
            text("blocos(id)"),
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
            postgresql_where=text("gone_at IS NULL"),
        ),
        # What a list and a search select by, without the books' own kilobyte each.
        Index(
            "books_listed_idx",
            "id",
            postgresql_include=["title_words", "category_id", "rating", "available"],
            postgresql_where=text("gone_at IS NULL"),
        ),
        *(
            Index(f"books_{name}_idx", name, "id", postgresql_where=text("gone_at IS NULL"))
            for name in ("title_search", "category_id", "price", "rating")
        ),
        Index(
            "books_unavailable_idx",
            "id",
            postgresql_where=text("NOT available AND gone_at IS NULL"),
        ),
    )


class BookVersion(Described, Base):
    """What was known of a book from one snapshot on, until another found it different.

    The catalogue of snapshot n is the rows with `since_snapshot <= n` and `until_snapshot` null
    or beyond n, but for those that were gone.
    """

    __tablename__ = "book_versions"

    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    since_snapshot: Mapped[int] = mapped_column(ForeignKey("book_snapshots.id"))
    until_snapshot: Mapped[int | None] = mapped_column(
        ForeignKey("book_snapshots.id"), comment="Null while it holds."
    )
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="Of the snapshot.")
    kind: Mapped[str] = mapped_column(Text)
    fields: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="What differs from the version before; empty at the first."
    )

    __table_args__ = (
        PrimaryKeyConstraint("book_id", "since_snapshot"),
        *_possible(
            CheckConstraint("kind IN ('new', 'changed', 'gone', 'back')", name="kind"),
            CheckConstraint("until_snapshot > since_snapshot", name="order"),
        ),
        Index("book_versions_since_snapshot_idx", "since_snapshot", "book_id"),
        Index("book_versions_since_idx", "since"),
        # A book has one version that holds.
        Index(
            "book_versions_open_idx",
            "book_id",
            unique=True,
            postgresql_where=text("until_snapshot IS NULL"),
        ),
    )


class SimilarBook(Base):
    """One of a book's nearest, by the words of title and description and by category."""

    __tablename__ = "similar_books"

    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    rank: Mapped[int] = mapped_column(SmallInteger, comment="From 1, the nearest.")
    similar_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    similarity: Mapped[float] = mapped_column(comment="Cosine, 0 to 1.")

    __table_args__ = (
        PrimaryKeyConstraint("book_id", "rank"),
        UniqueConstraint("book_id", "similar_id"),
        CheckConstraint("book_id <> similar_id", name="other"),
        CheckConstraint(f"rank BETWEEN 1 AND {NEAREST}", name="rank"),
        CheckConstraint("similarity BETWEEN 0 AND 1", name="similarity"),
        Index("similar_books_similar_id_idx", "similar_id"),
    )
