"""Routes of the catalogue: public, for everybody to build on.

Every answer says which edition of the catalogue it is of, as its `ETag`: whoever has it already is
answered 304, with nothing looked for.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from chalicelib.books import service_stats
from chalicelib.books.edition import Edition, Written, answer_once
from chalicelib.books.errors import BookNotFound, LikedUnknown
from chalicelib.books.schemas_books import (
    BookDetailOut,
    BooksOut,
    CatalogueHealthOut,
    CategoriesOut,
    CategoriesStatsOut,
    OverviewOut,
    RecommendationsOut,
    SearchOut,
    SimilarOut,
)
from chalicelib.books.schemas_paging import NothingAsked
from chalicelib.books.schemas_questions import (
    BooksQuery,
    DetailQuery,
    Filtered,
    PriceRangeQuery,
    RecommendationsQuery,
    SearchQuery,
    SimilarQuery,
)
from chalicelib.books.service_books import BY_ID, Found, list_books, page_json, search_books
from chalicelib.books.service_books import show_book as find_book
from chalicelib.books.service_similar import recommend_books, similar_books
from chalicelib.core.calls import Call, Reply
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.types import Id
from chalicelib.core.web import PUBLIC, Routes, endpoint

books = Routes(__name__)

catalogue = partial(endpoint, books, allow=PUBLIC, any_origin=True, autocommit=True, versioned=True)

PLACES = ("cursor", "page", "skip", "offset")


def _next_page(found: Found, query: Filtered, call: Call) -> str | None:
    """This list's address, a page on, in the way of paging that was chosen."""
    if found.cursor is None:
        return None
    pairs = {name: values for name, values in call.query.items() if name not in PLACES}
    if query.page is not None:
        pairs["page"] = [str(query.page + 1)]
    elif query.skip is not None:
        pairs["skip"] = [str(query.skip + query.limit)]
    else:
        pairs["cursor"] = [found.cursor]
    return f"{call.link(call.path)}?{urlencode(pairs, doseq=True)}"


def _page(found: Found, query: Filtered, call: Call) -> Written:
    address = _next_page(found, query, call)
    headers = {"Link": f'<{address}>; rel="next"'} if address else {}
    return Written(found.edition, page_json(found, query, address), headers)


def _list(session: Session, query: Filtered, call: Call, otherwise: str) -> Reply:
    return answer_once(
        session, call, lambda: _page(list_books(session, query, otherwise), query, call)
    )


def _answer(session: Session, call: Call, work_out: Callable[[], tuple[Edition, str]]) -> Reply:
    return answer_once(session, call, lambda: Written(*work_out()))


@books.route("/api/v1/books", methods=["GET"])
@catalogue(query=BooksQuery, response=BooksOut, raises=(CursorInvalid,))
def get_books(session: Session, query: BooksQuery, call: Call) -> Reply:
    """List the books that the shop has.

    Filters: `category`, `rating`, `min_rating`, `max_rating`, `price`, `min_price`, `max_price`,
    `availability`. Paged by `cursor`, or by `page` and `per_page`, or by `skip` and `limit`. The
    whole catalogue as one file: `/api/v1/dumps/latest/csv`.
    """
    return _list(session, query, call, BY_ID)


@books.route("/api/v1/books/search", methods=["GET"])
@catalogue(query=SearchQuery, response=SearchOut, raises=(CursorInvalid,))
def get_search(session: Session, query: SearchQuery, call: Call) -> Reply:
    """Search books by title, by category, or by both.

    Every word must begin a word of the title, whatever its accents and capitals. Takes every
    filter and order of the list; says how many of the books found are of which category, rating
    and availability.
    """
    return answer_once(session, call, lambda: _page(search_books(session, query), query, call))


@books.route("/api/v1/books/top-rated", methods=["GET"])
@catalogue(query=BooksQuery, response=BooksOut, raises=(CursorInvalid,))
def get_top_rated(session: Session, query: BooksQuery, call: Call) -> Reply:
    """List the books, the best rated first."""
    return _list(session, query, call, "-rating")


@books.route("/api/v1/books/price-range", methods=["GET"])
@catalogue(query=PriceRangeQuery, response=BooksOut, raises=(CursorInvalid,))
def get_price_range(session: Session, query: PriceRangeQuery, call: Call) -> Reply:
    """List the books whose price lies between `min` and `max`, both included; cheapest first."""
    return _list(session, query, call, "price")


@books.route("/api/v1/books/recommendations", methods=["GET"])
@catalogue(query=RecommendationsQuery, response=RecommendationsOut, raises=(LikedUnknown,))
def get_recommendations(session: Session, query: RecommendationsQuery, call: Call) -> Reply:
    """Recommend books that are like those somebody likes: `liked=1,2,3`.

    By the words of title and description, and by category. Ratings take no part: those of
    books.toscrape.com are drawn at random.
    """
    liked, limit = query.liked, query.limit
    return _answer(session, call, lambda: recommend_books(session, liked, limit))


@books.route("/api/v1/books/{book_id}", methods=["GET"])
@catalogue(query=DetailQuery, response=BookDetailOut, raises=(BookNotFound,))
def get_book(session: Session, book_id: Id, query: DetailQuery, call: Call) -> Reply:
    """Show all that is known of a book; one that the shop has no more keeps its id."""
    return _answer(session, call, lambda: find_book(session, book_id, query.fields))


@books.route("/api/v1/books/{book_id}/similar", methods=["GET"])
@catalogue(query=SimilarQuery, response=SimilarOut, raises=(BookNotFound,))
def get_similar(session: Session, book_id: Id, query: SimilarQuery, call: Call) -> Reply:
    """List the books most like one, by the words of title and description and by category."""
    return _answer(session, call, lambda: similar_books(session, book_id, query.limit))


@books.route("/api/v1/categories", methods=["GET"])
@catalogue(query=NothingAsked, response=CategoriesOut)
def get_categories(session: Session, call: Call) -> Reply:
    """List every category that has books."""
    return _answer(session, call, lambda: service_stats.categories(session))


@books.route("/api/v1/stats/overview", methods=["GET"])
@catalogue(query=NothingAsked, response=OverviewOut)
def get_overview(session: Session, call: Call) -> Reply:
    """The catalogue in numbers."""
    return _answer(session, call, lambda: service_stats.overview(session))


@books.route("/api/v1/stats/categories", methods=["GET"])
@catalogue(query=NothingAsked, response=CategoriesStatsOut)
def get_category_stats(session: Session, call: Call) -> Reply:
    """Every category in numbers."""
    return _answer(session, call, lambda: service_stats.stats_by_category(session))


@books.route("/api/v1/health", methods=["GET"])
@endpoint(
    books,
    allow=PUBLIC,
    any_origin=True,
    own_transactions=True,
    unlimited=True,
    response=CatalogueHealthOut,
    may_answer=(503,),
)
def get_catalogue_health() -> Reply:
    """Whether the API answers, and from which catalogue."""
    found = service_stats.catalogue_health()
    code = 503 if found.status == "down" else 200
    return Reply(found, status=code, headers={"Cache-Control": "no-store"})
