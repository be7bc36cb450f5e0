"""Files that were kept long enough are removed; what they were made of stays."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from chalicelib.books.found import PageKind, UnreadPage
from chalicelib.books.service_removal import FOLDERS, remove_old_files
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store
from tests.books.conftest import SITE, a_book, found_of, publish, rows
from tests.client import Client, assert_problem

KEPT = timedelta(days=90)
UNREAD = UnreadPage(f"{SITE}catalogue/x/index.html", PageKind.BOOK, 200, "Falta: UPC.", "x.html")


def files(*folders: str) -> list[str]:
    """Keys of what the catalogue has stored."""
    return [found.key for name in folders or FOLDERS for found in object_store().list(name)]


@pytest.fixture
def two_snapshots(environment: dict[str, str], tmp_path: Path) -> None:
    """One that found a book and could not read another, and one that found the book dearer."""
    (tmp_path / "x.html").write_text("<html></html>")
    publish(found_of([a_book(1)], unread=[UNREAD]), tmp_path, accept_smaller=True)
    publish(found_of([a_book(1, price=Decimal("99.00"))]), tmp_path)


def test_files_stay_for_their_days(two_snapshots: None) -> None:
    assert remove_old_files(utc_now() + KEPT - timedelta(minutes=1)) == 0
    assert len(files()) == 2 * 3 + 2 + 1


def test_the_newest_dumps_stay_and_the_others_say_where_the_data_are(
    two_snapshots: None, admin: Client, anonymous: Client
) -> None:
    before = anonymous.get("/api/v1/snapshots").json["items"]
    assert {each["kept"] for row in before for each in row["dumps"].values()} == {True}
    assert remove_old_files(utc_now() + KEPT) == 3 + 2 + 1
    assert [key.rpartition("/")[0] for key in files()] == ["casa/books/snapshots/2"] * 3
    assert anonymous.get("/api/v1/dumps/latest/csv").status == 303
    gone = assert_problem(anonymous.get("/api/v1/dumps/1/csv"), 410, "DumpGone")
    assert "/api/v1/ml/training-data?snapshot=" in gone["detail"]
    newest, oldest = anonymous.get("/api/v1/snapshots").json["items"]
    assert newest == before[0]
    digest = before[1]["dumps"]["csv"]["sha256"]
    assert oldest["dumps"]["csv"]["sha256"] == digest
    assert not oldest["dumps"]["csv"]["kept"]
    assert anonymous.get("/api/v1/books/1/history").json["total"] == 2
    assert anonymous.get("/api/v1/ml/features?snapshot=1").json["items"][0]["price"] == 10.5
    assert anonymous.get("/api/v1/changes?since=0").json["total"] == 2


def test_a_run_outlives_its_csv_and_its_pages(two_snapshots: None, admin: Client) -> None:
    remove_old_files(utc_now() + KEPT)
    run = admin.get("/api/v1/scraping/runs").json["items"][1]
    assert (run["errors"], run["snapshot"]) == (1, 1)
    assert_problem(admin.get(f"/api/v1/scraping/runs/{run['id']}/csv"), 404, "RunCsvNotFound")
    assert admin.get("/api/v1/scraping/quarantine").json["items"] == []


def test_what_came_to_nothing_is_removed_as_well(two_snapshots: None) -> None:
    orphans = [f"{folder}99/livros.csv" for folder in FOLDERS]
    for key in orphans:
        object_store().put(key, b"", content_type="text/csv")
    remove_old_files(utc_now() + KEPT - timedelta(minutes=1))
    assert set(orphans) <= set(files())
    remove_old_files(utc_now() + KEPT)
    assert not set(orphans) & set(files())


def test_training_data_stay_for_good(two_snapshots: None) -> None:
    key = f"{HOUSE}/books/training/1/treino.csv"
    object_store().put(key, b"", content_type="text/csv")
    remove_old_files(utc_now() + timedelta(days=10_000))
    assert files(f"{HOUSE}/books/training/") == [key]


def test_a_store_that_is_away_is_left_for_tomorrow(
    two_snapshots: None, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def list(self, prefix: str) -> list[object]:
            raise StorageUnavailable(prefix)

    with monkeypatch.context() as patch:
        patch.setattr("chalicelib.books.service_removal.object_store", Away)
        assert remove_old_files(utc_now() + KEPT) == 0
    assert_problem(anonymous.get("/api/v1/dumps/1/csv"), 410, "DumpGone")
    assert remove_old_files(utc_now() + KEPT) == 3 + 2 + 1


def test_many_pages_are_forgotten_in_turns(two_snapshots: None) -> None:
    (run,) = {row[0] for row in rows("SELECT run_id FROM book_quarantine")}
    with unit_of_work(tenant=HOUSE) as session:
        session.execute(
            text(
                "INSERT INTO book_quarantine (run_id, url, kind, reason, found_at)"
                " SELECT :run, 'x', 'book', 'x', now() FROM generate_series(1, 5001)"
            ),
            {"run": run},
        )
    remove_old_files(utc_now() + KEPT)
    assert rows("SELECT count(*) FROM book_quarantine") == [(0,)]
