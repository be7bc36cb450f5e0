"""What the shop sells: drawn by a seed, the same every time."""

import hashlib
import random
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from infra.local.bookshop.words import (
    COMPLEMENTS,
    ENDINGS,
    MIDDLES,
    OPENINGS,
    SHELVES,
    SUBJECTS,
)

BOOKS = 1_000


@dataclass(frozen=True)
class MadeUpBook:
    """A book of the shop.

    Attributes:
        number: From the highest down in the list, as in the site it resembles.
        price: In pounds, tax included.
        description: Empty for a few.
    """

    number: int
    upc: str
    title: str
    category: str
    price: Decimal
    rating: int
    copies: int
    reviews: int
    description: str

    @property
    def slug(self) -> str:
        """What its address is called by."""
        return f"{slug_of(self.title)}_{self.number}"


def slug_of(text: str) -> str:
    """Lower case, without accents, words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def make_stock(
    books: int = BOOKS, *, shelves: int = len(SHELVES), seed: int = 1
) -> list[MadeUpBook]:
    """Draw a shop's books.

    The first shelf to be drawn last has one book only; one title is on two books.

    Args:
        books: How many; at least as many as shelves.
        shelves: How many different ones, up to 50.
        seed: Of the draw.
    """
    draw = random.Random(seed)
    titles = _titles(draw, books)
    if books > 2:
        titles[books // 2] = titles[1]
    kinds = SHELVES[:shelves]
    # Every shelf has a book, the last one no second.
    places = [
        *range(shelves),
        *(draw.randrange(max(shelves - 1, 1)) for _ in range(books - shelves)),
    ]
    draw.shuffle(places)
    return [
        _book(draw, books - place, titles[place], kinds[kind], seed)
        for place, kind in enumerate(places)
    ]


def _titles(draw: random.Random, books: int) -> list[str]:
    combined = [f"{subject} {complement}" for subject in SUBJECTS for complement in COMPLEMENTS]
    draw.shuffle(combined)
    rounds = -(-books // len(combined))
    volumes = ["", *(f", volume {number}" for number in range(2, rounds + 1))]
    return [title + volume for volume in volumes for title in combined][:books]


def _book(
    draw: random.Random, number: int, title: str, kind: tuple[str, str, str], seed: int
) -> MadeUpBook:
    name, topics, does = kind
    copies = 0 if draw.random() < 0.03 else draw.randint(1, 22)
    parts = (draw.choice(OPENINGS), draw.choice(MIDDLES), draw.choice(ENDINGS))
    written = " ".join(parts).strip().format(topics=topics, does=does, pages=draw.randint(90, 640))
    return MadeUpBook(
        number=number,
        upc=hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()[:16],
        title=title,
        category=name,
        price=Decimal(draw.randint(1_000, 6_000)) / 100,
        rating=draw.randint(1, 5),
        copies=copies,
        reviews=0,
        description="" if draw.random() < 0.005 else written,
    )
