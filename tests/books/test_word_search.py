"""Searching by words: the same books, whichever part of the index they are found through."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from chalicelib.books import word_search
from chalicelib.books.edition import newest_edition
from chalicelib.books.found import FoundBook
from chalicelib.books.word_search import anywhere, in_blocks
from chalicelib.core import settings
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.pg import make_engine
from chalicelib.core.statements import HotStatement
from tests.books.catalogue import publish_books, some_books
from tests.client import Client
from tests.conftest import forget_process_state

LEAVE_OUT = """
SELECT count(nextval(pg_get_serial_sequence('books', 'id'))) FROM generate_series(1, :ids)
"""
GAPS = (0, 1_100, 40_000)
SEARCHES = (
    "title=light",
    "title=light+attic",
    "title=l&category=poetry",
    "title=light&min_price=14&in_stock=true",
)


@pytest.fixture
def api(environment: dict[str, str], tmp_path: Path) -> Client:
    """Anybody, at a catalogue whose ids lie far apart: eight books after each of `GAPS`."""
    for place, gap in enumerate(GAPS, 1):
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            session.execute(text(LEAVE_OUT), {"ids": gap})
        publish_books(tmp_path, some_books(8 * place))
    return Client()


def walked(api: Client, search: str, limit: int, sort: str) -> list[int]:
    """Ids of all that a search finds, page by page."""
    address, seen = f"/api/v1/books/search?{search}&limit={limit}&sort={sort}", list[int]()
    while address:
        answer = api.get(address)
        assert answer.status == 200, answer.body
        seen += [item["id"] for item in answer.json["items"]]
        address = answer.json["next"]
    return seen


# How few are rare and very few, how many are counted, how many books are looked at first: found
# among the nearest, off the whole index, block by block, and more than are counted, by all or few.
WAYS = (
    *((32, 8, 1000, 8192), (32, 32, 1000, 8), (1, 0, 1000, 8), (1, 0, 3, 8)),
    *((32, 0, 3, 8), (32, 32, 3, 8)),
)


def test_pages_of_a_search_have_the_same_books_however_they_are_found(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_search, "FIRST", 4)
    for few, very_few, most, nearest in WAYS:
        monkeypatch.setattr(word_search, "FEW", few)
        monkeypatch.setattr(word_search, "VERY_FEW", very_few)
        monkeypatch.setattr(word_search, "NEAREST", nearest)
        monkeypatch.setattr(word_search, "MANY_BOOKS", 0)
        monkeypatch.setattr(word_search, "MOST_OF_MANY", most)
        forget_process_state()
        require_the_same(api, most)


def require_the_same(api: Client, most: int) -> None:
    everything = api.get("/api/v1/books?limit=100").json["items"]
    for search in SEARCHES:
        asked = dict(re.findall(r"(\w+)=([^&]+)", search))
        expected = [book["id"] for book in everything if answers(book, asked)]
        assert expected
        for sort in ("id", "-id", "-price"):
            found = walked(api, search, 3, sort)
            assert sorted(found) == expected, (search, sort, most)
            assert found == expected or sort != "id"
        first = api.get(f"/api/v1/books/search?{search}").json
        counted = min(len(expected), most)
        assert (first["total"], first["total_exact"]) == (counted, counted == len(expected))
        for facet in first["facets"].values():
            assert sum(each["count"] for each in facet) == counted
        skipped = api.get(f"/api/v1/books/search?{search}&skip=2&limit=2").json["items"]
        assert [item["id"] for item in skipped] == expected[2:4]


def answers(book: dict[str, object], asked: dict[str, str]) -> bool:
    """Whether a book is what was asked for, told without the database."""
    title = str(book["title"]).lower()
    wanted = asked["title"].replace("%27", "'").split("+")
    return (
        all(any(w.startswith(each) for w in title.split()) for each in wanted)
        and str(book["category"]).lower().startswith(asked.get("category", ""))
        and float(str(book["price"])) >= float(asked.get("min_price", 0))
        and (book["availability"] is True or "in_stock" not in asked)
        and str(book["rating"]) == asked.get("rating", str(book["rating"]))
    )


def test_words_longer_than_the_index_has_them_are_told_apart(
    environment: dict[str, str], tmp_path: Path
) -> None:
    longest = "otorrinolaringologista"
    titles = (longest, f"{longest}s", "otorrinolaringologicamente")
    books = some_books(3)
    publish_books(tmp_path, [renamed(*pair) for pair in zip(books, titles, strict=True)])
    api = Client()
    assert walked(api, f"title={longest}", 10, "id") == [1, 2]
    assert walked(api, f"title={longest}s", 10, "id") == [2]
    assert walked(api, "title=otorrinolaringolog", 10, "id") == [1, 2, 3]


def renamed(book: FoundBook, title: str) -> FoundBook:
    return book.model_copy(update={"title": title})


@pytest.fixture
def asked(api: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements asked from now on; eight books are near, and where all are is known."""
    monkeypatch.setattr("chalicelib.books.edition.TRUSTED_SECONDS", 3600.0)
    monkeypatch.setattr(word_search, "NEAREST", 8)
    newest_edition().forget()
    api.get("/api/v1/books/search?title=himalayas")
    asked: list[str] = []
    look = HotStatement.all

    def noted(statement: HotStatement, *rest: object, **params: object) -> object:
        asked.append(statement._sql)
        return look(statement, *rest, **params)  # type: ignore[arg-type]

    monkeypatch.setattr(HotStatement, "all", noted)
    return asked


def test_a_question_of_words_takes_two_statements(api: Client, asked: list[str]) -> None:
    assert api.get("/api/v1/books/search?title=only").json["total"] == 5
    assert len(asked) == 3, "near ids, further ones, the page"
    asked.clear()
    assert api.get("/api/v1/books/search?title=only&limit=2&skip=2").json["total"] == 5
    assert len(asked) == 1, "the page"


def test_first_pages_of_what_is_rare_but_not_counted_to_its_end_are_looked_for_in_order(
    api: Client, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_search, "MANY_BOOKS", 0)
    monkeypatch.setattr(word_search, "MOST_OF_MANY", 2)
    first = api.get("/api/v1/books/search?title=only&limit=2").json
    assert (first["total"], first["total_exact"]) == (2, False)
    assert len(asked) == 4, "near ids, some further ones, the first of them, the page"
    asked.clear()
    second = api.get("/api/v1/books/search?title=only&limit=2&skip=2").json
    assert len(asked) == 1, "the page"
    ids = [item["id"] for page in (first, second) for item in page["items"]]
    assert ids == walked(api, "title=only", 10, "id")[:4]
    monkeypatch.setattr(word_search, "FIRST", 3)
    forget_process_state()
    api.get("/api/v1/books/search?title=only&limit=2")
    asked.clear()
    assert len(api.get("/api/v1/books/search?title=only&limit=2&skip=3").json["items"]) == 2
    assert ["comecos" in sql for sql in asked if "FROM books b" in sql] == [True], "all gathered"


OTHERS = """
SELECT indexname FROM pg_indexes WHERE tablename = 'books'
    AND indexname NOT IN ('books_pkey', 'books_upc_key', 'books_found_idx')
"""
TYPES = {"title": "text", "rows": "bigint", "start": "bigint"}


@pytest.mark.parametrize("statement", [in_blocks(("title",), True), anywhere(("title",), True)])
def test_words_and_categories_are_read_off_one_index(
    environment: dict[str, str], statement: HotStatement
) -> None:
    """By a plan for no words in particular, as a prepared statement has it."""
    sql, names = statement._compiled
    for number in range(1, len(names) + 1):
        sql = sql.replace("%s", f"${number}", 1)
    types = ", ".join(TYPES.get(name, "bigint[]") for name in names)
    # An empty table is read by any index of it: the others are taken away for a moment.
    with make_engine(settings.settings().database_url, pool_size=0).connect() as connection:
        for name in connection.scalars(text(OTHERS)).all():
            connection.execute(text(f"DROP INDEX {name}"))
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        cursor = connection.connection.cursor()
        cursor.execute(f"PREPARE asked ({types}) AS {sql.strip()}")
        cursor.execute(f"EXPLAIN EXECUTE asked ({', '.join(['NULL'] * len(names))})")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        connection.rollback()
    condition = re.findall(r"Index Cond: .*", plan)[0]
    assert "books_found_idx" in plan
    assert "comecos(title_words)" in condition
    assert "ARRAY[category_id]" in condition
