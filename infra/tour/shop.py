"""The shop of the demonstration: made-up books whose prices move from one reading to the next."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from infra.local.bookshop import Fault, MadeUpBook, Shop, make_stock, serve_shop
from infra.local.bookshop.pages import book_path
from infra.local.bookshop.server import ShopServer

BOOKS = 600
COME, GO = 2, 3  # In each edition.
HELD_BACK = 20  # They come later.
CENT = Decimal("0.01")
UNREADABLE = b"<html><body><h1>Em manuten&ccedil;&atilde;o</h1></body></html>"


@contextmanager
def open_shop() -> Iterator[ShopServer]:
    """The shop as it is read first, while the context lasts."""
    with serve_shop(Shop(make_stock(BOOKS)[HELD_BACK:])) as server:
        yield server


def turn_over(server: ShopServer, edition: int) -> None:
    """Let some time pass in the shop: prices and stock move, books come and go.

    Args:
        server: The shop.
        edition: 1 for what is read second, and so on.
    """
    draw = random.Random(edition)
    come = make_stock(BOOKS)[HELD_BACK - edition * COME :][:COME]
    stay = sorted(server.shop.books, key=lambda _: draw.random())[GO:]
    kept = {book.number for book in stay}
    on_sale = [book for book in server.shop.books if book.number in kept]
    server.shop = Shop([*come, *(_moved(book, draw) for book in on_sale)])


def _moved(book: MadeUpBook, draw: random.Random) -> MadeUpBook:
    if draw.random() < 0.55:
        return book
    price = (book.price * Decimal(f"{draw.uniform(0.84, 1.17):.3f}")).quantize(CENT)
    return replace(book, price=price, copies=max(0, book.copies + draw.randint(-5, 5)))


def break_some(server: ShopServer) -> None:
    """Have a few pages not be what they should."""
    pages = [book_path(book) for book in server.shop.books[40:300:80]]
    faults = (Fault(body=UNREADABLE), Fault(status=500), Fault(cut=900), Fault(status=404))
    server.faults = dict(zip(pages, faults, strict=False))
