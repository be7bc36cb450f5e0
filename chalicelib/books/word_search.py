"""Books found by words, whatever the words: rare, frequent, or the beginnings of many.

One index has every beginning of every word, and of each the list of its books. Its lists are read
whole, and those of frequent words are long; so beside the words it is asked for blocks of ids,
first for small ones, and left as soon as enough is found. How many the first blocks have tells
whether larger ones will do, or what is looked for is so rare that its lists are short.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.books.edition import Edition, kept_answers
from chalicelib.books.schemas_books import FacetOut, FacetsOut
from chalicelib.books.schemas_questions import SortKey
from chalicelib.books.selection import CONDITIONS, LISTED, MOST_FOUND, Selection, Slice
from chalicelib.core.pg import PLANNED_FOR_VALUES
from chalicelib.core.statements import HotStatement

# The blocks that the index knows, by `blocos`: of 1,024 ids and of 16,384.
SMALL, LARGE = 10, 14
MOST_LARGE = 32
"""How many large blocks are looked at one by one."""

FEW = 64
"""What has fewer books than this in a large block is rare enough to be read off the index whole."""

BOUNDS = HotStatement(f"""
SELECT e.lowest, e.highest, c.id, c.name
FROM (SELECT min(b.id) AS lowest, max(b.id) AS highest FROM books b WHERE {LISTED}) e
LEFT JOIN book_categories c ON true
""")


@dataclass(frozen=True)
class Bounds:
    """What there is to be found.

    Attributes:
        lowest: Of the ids of the books that are listed; 0 where there are none.
        highest: Likewise.
        names: Of categories, by their ids.
    """

    lowest: int
    highest: int
    names: Mapping[int, str]


@dataclass(frozen=True)
class Matches:
    """The first books that were found.

    Attributes:
        ids: At most one more than are counted, in order; all there are where they are not more.
        facets: What those that are counted have.
    """

    ids: "array[int]"
    facets: FacetsOut

    def has(self, part: Slice) -> bool:
        """Whether they hold a page, and the one book more that says whether another follows."""
        if len(self.ids) <= MOST_FOUND:
            return True
        if part.key is not SortKey.ID or part.is_descending:
            return False
        first = part.left_out if part.after is None else bisect_right(self.ids, part.after[1])
        return first + part.limit < len(self.ids)


@dataclass
class _Gathered:
    """Columns of the books found so far, in the order of their ids."""

    ids: "array[int]" = field(default_factory=lambda: array("q"))
    categories: list[int] = field(default_factory=list)
    ratings: list[int] = field(default_factory=list)
    available: list[int] = field(default_factory=list)

    @property
    def wanted(self) -> int:
        """How many more."""
        return MOST_FOUND + 1 - len(self.ids)

    def add(self, row: Any) -> None:
        self.ids.extend(row.ids or ())
        self.categories += row.categories or ()
        self.ratings += row.ratings or ()
        self.available += row.available or ()


def find_by_words(session: Session, selection: Selection, edition: Edition) -> Matches:
    """The books of a selection that has words; worked out once for an edition."""
    return kept_answers().get(
        edition, ("words", selection), lambda: _find(session, selection, edition)
    )


def _find(session: Session, selection: Selection, edition: Edition) -> Matches:
    bounds = kept_answers().get(edition, "bounds", lambda: _bounds(session))
    found, values = _Gathered(), dict(selection.values)
    if selection.categories is not None:
        values["categories"] = list(selection.categories)

    def look(make: Callable[[tuple[str, ...], bool], HotStatement], **more: Any) -> None:
        statement = make(selection.conditions, selection.categories is not None)
        found.add(statement.one_or_none(session, rows=found.wanted, **values, **more))

    lowest, highest = bounds.lowest, bounds.highest
    start = (lowest >> LARGE) + 1
    nearest = range(lowest >> SMALL, (min(highest, (start << LARGE) - 1) >> SMALL) + 1)
    look(in_blocks, blocks=[number * 2 for number in nearest])
    if found.wanted and len(found.ids) >= FEW:
        large = range(start, min(highest >> LARGE, start + MOST_LARGE - 1) + 1)
        look(in_blocks, blocks=[number * 2 + 1 for number in large])
        start = large.stop
    if found.wanted and start << LARGE <= highest:
        look(anywhere, start=start << LARGE)
    return Matches(found.ids, _facets(found, bounds.names))


def _bounds(session: Session) -> Bounds:
    rows = BOUNDS.all(session)
    names = {row.id: row.name for row in rows if row.id is not None}
    return Bounds(rows[0].lowest or 0, rows[0].highest or 0, names)


@lru_cache(256)
def in_blocks(conditions: tuple[str, ...], of_categories: bool) -> HotStatement:
    """The first books of some blocks of ids, block by block until there are enough.

    Its plan is the same for all values: what one block has is little, whatever is looked for.
    """
    where = _where(conditions, of_categories, "(SELECT {})")
    return _gathering(f"""
    SELECT f.* FROM unnest(cast(:blocks AS bigint[])) WITH ORDINALITY AS s (block, place)
    CROSS JOIN LATERAL (
        SELECT b.id, b.category_id, b.rating, b.available FROM books b
        WHERE {where} AND blocos(b.id) @> ARRAY[s.block] OFFSET 0
    ) f ORDER BY s.place, f.id LIMIT cast(:rows AS bigint)
    """)


@lru_cache(256)
def anywhere(conditions: tuple[str, ...], of_categories: bool) -> HotStatement:
    """The first books from an id on, of which no index shall be asked: most have it."""
    is_planned = conditions != ("title",)
    where = _where(conditions, of_categories, "{}" if is_planned else "(SELECT {})")
    return _gathering(
        f"""
    SELECT b.id, b.category_id, b.rating, b.available FROM books b
    WHERE {where} AND (b.id >= cast(:start AS bigint)) IS TRUE ORDER BY b.id LIMIT cast(:rows AS bigint)
    """,
        PLANNED_FOR_VALUES if is_planned else "",
    )


def _where(conditions: tuple[str, ...], of_categories: bool, evaluated: str) -> str:
    """As SQL; the words are taken from the title as `evaluated` says, once at the most."""
    wanted = evaluated.format("comecos_de_palavras(:title)")
    asked = evaluated.format("consulta_de_palavras(:title)")
    words = f"comecos(b.title_words) @> {wanted} AND b.title_words @@ {asked}"
    parts = [LISTED, words, *(CONDITIONS[name] for name in conditions if name != "title")]
    if of_categories:
        parts.append("ARRAY[b.category_id] && cast(:categories AS bigint[])")
    return " AND ".join(parts)


def _gathering(found: str, beginning: str = "") -> HotStatement:
    return HotStatement(f"""{beginning}
SELECT array_agg(m.id) AS ids, array_agg(m.category_id) AS categories,
       array_agg(m.rating::int) AS ratings, array_agg(m.available::int) AS available
FROM ({found}) m
""")


def _facets(found: _Gathered, names: Mapping[int, str]) -> FacetsOut:
    # A name is missing where the catalogue has changed since: so has the edition.
    known = [names[each] for each in found.categories[:MOST_FOUND] if each in names]
    return FacetsOut(
        category=_counted(known),
        rating=_counted(found.ratings[:MOST_FOUND]),
        availability=_counted(each == 1 for each in found.available[:MOST_FOUND]),
    )


def _counted(values: Iterable[str] | Iterable[int]) -> list[FacetOut]:
    """How many there are of each, most frequent first."""
    ranked = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return [FacetOut(value=value, count=count) for value, count in ranked]
