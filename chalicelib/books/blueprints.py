"""What books answers to programs: all of its routes, imported when one is asked for."""

from chalicelib.books.routes_books import books
from chalicelib.books.routes_ml import learning
from chalicelib.books.routes_scraping import scraping

BLUEPRINTS = (
    books,
    learning,
    scraping,
)
