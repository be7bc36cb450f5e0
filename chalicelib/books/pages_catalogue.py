"""The catalogue's pages: searched, one book, and in numbers.

Covers are the shop's: a page that shows them lets the browser fetch images from that one origin,
without saying where it comes from, and draws a plain cover beneath for when none comes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from chalicelib.books import service_stats
from chalicelib.books.errors import BookNotFound
from chalicelib.books.pages import READERS
from chalicelib.books.schemas import HistoryOut
from chalicelib.books.schemas_books import CategoriesStatsOut, OverviewOut
from chalicelib.books.schemas_questions import Filtered, Words
from chalicelib.books.service_books import search_books, show_book
from chalicelib.books.service_similar import similar_books
from chalicelib.books.service_snapshots import catalogue_source, list_history
from chalicelib.books.tables_scraping import Snapshot
from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.core.calls import Call
from chalicelib.core.clock import zone
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.pages import PageQuery
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.types import Id
from chalicelib.core.web import Routes

PATH = "/console/livros"
BOOKS_PER_PAGE = 24
SIMILAR_SHOWN = 6
VERSIONS_SHOWN = 50
PRICES = ("min_price", "max_price")
ORDERS = (
    ("title", "Título"),
    ("price", "Menor preço"),
    ("-price", "Maior preço"),
    ("-rating", "Melhor avaliação"),
    ("-id", "Chegaram por último"),
)

catalogue_pages = Routes(__name__)


@dataclass(frozen=True)
class PriceFigure:
    """How a price went, for Plotly and as a table."""

    figure: dict[str, Any]
    tables: list[charts.FigureTable]


class CatalogueQuery(Filtered):
    """Which books are looked at."""

    model_config = ConfigDict(extra="ignore")

    title: Words = Field(None, description="Words of the title, or their beginnings.")

    @property
    def words(self) -> str | None:
        """What the title has."""
        return self.title


def _asked(query: Mapping[str, list[str]]) -> Form:
    """The filters as they stand in the address."""
    form = Form({name: values[-1] for name, values in query.items() if values})
    form.values.setdefault("sort", "title")
    return form


@catalogue_pages.route(PATH, methods=["GET"])
@page(catalogue_pages, tenant=HOUSE, allow=READERS, autocommit=True)
def get_catalogue(session: Session, call: Call) -> Shown:
    """The catalogue: searched, filtered, with what the books found have."""
    source, form = catalogue_source(session), _asked(call.query)
    shown: dict[str, Any] = {"form": form, "orders": ORDERS, "per_page": BOOKS_PER_PAGE}
    try:
        query = form.read(CatalogueQuery, amounts=PRICES, limit=BOOKS_PER_PAGE)
    except ValidationFailed as problem:
        form.errors = {error.campo: error.erro for error in problem.errors}
        return _shop_page("books/catalogue.html", source, status=422, found=None, **shown)
    return _shop_page(
        "books/catalogue.html",
        source,
        found=search_books(session, query),
        page=query.page or 1,
        currency=_overview(session).currency,
        **shown,
    )


def _shop_page(template: str, source: Snapshot | None, **values: Any) -> Shown:
    """A page that shows covers of the shop that the catalogue is from."""
    shop = "" if source is None else _origin(source.base_url)
    return Shown(template, images=(shop,) if shop else (), source=source, shop=shop, **values)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def _overview(session: Session) -> OverviewOut:
    _, written = service_stats.overview(session)
    return OverviewOut.model_validate_json(written)


@catalogue_pages.route(f"{PATH}/numeros", methods=["GET"])
@page(catalogue_pages, tenant=HOUSE, allow=READERS, autocommit=True)
def get_numbers(session: Session) -> Shown:
    """The catalogue in numbers."""
    _, written = service_stats.stats_by_category(session)
    shelves, overview = CategoriesStatsOut.model_validate_json(written).items, _overview(session)
    bands = service_stats.price_bands(session, overview.max_price or 0)
    return Shown(
        "books/numbers.html",
        source=catalogue_source(session),
        overview=overview,
        shelves=sorted(shelves, key=lambda each: -each.total_books),
        prices=charts.column_chart([(f"{low} a {high}", books) for low, high, books in bands]),
    )


@catalogue_pages.route(f"{PATH}/{{book_id}}", methods=["GET"])
@page(catalogue_pages, tenant=HOUSE, allow=READERS, raises=(BookNotFound,), autocommit=True)
def get_book_page(session: Session, book_id: Id) -> Shown:
    """All that is known of a book, how its price went, and which are like it."""
    _, book = show_book(session, book_id, None)
    _, similar = similar_books(session, book_id, SIMILAR_SHOWN)
    versions, _, total = list_history(session, book_id, PageQuery(limit=VERSIONS_SHOWN))
    return _shop_page(
        "books/book.html",
        catalogue_source(session),
        book=json.loads(book),
        similar=json.loads(similar)["items"],
        versions=versions,
        versions_total=total,
        prices=_price_figure(versions),
    )


def _price_figure(versions: Sequence[HistoryOut]) -> PriceFigure | None:
    """How a book's price went, as steps; None where it has always had one."""
    told = list(reversed(versions))
    if len({each.price for each in told}) < 2:
        return None
    zone_name = settings().local_timezone
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "line": {"shape": "hv"},
        "name": "Preço",
        "x": [f"{each.at.astimezone(zone(zone_name)):%Y-%m-%d %H:%M}" for each in told],
        "y": [float(each.price) for each in told],
    }
    titles = {"xaxis": {"title": {"text": "Desde"}}, "yaxis": {"title": {"text": "Preço"}}}
    figure = {"data": [line], "layout": titles}
    return PriceFigure(figure, charts.figure_tables(figure))
