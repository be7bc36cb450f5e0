"""What tests of the books begin with: a shop of our own, on a socket."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from chalicelib.books import run_record, training_similar
from chalicelib.books.addresses import Site
from chalicelib.books.found import Counts, Found, FoundBook, UnreadPage
from chalicelib.books.queues import BOOKS_SCRAPE_QUEUE
from chalicelib.books.schemas import ScrapeMessage, ScrapeReport, TriggerIn
from chalicelib.books.service_runs import ask_for_scrape
from chalicelib.books.service_scrape import make_catalogue
from chalicelib.core import settings
from chalicelib.core.claims import claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import HOUSE
from infra.local.bookshop import Shop, make_stock, serve_shop
from infra.local.bookshop.server import ShopServer
from tests.client import Client

BOOKS = 60
SHELVES = 6
SITE = "https://books.toscrape.com/"


@pytest.fixture
def api(environment: dict[str, str], tmp_path: Path) -> Client:
    """Anybody, at a catalogue of 25 books."""
    # Which is made by what stands below.
    from tests.books.catalogue import publish_books, some_books

    publish_books(tmp_path, some_books())
    return Client()


@pytest.fixture
def shop(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopServer]:
    """A small shop that is served, and is the one of the settings."""
    with serve_shop(Shop(make_stock(BOOKS, shelves=SHELVES))) as server:
        monkeypatch.setenv("BOOKS_BASE_URL", server.url)
        monkeypatch.setenv("BOOKS_CONTACT", "mailto:catalogo@example.com")
        monkeypatch.setenv("BOOKS_PAUSE_SECONDS", "0.01")
        monkeypatch.setenv("BOOKS_TIMEOUT_SECONDS", "2")
        settings.settings.cache_clear()
        yield server


def a_book(number: int, **changes: object) -> FoundBook:
    """What a page says of a book."""
    told = FoundBook(
        upc=f"upc{number:04}",
        title=f"Livro {number}",
        price=Decimal("10.50"),
        price_without_tax=Decimal("10.50"),
        tax=Decimal("0.00"),
        currency="GBP",
        rating=number % 5 + 1,
        available=True,
        copies=3,
        category=f"Estante {number % 3}",
        reviews=0,
        description=f"Um livro sobre o assunto {number % 7}.",
        image_url=f"{SITE}media/{number}.jpg",
        url=f"{SITE}catalogue/livro_{number}/index.html",
    )
    return told.model_copy(update=changes)


def found_of(
    books: Sequence[FoundBook],
    *,
    made_up: bool = False,
    stated: int | None = None,
    unread: Sequence[UnreadPage] = (),
    base_url: str = SITE,
) -> Found:
    """What a run over a shop found; its lists led to everything that it states."""
    total = len(books) + len(unread) if stated is None else stated
    counts = Counts(len(books), len(books), len(unread), total)
    linked = frozenset([*(book.url for book in books), *(page.url for page in unread)])
    return Found(
        base_url, made_up, counts, {book.upc: book for book in books}, tuple(unread), linked
    )


def next_run(*, accept_smaller: bool = False) -> JobRun:
    """A run that has begun: asked for, and claimed as a worker would."""
    with unit_of_work(tenant=HOUSE) as session:
        # Whatever a test asked for before is over.
        session.execute(text("UPDATE jobs SET state = 'failed', lease_until = NULL"))
        wanted = TriggerIn(base_url=SITE, accept_smaller=accept_smaller)
        ask_for_scrape(session, wanted, owner="usuario:1")
    run = claim(BOOKS_SCRAPE_QUEUE)
    assert run is not None
    message = ScrapeMessage.model_validate(run.message)
    run_record.begin(run, Site.of(SITE), message, utc_now())
    return run


def publish(found: Found, folder: Path, *, accept_smaller: bool = False) -> ScrapeReport:
    """Make what a run found the catalogue."""
    run = next_run(accept_smaller=accept_smaller)
    message = ScrapeMessage.model_validate(run.message)
    with run_record.told_how_it_ends(run):
        return make_catalogue(run, found, message, training_similar.nearest_books, folder)


def with_changes(found: Found, **changes: object) -> Found:
    """The same with other fields."""
    return replace(found, **changes)  # type: ignore[arg-type]


def rows(statement: str) -> list[tuple[object, ...]]:
    """What a query gives."""
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return [tuple(row) for row in session.execute(text(statement))]
