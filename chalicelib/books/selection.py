"""Books found, filtered, sorted and counted: the statements, each made once for its shape."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from chalicelib.books.edition import LATEST_SNAPSHOT
from chalicelib.books.schemas_questions import Filtered, SortKey
from chalicelib.core.pages import (
    AS_ID,
    LARGEST_EXACT_TOTAL,
    CursorInvalid,
    as_text,
    decode_cursor,
    encode_cursor,
)
from chalicelib.core.pg import PLANNED_FOR_VALUES
from chalicelib.core.statements import HotStatement

COLUMNS = """b.id, b.title, b.price::float8 AS price, b.rating, b.available AS availability,
       b.copies, c.name AS category, b.image_url, b.upc, b.url"""

MOST_FOUND = 1000
"""How many books a search counts, and looks at for its facets."""

KEYS = {
    SortKey.ID: "b.id",
    SortKey.TITLE: "b.title_search",
    SortKey.PRICE: "b.price",
    SortKey.RATING: "b.rating::int",
}
SORTED_BY = {**KEYS, SortKey.RATING: "b.rating"}
AS_DECIMAL = TypeAdapter(Decimal).validate_python
PARSERS: Mapping[SortKey, Callable[[Any], Any]] = {
    SortKey.ID: AS_ID,
    SortKey.TITLE: as_text,
    SortKey.PRICE: AS_DECIMAL,
    SortKey.RATING: TypeAdapter(int).validate_python,
}

# Every word must begin a word of the title; `word_search` has an index for it. Words have no
# quotes and no backslashes.
CONDITIONS = {
    "title": "b.title_words @@ consulta_de_palavras(:title)",
    "rating": "b.rating = cast(:rating AS smallint)",
    "min_rating": "b.rating >= cast(:min_rating AS smallint)",
    "max_rating": "b.rating <= cast(:max_rating AS smallint)",
    "price": "b.price = cast(:price AS numeric)",
    "min_price": "b.price >= cast(:min_price AS numeric)",
    "max_price": "b.price <= cast(:max_price AS numeric)",
    "available": "b.available",
    "unavailable": "NOT b.available",
}
LISTED = "b.gone_at IS NULL"

CATEGORIES = HotStatement("""
SELECT f.id FROM (
    SELECT c.id, rank() OVER (ORDER BY c.name_search <> sem_acentos(:category)) AS place
    FROM book_categories c WHERE starts_with(c.name_search, sem_acentos(:category))
) f WHERE f.place = 1 ORDER BY f.id
""")


def categories_named(session: Session, name: str) -> tuple[int, ...]:
    """Ids of the categories that are named so, or else of those whose names begin so."""
    return tuple(row.id for row in CATEGORIES.all(session, category=name))


@dataclass(frozen=True)
class Selection:
    """Which books: conditions by name, their values, and categories.

    Attributes:
        conditions: Names in `CONDITIONS`.
        values: What they are compared with.
        categories: Ids; None for all.
    """

    conditions: tuple[str, ...] = ()
    values: tuple[tuple[str, Any], ...] = ()
    categories: tuple[int, ...] | None = None

    @classmethod
    def of(cls, query: Filtered, categories: tuple[int, ...] | None) -> "Selection":
        """What a request asks for."""
        wanted = {
            "title": query.words,
            "rating": query.rating,
            "min_rating": query.min_rating,
            "max_rating": query.max_rating,
            "price": query.price,
            "min_price": query.min_price,
            "max_price": query.max_price,
        }
        values = tuple((name, value) for name, value in wanted.items() if value is not None)
        names = [name for name, _ in values]
        if query.availability is not None:
            names.append("available" if query.availability else "unavailable")
        return cls(tuple(names), values, categories)

    @property
    def is_all(self) -> bool:
        """Whether it leaves nothing out."""
        return not self.conditions and self.categories is None

    @property
    def parameters(self) -> dict[str, Any]:
        """What statements take, those too that have the categories as a parameter."""
        return {**dict(self.values), "categories": list(self.categories or ())}

    @property
    def is_of_prices(self) -> bool:
        """Whether prices alone decide: their index is right, whatever they are."""
        return self.categories is None and {"price", "min_price", "max_price"} >= {*self.conditions}

    @property
    def has_words(self) -> bool:
        """Whether words of the title are looked for."""
        return "title" in self.conditions

    def where(self) -> str:
        """As SQL. Ids of categories are written out: the planner knows how many books each has."""
        parts = [LISTED, *(CONDITIONS[name] for name in self.conditions)]
        if self.categories is not None:
            ids = ", ".join(map(str, self.categories))
            parts.append(f"b.category_id IN ({ids})" if ids else "false")
        return " AND ".join(parts)


@dataclass(frozen=True)
class Slice:
    """Which of them, in which order.

    Attributes:
        key: What they are sorted by.
        is_descending: Whether the highest come first.
        limit: How many.
        left_out: How many come before.
        after: Key and id of the book before; None at the beginning.
    """

    key: SortKey
    is_descending: bool
    limit: int
    left_out: int = 0
    after: tuple[Any, int] | None = field(default=None)

    @classmethod
    def of(cls, query: Filtered, otherwise: str) -> "Slice":
        """What a request asks for.

        Raises:
            CursorInvalid: The cursor is of another list, or another order.
        """
        key, is_descending = query.sorting(otherwise)
        after = None
        if query.cursor is not None:
            order = encode_order(key, is_descending=is_descending)
            parsers = (as_text, PARSERS[key], AS_ID)
            made_for, value, book_id = decode_cursor(query.cursor, parsers)
            if made_for != order:
                raise CursorInvalid
            after = (value, book_id)
        return cls(key, is_descending, query.limit, query.left_out, after)

    def cursor(self, last: Any) -> str:
        """Where the next page begins, given the last row of this one."""
        order = encode_order(self.key, is_descending=self.is_descending)
        return encode_cursor([order, last.sort_key, last.id])


def encode_order(key: SortKey, *, is_descending: bool) -> str:
    """An order in a cursor."""
    return f"{'-' * is_descending}{key}"


def books_statement(
    selection: Selection, part: Slice, rare: tuple[str, bool] | None = None
) -> tuple[HotStatement, dict[str, Any]]:
    """The statement that gives a page, after the columns of the edition, and its values.

    It gives a row of an edition and no book where none is found, and one book more than asked.

    Args:
        selection: Which books.
        part: Which of them.
        rare: How so few are found that all of them are gathered first, and whether by one plan
            for all values; None where they are met soon enough in their order.
    """
    prices_by_price = selection.is_of_prices and part.key is SortKey.PRICE
    where, is_prepared = rare or (selection.where(), selection.is_all or prices_by_price)
    shape = _books_sql(
        where,
        part.key,
        part.is_descending,
        is_after=part.after is not None,
        is_prepared=is_prepared,
    )
    return shape, {**selection.parameters, **_values(part)}


def ids_statement(part: Slice, ids: Sequence[int]) -> tuple[HotStatement, dict[str, Any]]:
    """The statement that gives a page of some books, and its values; one book more than asked.

    Args:
        part: Which of them, in which order.
        ids: Of all of them, in order.
    """
    if part.key is SortKey.ID and not part.is_descending:
        first = part.left_out if part.after is None else bisect_right(ids, part.after[1])
        ids = ids[first : first + part.limit + 1]
        part = Slice(part.key, part.is_descending, part.limit)
    statement = _ids_sql(part.key, part.is_descending, is_after=part.after is not None)
    return statement, {"ids": list(ids), **_values(part)}


def _values(part: Slice) -> dict[str, Any]:
    if part.after is None:
        return {"rows": part.limit + 1, "skip": part.left_out}
    return {"rows": part.limit + 1, "after_key": part.after[0], "after_id": part.after[1]}


@lru_cache(32)
def _ids_sql(key: SortKey, is_descending: bool, *, is_after: bool) -> HotStatement:
    where, order, offset = _sliced(key, is_descending, is_after=is_after)
    return HotStatement(f"""
SELECT {COLUMNS}, {KEYS[key]} AS sort_key
FROM books b JOIN book_categories c ON c.id = b.category_id
WHERE b.id = ANY (cast(:ids AS bigint[])) AND {LISTED}{where}
ORDER BY {order} LIMIT cast(:rows AS bigint){offset}
""")


def _sliced(key: SortKey, is_descending: bool, *, is_after: bool) -> tuple[str, str, str]:
    """As SQL: what must be true of what comes after, the order, and what is left out."""
    column, direction = SORTED_BY[key], "DESC" if is_descending else "ASC"
    kind = {SortKey.PRICE: "numeric", SortKey.TITLE: "text", SortKey.RATING: "smallint"}
    sign, where = "<" if is_descending else ">", ""
    if is_after and key is SortKey.ID:
        where = f" AND b.id {sign} cast(:after_id AS bigint)"
        where += " AND cast(:after_key AS bigint) IS NOT NULL"
    elif is_after:
        where = (
            f" AND ({column}, b.id) {sign}"
            f" (cast(:after_key AS {kind[key]}), cast(:after_id AS bigint))"
        )
    order = f"b.id {direction}" if key is SortKey.ID else f"{column} {direction}, b.id {direction}"
    return where, order, "" if is_after else " OFFSET cast(:skip AS bigint)"


# Which books is read off an index alone, the books themselves for one page only: a book takes more
# than a kilobyte, and what comes before a page may be 10,000.
@lru_cache(512)
def _books_sql(
    where: str, key: SortKey, is_descending: bool, *, is_after: bool, is_prepared: bool
) -> HotStatement:
    after, order, offset = _sliced(key, is_descending, is_after=is_after)
    direction = "DESC" if is_descending else "ASC"
    return HotStatement(f"""{"" if is_prepared else PLANNED_FOR_VALUES}
SELECT s.id AS snapshot, s.sha256, s.taken_at, s.books AS listed, p.*
FROM ({LATEST_SNAPSHOT}) s LEFT JOIN LATERAL (
    SELECT {COLUMNS}, {KEYS[key]} AS sort_key
    FROM (
        SELECT b.id FROM books b
        WHERE {where}{after} ORDER BY {order} LIMIT cast(:rows AS bigint){offset}
    ) k JOIN books b ON b.id = k.id JOIN book_categories c ON c.id = b.category_id
) p ON true ORDER BY p.sort_key {direction}, p.id {direction}
""")


def count_statement(selection: Selection) -> HotStatement:
    """How many there are, up to one more than is counted."""
    return _count_sql(selection.where(), is_prepared=selection.is_of_prices)


@lru_cache(512)
def _count_sql(where: str, *, is_prepared: bool) -> HotStatement:
    return HotStatement(f"""{"" if is_prepared else PLANNED_FOR_VALUES}
SELECT count(*) AS found
FROM (SELECT 1 FROM books b WHERE {where} LIMIT {LARGEST_EXACT_TOTAL + 1}) m
""")


@lru_cache(512)
def facets_statement(where: str) -> HotStatement:
    """What they have, and how many there are: the row where nothing is grouped by."""
    return HotStatement(f"""{PLANNED_FOR_VALUES}
WITH m AS MATERIALIZED (
    SELECT b.category_id, b.rating, b.available FROM books b WHERE {where}
    LIMIT {MOST_FOUND + 1}
), g AS (
    SELECT category_id, rating, available, count(*) AS found FROM m
    GROUP BY GROUPING SETS ((category_id), (rating), (available), ())
)
SELECT c.name AS category, g.rating, g.available AS availability, g.found
FROM g LEFT JOIN book_categories c ON c.id = g.category_id
ORDER BY g.found DESC, c.name, g.rating, g.available
""")
