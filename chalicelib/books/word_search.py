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
NEAREST = 8192
"""How many books are looked at first, in small blocks."""

FEW = 32
"""What fewer of the nearest books have is rare enough to be read off the index whole."""

MANY_BOOKS, MOST_OF_MANY = 10_000, 200
"""Of a catalogue of more books than the first a search by words counts no more than the second:
each book that is counted is read, and those of a large catalogue are seldom in memory."""

MOST_LARGE = 32
"""How many large blocks are looked at one by one."""

# Ids have gaps, where books are gone and where runs came to nothing: of large blocks without any
# book the next one with some is looked for.
BLOCKS = HotStatement(f"""
WITH RECURSIVE nearest AS (
    SELECT b.id FROM books b WHERE {LISTED} ORDER BY b.id LIMIT cast(:nearest AS bigint)
), large (block, place) AS (
    SELECT (SELECT max(id) FROM nearest) >> {LARGE}, 1
    UNION ALL
    SELECT (SELECT b.id >> {LARGE} FROM books b
            WHERE {LISTED} AND b.id >= (l.block + 1) << {LARGE} ORDER BY b.id LIMIT 1), l.place + 1
    FROM large l WHERE l.block IS NOT NULL AND l.place < {MOST_LARGE}
)
SELECT ARRAY(SELECT DISTINCT id >> {SMALL} AS block FROM nearest ORDER BY block) AS small,
       ARRAY(SELECT block FROM large WHERE block IS NOT NULL ORDER BY block) AS large,
       (SELECT max(b.id) FROM books b WHERE {LISTED}) AS highest
""")
NAMES = HotStatement("SELECT id, name FROM book_categories")


@dataclass(frozen=True)
class Blocks:
    """Where books are.

    Attributes:
        small: Numbers of the small blocks that the nearest books are in.
        large: Numbers of the large blocks from the last of them on that have books.
        highest: Id of all books; 0 where there are none.
    """

    small: tuple[int, ...]
    large: tuple[int, ...]
    highest: int


@dataclass(frozen=True)
class Matches:
    """The first books that were found, or some if they are rare.

    Attributes:
        ids: At most one more than are counted, in order; all there are where they are not more.
        facets: What those that are counted have.
        is_rare: Whether there are so few that all of them may be read for a page.
        most: How many are counted.
    """

    ids: "array[int]"
    facets: FacetsOut
    is_rare: bool
    most: int

    def has(self, part: Slice) -> bool:
        """Whether they hold a page, and the one book more that says whether another follows."""
        if len(self.ids) <= self.most:
            return True
        if self.is_rare or part.key is not SortKey.ID or part.is_descending:
            return False
        first = part.left_out if part.after is None else bisect_right(self.ids, part.after[1])
        return first + part.limit < len(self.ids)


@dataclass
class _Gathered:
    """Columns of the books found so far."""

    most: int
    ids: "array[int]" = field(default_factory=lambda: array("q"))
    categories: list[int] = field(default_factory=list)
    ratings: list[int] = field(default_factory=list)
    available: list[int] = field(default_factory=list)

    @property
    def wanted(self) -> int:
        """How many more."""
        return self.most + 1 - len(self.ids)

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
    blocks = kept_answers().get(edition, "blocks", lambda: _blocks(session))
    names = kept_answers().get(edition, "names", lambda: _names(session))
    found, is_rare = _Gathered(_most_counted(edition)), False

    def look(make: Callable[[tuple[str, ...], bool], HotStatement], **more: Any) -> None:
        statement = make(selection.conditions, selection.categories is not None)
        values = {**selection.parameters, **more, "rows": found.wanted}
        found.add(statement.one_or_none(session, **values))

    look(in_blocks, blocks=[number * 2 for number in blocks.small], start=0)
    start = (blocks.small[-1] + 1) << SMALL if blocks.small else 0
    if found.wanted and len(found.ids) >= FEW and start <= blocks.highest:
        look(in_blocks, blocks=[number * 2 + 1 for number in blocks.large], start=start)
        start = (blocks.large[-1] + 1) << LARGE
    if found.wanted and start <= blocks.highest:
        look(anywhere, start=start)
        is_rare = True
    return Matches(array("q", sorted(found.ids)), _facets(found, names), is_rare, found.most)


def _most_counted(edition: Edition) -> int:
    return MOST_FOUND if edition.books <= MANY_BOOKS else MOST_OF_MANY


def _blocks(session: Session) -> Blocks:
    row = BLOCKS.one_or_none(session, nearest=NEAREST)
    return Blocks(tuple(row.small), tuple(row.large), row.highest or 0)


def _names(session: Session) -> dict[int, str]:
    return {row.id: row.name for row in NAMES.all(session)}


# Most books have the ids from one on: no index shall be asked for it.
FROM_START = "(b.id >= cast(:start AS bigint)) IS TRUE"


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
        WHERE {where} AND blocos(b.id) @> ARRAY[s.block] AND {FROM_START} OFFSET 0
    ) f ORDER BY s.place, f.id LIMIT cast(:rows AS bigint)
    """)


@lru_cache(256)
def anywhere(conditions: tuple[str, ...], of_categories: bool) -> HotStatement:
    """Books from an id on, in no order: to have the first ones all would have to be read."""
    where, is_prepared = rare(conditions, of_categories)
    return _gathering(
        f"""
    SELECT b.id, b.category_id, b.rating, b.available FROM books b
    WHERE {where} AND {FROM_START} LIMIT cast(:rows AS bigint)
    """,
        "" if is_prepared else PLANNED_FOR_VALUES,
    )


def rare(conditions: tuple[str, ...], of_categories: bool) -> tuple[str, bool]:
    """How few books are found among all, as SQL, and whether by one plan for all values.

    What is rare are the words, unless something else is asked for as well.
    """
    is_prepared = conditions == ("title",)
    return _where(conditions, of_categories, "(SELECT {})" if is_prepared else "{}"), is_prepared


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
    known = [names[each] for each in found.categories[: found.most] if each in names]
    return FacetsOut(
        category=_counted(known),
        rating=_counted(found.ratings[: found.most]),
        availability=_counted(each == 1 for each in found.available[: found.most]),
    )


def _counted(values: Iterable[str] | Iterable[int]) -> list[FacetOut]:
    """How many there are of each, most frequent first."""
    ranked = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return [FacetOut(value=value, count=count) for value, count in ranked]
