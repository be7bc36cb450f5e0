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

FEW, VERY_FEW = 32, 8
"""What fewer of the nearest books have is rare: all of it may be read to be put in another order.
Of what fewer still have the index is read whole, rather than block by block."""

FIRST = 50
"""How many of what is rare, but too much to be counted, are put in order for its first pages."""

MANY_BOOKS, MOST_OF_MANY = 10_000, 200
"""Of a catalogue of more books than the first a search by words counts no more than the second:
each book that is counted is read, and those of a large catalogue are seldom in memory."""

MOST_LARGE = 64
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

    @property
    def beyond_small(self) -> int:
        """The first id that no small block has."""
        return (self.small[-1] + 1) << SMALL if self.small else 0

    @property
    def beyond_large(self) -> int:
        """The first id beyond the large blocks."""
        return (self.large[-1] + 1) << LARGE if self.large else 0


@dataclass(frozen=True)
class Matches:
    """What was found, as far as it was counted.

    Attributes:
        ids: Of all books found if `is_all`, else of the first of them; in order.
        total: How many were counted.
        is_all: Whether there are no more.
        is_rare: Whether there are so few that all of them may be read for a page.
        facets: What those that are counted have.
    """

    ids: "array[int]"
    total: int
    is_all: bool
    is_rare: bool
    facets: FacetsOut

    def has(self, part: Slice) -> bool:
        """Whether they hold a page, and the one book more that says whether another follows."""
        if self.is_all:
            return True
        if part.key is not SortKey.ID or part.is_descending:
            return False
        first = part.left_out if part.after is None else bisect_right(self.ids, part.after[1])
        return first + part.limit < len(self.ids)


@dataclass
class _Gathered:
    """Columns of the books found so far.

    Attributes:
        enough: How many are looked for.
    """

    enough: int
    ids: "array[int]" = field(default_factory=lambda: array("q"))
    categories: list[int] = field(default_factory=list)
    ratings: list[int] = field(default_factory=list)
    available: list[int] = field(default_factory=list)

    @property
    def wanted(self) -> int:
        """How many more."""
        return self.enough - len(self.ids)

    def add(self, row: Any) -> None:
        self.ids.extend(row.ids or ())
        self.categories += row.categories or ()
        self.ratings += row.ratings or ()
        self.available += row.available or ()


@dataclass(frozen=True)
class _Search:
    """A selection that has words, and where books are."""

    session: Session
    selection: Selection
    blocks: Blocks

    def near(self, found: _Gathered) -> None:
        """Add the first of the nearest books, in order."""
        small = [number * 2 for number in self.blocks.small]
        self._look(in_blocks, found, blocks=small, start=0)

    def far(self, found: _Gathered) -> int:
        """Add the first of those beyond, in order, and say from which id on nobody has looked."""
        start = self.blocks.beyond_small
        if start <= self.blocks.highest:
            large = [number * 2 + 1 for number in self.blocks.large]
            self._look(in_blocks, found, blocks=large, start=start)
        return self.blocks.beyond_large

    def anywhere(self, found: _Gathered, start: int) -> None:
        """Add some from an id on, in no order."""
        if found.wanted and start <= self.blocks.highest:
            self._look(anywhere, found, start=start)

    def _look(
        self,
        make: Callable[[tuple[str, ...], bool], HotStatement],
        found: _Gathered,
        **values: Any,
    ) -> None:
        of_categories = self.selection.categories is not None
        statement = make(self.selection.conditions, of_categories)
        values = {**self.selection.parameters, **values, "rows": found.wanted}
        found.add(statement.one_or_none(self.session, **values))


def find_by_words(session: Session, selection: Selection, edition: Edition) -> Matches:
    """The books of a selection that has words; worked out once for an edition."""
    return kept_answers().get(
        edition, ("words", selection), lambda: _find(session, selection, edition)
    )


def _find(session: Session, selection: Selection, edition: Edition) -> Matches:
    blocks = kept_answers().get(edition, "blocks", lambda: _blocks(session))
    names = kept_answers().get(edition, "names", lambda: _names(session))
    search, most = _Search(session, selection, blocks), _most_counted(edition)
    found = _Gathered(most + 1)
    search.near(found)
    near = len(found.ids)
    first = found
    # What the index does not have is told of each book that it finds: a block costs more then.
    if near < (VERY_FEW if is_indexed(selection.conditions) else FEW):
        first = _Gathered(FIRST, found.ids[:])
        search.anywhere(found, blocks.beyond_small)
    elif found.wanted:
        search.anywhere(found, search.far(found))
    is_all = found.wanted > 0
    if first is not found and not is_all and is_indexed(selection.conditions):
        search.far(first)  # Those found anywhere are not the first.
    ids = array("q", sorted(found.ids if is_all else first.ids))
    total, facets = min(len(found.ids), most), _facets(found, most, names)
    return Matches(ids, total, is_all, near < FEW, facets)


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


def is_indexed(conditions: tuple[str, ...]) -> bool:
    """Whether the index has all that is asked for: words, and categories."""
    return conditions == ("title",)


def rare(conditions: tuple[str, ...], of_categories: bool) -> tuple[str, bool]:
    """How few books are found among all, as SQL, and whether by one plan for all values.

    What is rare are the words, unless something else is asked for as well.
    """
    is_prepared = is_indexed(conditions)
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


def _facets(found: _Gathered, most: int, names: Mapping[int, str]) -> FacetsOut:
    # A name is missing where the catalogue has changed since: so has the edition.
    known = [names[each] for each in found.categories[:most] if each in names]
    return FacetsOut(
        category=_counted(known),
        rating=_counted(found.ratings[:most]),
        availability=_counted(each == 1 for each in found.available[:most]),
    )


def _counted(values: Iterable[str] | Iterable[int]) -> list[FacetOut]:
    """How many there are of each, most frequent first."""
    ranked = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    return [FacetOut(value=value, count=count) for value, count in ranked]
