"""What stays of each run: snapshots, dumps, changes, and a book's history."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq

from chalicelib.books.dump_files import COLUMNS
from tests.books.asking import stored
from tests.books.conftest import SITE, a_book, found_of, publish
from tests.client import Client, assert_problem


def test_a_snapshot_is_given_out_whole_in_three_forms(anonymous: Client, tmp_path: Path) -> None:
    books = [
        a_book(1, title='Aspas "duplas", vírgula', description="Duas\nlinhas"),
        a_book(2, description=None, copies=0, available=False),
    ]
    publish(found_of(books), tmp_path)
    snapshot = anonymous.get("/api/v1/snapshots/latest").json
    assert snapshot == anonymous.get("/api/v1/snapshots/1").json
    assert (snapshot["books"], snapshot["made_up"], snapshot["base_url"]) == (2, False, SITE)
    whole = {}
    for formato in ("csv", "ndjson", "parquet"):
        answer = anonymous.get(f"/api/v1/dumps/{snapshot['id']}/{formato}")
        assert (answer.status, answer.headers["Cache-Control"]) == (303, "no-store")
        whole[formato] = stored(answer.headers["Location"])
        assert len(whole[formato]) == snapshot["dumps"][formato]["size_bytes"]
    table = pq.read_table(io.BytesIO(whole["parquet"])).to_pylist()
    assert [row["id"] for row in table] == [1, 2]
    assert table[0]["price"] == Decimal("10.50")
    assert table[1]["description"] is None
    told = [json.loads(line) for line in whole["ndjson"].decode().splitlines()]
    assert (told[0]["price"], told[0]["title"]) == (10.5, books[0].title)
    read = list(csv.DictReader(io.StringIO(whole["csv"].decode())))
    assert tuple(read[0]) == COLUMNS
    assert (read[0]["title"], read[0]["price"]) == (books[0].title, "10.50")
    assert (read[1]["available"], read[1]["copies"]) == ("false", "0")


def test_changes_are_a_feed_that_is_read_on(anonymous: Client, tmp_path: Path) -> None:
    many = [a_book(n) for n in range(1, 41)]
    publish(found_of(many), tmp_path)
    first = anonymous.get("/api/v1/changes", limit=100).json
    assert (first["total"], {each["kind"] for each in first["items"]}) == (40, {"new"})
    since = first["items"][-1]["at"]
    assert anonymous.get("/api/v1/changes", since=since).json["items"] == []
    dearer = many[0].model_copy(update={"price": Decimal("99.90"), "category": "Outra"})
    publish(found_of([dearer, *many[2:]]), tmp_path)
    changed, gone = anonymous.get("/api/v1/changes", since=since).json["items"]
    assert (changed["kind"], changed["price"], changed["category"]) == ("changed", 99.9, "Outra")
    assert changed["before"] == {"price": 10.5, "category": "Estante 1"}
    assert changed["fields"] == ["price", "category"]
    assert (gone["kind"], gone["book_id"], gone["available"]) == ("gone", 2, False)
    assert gone["before"] == {"available": True, "copies": 3}
    assert [
        each["kind"] for each in anonymous.get("/api/v1/changes", kind="gone").json["items"]
    ] == ["gone"]


def test_a_feed_begins_after_an_instant_a_snapshot_or_on_a_day(
    anonymous: Client, tmp_path: Path
) -> None:
    publish(found_of([a_book(1), a_book(2)]), tmp_path)
    publish(found_of([a_book(1, copies=1), a_book(2)]), tmp_path)
    first, second = ({**each} for each in anonymous.get("/api/v1/snapshots").json["items"][::-1])

    def found(since: object) -> int:
        answer = anonymous.get(f"/api/v1/changes?since={since}")
        assert answer.status == 200, answer.json
        return int(answer.json["total"])

    assert [found(n) for n in (0, first["id"], second["id"])] == [3, 1, 0]
    assert [found(each["taken_at"]) for each in (first, second)] == [1, 0]
    assert found(first["taken_at"].replace("Z", "+00:00")) == 1, "a plus is a blank in a query"
    assert found(first["taken_at"].replace("Z", "%2B00:00")) == 1
    assert (found("2020-02-29"), found("2199-12-31")) == (3, 0)
    # Seconds since 1970 are the number of no snapshot, rather than an instant or everything.
    assert_problem(anonymous.get("/api/v1/changes?since=1795274300"), 404, "SnapshotNotFound")
    for nonsense in ("2026-02-30", "2026-11-21T00:00:00", "ontem", "", "-1", "1.5", "9" * 19):
        refused = anonymous.get(f"/api/v1/changes?since={nonsense}")
        (error,) = assert_problem(refused, 422, "ValidationFailed")["errors"]
        assert (error["campo"], "such as 2026-" in error["erro"]) == ("since", True), nonsense


def test_a_feed_in_pages_leaves_nothing_out(anonymous: Client, tmp_path: Path) -> None:
    publish(found_of([a_book(n) for n in range(1, 26)]), tmp_path)
    path, seen = "/api/v1/changes?limit=10", []
    while path:
        page = anonymous.get(path).json
        seen += [each["book_id"] for each in page["items"]]
        path = page["next"]
    assert seen == list(range(1, 26))
    assert_problem(anonymous.get("/api/v1/changes", cursor="x"), 400, "CursorInvalid")
    for query in ({"since": "ontem"}, {"kind": "x"}, {"limit": 0}, {"other": 1}):
        assert anonymous.get("/api/v1/changes", **query).status == 422


def test_a_book_tells_of_its_prices_and_stock(anonymous: Client, tmp_path: Path) -> None:
    publish(found_of([a_book(1), a_book(2)]), tmp_path)
    publish(found_of([a_book(1, price=Decimal("8.00"), copies=1), a_book(2)]), tmp_path)
    told = anonymous.get("/api/v1/books/1/history").json
    assert [(each["price"], each["copies"]) for each in told["items"]] == [(8.0, 1), (10.5, 3)]
    assert anonymous.get("/api/v1/books/2/history").json["total"] == 1
