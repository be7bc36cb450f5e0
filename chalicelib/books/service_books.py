"""Books listed, searched and shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.books.edition import (
    LATEST_SNAPSHOT,
    Edition,
    edition_of,
    kept_answers,
    newest_edition,
)
from chalicelib.books.errors import BookNotFound
from chalicelib.books.schemas_books import (
    DETAIL_FIELDS,
    FIELDS,
    FacetOut,
    FacetsOut,
)
from chalicelib.books.schemas_questions import Filtered
from chalicelib.books.selection import (
    COLUMNS,
    MOST_FOUND,
    Selection,
    Slice,
    books_statement,
    categories_named,
    count_statement,
    facets_statement,
    ids_statement,
)
from chalicelib.books.word_search import find_by_words, rare
from chalicelib.core.pages import LARGEST_EXACT_TOTAL
from chalicelib.core.statements import HotStatement

BY_ID = "id"


@dataclass(frozen=True)
class Found:
    """A page of books, and what is told of all that were found.

    Attributes:
        edition: Of the catalogue.
        rows: The books of the page.
        cursor: Where the next page begins; None on the last one.
        total: How many there are, counted up to 10,000, of a search fewer; those of a whole
            catalogue all.
        is_exact: Whether there are no more.
        facets: Of a search.
    """

    edition: Edition
    rows: Sequence[Any]
    cursor: str | None
    total: int
    is_exact: bool
    facets: FacetsOut | None = None


def list_books(session: Session, query: Filtered, otherwise: str = BY_ID) -> Found:
    """A page of the books that were asked for.

    One statement where nothing is filtered; else another one counts, unless this process has
    counted the same since the last snapshot, and one finds the categories that are meant.

    Args:
        session: The session.
        query: Which, in which order.
        otherwise: The order where the request names none.

    Raises:
        CursorInvalid: The cursor is of another list, or another order.
    """
    selection, part = _selected(session, query), Slice.of(query, otherwise)
    edition, rows, cursor = _page(session, selection, part)
    if selection.is_all:
        return Found(edition, rows, cursor, edition.books, is_exact=True)

    def count() -> int:
        row = count_statement(selection).one_or_none(session, **dict(selection.values))
        return int(row.found)

    found = kept_answers().get(edition, ("count", selection), count)
    return Found(edition, rows, cursor, *_capped(found))


def search_books(session: Session, query: Filtered) -> Found:
    """A page of what was looked for, with what all of it has.

    Raises:
        CursorInvalid: The cursor is of another list, or another order.
    """
    part = Slice.of(query, BY_ID)
    if query.words is not None:
        return _search_words(session, query, part)
    selection = _selected(session, query)
    edition, rows, cursor = _page(session, selection, part)
    total, facets = kept_answers().get(
        edition, ("facets", selection), lambda: _facets(session, selection)
    )
    return Found(edition, rows, cursor, *_capped(total, MOST_FOUND), facets=facets)


def _search_words(session: Session, query: Filtered, part: Slice) -> Found:
    """A page of books found by words: of the first that were found, where they hold it."""
    edition = newest_edition().get(session)
    selection = Selection.of(query, _categories(session, query, edition))
    matches = find_by_words(session, selection, edition)
    if matches.has(part):
        statement, values = ids_statement(part, matches.ids)
        rows, cursor = _cut(statement.all(session, **values), part)
    else:
        by = rare(selection.conditions, selection.categories is not None)
        _, rows, cursor = _page(session, selection, part, by if matches.is_rare else None)
    return Found(edition, rows, cursor, matches.total, matches.is_all, matches.facets)


def _categories(session: Session, query: Filtered, edition: Edition) -> tuple[int, ...] | None:
    name = query.category
    if name is None:
        return None
    question = ("categories", name)
    return kept_answers().get(edition, question, lambda: categories_named(session, name))


def _selected(session: Session, query: Filtered) -> Selection:
    if query.category is None:
        return Selection.of(query, None)
    return Selection.of(query, categories_named(session, query.category))


def _page(
    session: Session, selection: Selection, part: Slice, by: tuple[str, bool] | None = None
) -> tuple[Edition, Sequence[Any], str | None]:
    statement, values = books_statement(selection, part, by)
    found = statement.all(session, **values)
    edition = edition_of(found[0] if found else None)
    return edition, *_cut([row for row in found if row.id is not None], part)


def _cut(found: Sequence[Any], part: Slice) -> tuple[Sequence[Any], str | None]:
    """The rows of a page, and where the next begins: one more row than asked says there is one."""
    rows = found[: part.limit]
    return rows, part.cursor(rows[-1]) if len(found) > part.limit else None


def _capped(found: int, most: int = LARGEST_EXACT_TOTAL) -> tuple[int, bool]:
    return min(found, most), found <= most


def _facets(session: Session, selection: Selection) -> tuple[int, FacetsOut]:
    rows = facets_statement(selection.where()).all(session, **dict(selection.values))
    found: dict[str, list[FacetOut]] = {name: [] for name in FacetsOut.model_fields}
    total = 0
    for row in rows:
        told = {name: getattr(row, name) for name in found if getattr(row, name) is not None}
        if not told:
            total = row.found
        for name, value in told.items():
            found[name].append(FacetOut(value=value, count=row.found))
    return total, FacetsOut(**found)


def page_json(found: Found, query: Filtered, next_address: str | None) -> str:
    """The answer of a list, as `BooksOut` or `SearchOut` say it.

    Written without them: a model of every book would cost more than finding it.
    """
    shown = query.fields.split(",") if query.fields else FIELDS
    pages = -(-found.total // query.limit) if query.page else None
    told = {
        "items": [{name: getattr(row, name) for name in shown} for row in found.rows],
        "total": found.total,
        "total_exact": found.is_exact,
        "next": next_address,
        "page": query.page,
        "per_page": query.limit,
        "pages": pages,
    }
    if found.facets is not None:
        told["facets"] = found.facets.model_dump(mode="json")
    return json.dumps(told, ensure_ascii=False)


DETAIL = HotStatement(f"""
SELECT s.id AS snapshot_now, s.sha256, s.taken_at, s.books AS listed, {COLUMNS},
       b.description, b.price_without_tax::float8 AS price_without_tax, b.tax::float8 AS tax,
       b.currency, b.reviews, b.made_up, b.first_seen_at, b.last_seen_at, b.changed_at, b.gone_at,
       b.snapshot_id AS snapshot
FROM ({LATEST_SNAPSHOT}) s
LEFT JOIN books b ON b.id = cast(:book_id AS bigint)
LEFT JOIN book_categories c ON c.id = b.category_id
""")


def show_book(session: Session, book_id: int, fields: str | None) -> tuple[Edition, str]:
    """All that is known of a book, as the JSON of a `BookDetailOut`; of those gone, too.

    Raises:
        BookNotFound: There is no such book.
    """
    row = DETAIL.one_or_none(session, book_id=book_id)
    if row is None or row.id is None:
        raise BookNotFound
    edition = Edition(row.snapshot_now, row.sha256, row.taken_at, row.listed)
    shown = fields.split(",") if fields else DETAIL_FIELDS
    told = {name: getattr(row, name) for name in shown}
    return edition, json.dumps(told, ensure_ascii=False, default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat().replace("+00:00", "Z")
