"""A small catalogue, made by a run as every catalogue is."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text

from chalicelib.books.found import FoundBook
from chalicelib.core.db import DatabaseRole, unit_of_work
from tests.books.conftest import a_book, found_of, publish

ENDED = """
UPDATE jobs SET state = 'succeeded', lease_until = NULL, finished_at = now()
WHERE queue = 'books_scrape_queue'
"""
SHELVES = ("Poetry", "Travel", "Science Fiction", "Science", "Ficção Científica")
TITLES = (
    "A Light in the Attic",
    "It's Only the Himalayas",
    "Ávila: uma Cidade",
    "The Women's Room",
    "Light Years",
)


def some_books(count: int = 25) -> list[FoundBook]:
    """Books 1 to `count`: five titles and five shelves in turn, prices 10, 11, 12 ..."""
    return [
        a_book(
            number,
            title=f"{TITLES[(number - 1) % 5]} {number}",
            category=SHELVES[(number - 1) % 5],
            price=Decimal(9 + number),
            rating=(number - 1) % 5 + 1,
            available=number % 5 != 0,
            copies=0 if number % 5 == 0 else number,
            description=f"Words about {SHELVES[(number - 1) % 5]}.",
        )
        for number in range(1, count + 1)
    ]


def publish_books(folder: Path, books: Sequence[FoundBook]) -> None:
    """Make these books the catalogue, whatever it was before."""
    publish(found_of(books), folder, accept_smaller=True)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(ENDED))
