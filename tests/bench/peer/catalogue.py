"""The catalogue's list, detail and search as a competent team would build them from its brief.

Synchronous views of FastAPI with response models over SQLAlchemy's ORM, as the gym's are. What it
does less than ours: no accents, no beginnings of words, no facets, no cursor, no tags, no limits.
"""

# mypy: disallow-untyped-decorators=False

from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query  # type: ignore[import-not-found]
from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, ForeignKey, Index, Numeric, SmallInteger, Text, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from tests.bench.peer.database import get_session


class Base(DeclarativeBase):
    """What every table is declared on."""


class Category(Base):
    """A shelf."""

    __tablename__ = "categories"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class Book(Base):
    """A book."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    upc: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    rating: Mapped[int] = mapped_column(SmallInteger)
    available: Mapped[bool]
    copies: Mapped[int]
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"))
    description: Mapped[str | None] = mapped_column(Text)
    image_url: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)

    shelf: Mapped[Category] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (Index("books_category_id_idx", "category_id", "id"),)

    @property
    def category(self) -> str:
        """The shelf's name."""
        return self.shelf.name

    @property
    def availability(self) -> bool:
        """By the brief's name."""
        return self.available


class BookOut(BaseModel):
    """A book in a list."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    price: float
    rating: int
    availability: bool
    copies: int
    category: str
    image_url: str
    upc: str
    url: str


class BookDetailOut(BookOut):
    """A book."""

    description: str | None


class PageOut(BaseModel):
    """A page."""

    items: list[BookOut]
    total: int


app = FastAPI(title="Books")
DatabaseSession = Annotated[Session, Depends(get_session)]
Limit = Annotated[int, Query(ge=1, le=100)]


def _page(session: Session, statement: Any, skip: int, limit: int) -> dict[str, Any]:
    total = session.scalar(select(func.count()).select_from(statement.subquery()))
    rows = session.scalars(statement.order_by(Book.id).offset(skip).limit(limit)).all()
    return {"items": rows, "total": total}


@app.get("/api/v1/books", response_model=PageOut)
def get_books(session: DatabaseSession, skip: int = 0, limit: Limit = 20) -> Any:
    """List the books."""
    return _page(session, select(Book), skip, limit)


@app.get("/api/v1/books/search", response_model=PageOut)
def get_search(session: DatabaseSession, title: str, skip: int = 0, limit: Limit = 20) -> Any:
    """Search by title."""
    return _page(session, select(Book).where(Book.title.ilike(f"%{title}%")), skip, limit)


@app.get("/api/v1/books/{book_id}", response_model=BookDetailOut)
def get_book(book_id: int, session: DatabaseSession) -> Any:
    """Show a book."""
    book = session.get(Book, book_id)
    if book is None:
        raise HTTPException(404, "Book not found")
    return book
