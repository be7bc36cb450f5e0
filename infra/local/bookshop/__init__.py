"""A shop of made-up books in the shape of books.toscrape.com.

`make run` serves it where the real one cannot be reached, and the tests read it, with whatever
they let go wrong. Every page says that its books are made up.

    python -m infra.local.bookshop --port 8100 --books 1000

Titles, descriptions, prices and ratings are drawn from word lists of our own; nothing is copied.
"""

from infra.local.bookshop.pages import Shop
from infra.local.bookshop.server import Fault, serve_shop
from infra.local.bookshop.stock import MadeUpBook, make_stock

__all__ = ["Fault", "MadeUpBook", "Shop", "make_stock", "serve_shop"]
