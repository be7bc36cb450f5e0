"""Reading a shop by the queue: trigger, job, quarantine, snapshots, dumps, changes."""

import csv
import io
import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow.parquet as pq
import pytest

from chalicelib.books.dump_files import COLUMNS
from chalicelib.core import settings
from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job
from chalicelib.core.uploads import object_store
from functions.books.scrape_catalogue import handler
from infra.local.bookshop import Fault, Shop
from infra.local.bookshop.pages import book_path
from infra.local.bookshop.server import ShopServer
from tests.books.conftest import BOOKS, SITE, a_book, found_of, next_run, publish, rows
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.work import finished_job, work_off

TRIGGER = "/api/v1/scraping/trigger"


def scraped(client: Client, **body: Any) -> dict[str, Any]:
    """The job of a run that was asked for and worked off."""
    return finished_job(client, client.post(TRIGGER, body))


def stored(address: str) -> bytes:
    """The object that a signed address of a directory leads to."""
    name = address.partition("?")[0].rpartition("/casa/")[2]
    return object_store().read(f"casa/{name}")


# Asking for a run.


def test_only_admins_may_ask(client_of: MakeUser, anonymous: Client) -> None:
    assert_problem(anonymous.post(TRIGGER, {}), 401, "Unauthorized")
    for role in set(Role) - {Role.ADMIN}:
        assert client_of(role).post(TRIGGER, {}).status == 403


def test_a_body_is_not_needed(admin: Client) -> None:
    answer = admin.post(TRIGGER)
    assert answer.status == 202
    assert rows("SELECT message ->> 'base_url' FROM jobs") == [(SITE,)]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://169.254.169.254/", "x"])
def test_a_shop_that_is_not_on_the_list_is_refused(admin: Client, url: str) -> None:
    assert_problem(admin.post(TRIGGER, {"base_url": url}), 422, "SourceNotAllowed")
    assert rows("SELECT count(*) FROM jobs") == [(0,)]


def test_fields_that_are_unknown_or_of_another_type_are_refused(admin: Client) -> None:
    for body in ({"url": SITE}, {"accept_smaller": 1}, {"base_url": 7}):
        assert_problem(admin.post(TRIGGER, body), 422, "ValidationFailed")


def test_a_shop_named_in_the_query_is_not_passed_over(admin: Client) -> None:
    refused = admin.post(f"{TRIGGER}?base_url=http://127.0.0.1:8000/")
    assert_problem(refused, 422, "ValidationFailed")
    assert rows("SELECT count(*) FROM jobs") == [(0,)]


def test_who_asks_again_gets_the_job_that_runs(admin: Client) -> None:
    answers: list[Answer] = []
    ask = [
        threading.Thread(target=lambda: answers.append(admin.post(TRIGGER, {}))) for _ in range(4)
    ]
    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    run = next_run()
    assert admin.post(TRIGGER, {"accept_smaller": True}).json["id"] == str(run.job_id)


# A whole run.


@pytest.mark.slow
def test_a_run_makes_the_catalogue_and_puts_aside_what_it_could_not_read(
    admin: Client, anonymous: Client, shop: ShopServer
) -> None:
    broken = book_path(shop.shop.books[4])
    shop.faults[broken] = Fault(body=shop.shop.pages[broken].replace(b"<th>UPC</th>", b""))
    job = scraped(admin)
    assert job["state"] == "succeeded", job
    report = job["result"]
    assert (report["books"], report["new"], report["errors"]) == (BOOKS - 1, BOOKS - 1, 1)
    assert report["made_up"]
    assert shop.agents == {"Previsto/1.0 (+mailto:catalogo@example.com)"}

    run = admin.get(f"/api/v1/scraping/runs/{job['id']}").json
    assert (run["state"], run["made_up"], run["snapshot"]) == ("succeeded", True, 1)
    assert (run["books"], run["errors"], run["stated"]) == (BOOKS - 1, 1, BOOKS)
    assert run["pages"] > BOOKS
    assert admin.get("/api/v1/scraping/runs").json["items"] == [run]

    (page,) = admin.get("/api/v1/scraping/quarantine", run=job["id"]).json["items"]
    assert (page["reason"], page["kind"], page["status"]) == ("Falta: UPC.", "book", 200)
    assert page["url"].endswith(broken)
    assert admin.get(f"/api/v1/scraping/quarantine/{page['id']}").json == page
    answer = admin.get(f"/api/v1/scraping/quarantine/{page['id']}/page")
    assert (answer.status, answer.headers["Cache-Control"]) == (303, "no-store")
    assert b"<th>UPC</th>" not in stored(answer.headers["Location"])
    assert b"product_page" in stored(answer.headers["Location"])

    kept = admin.get(f"/api/v1/scraping/runs/{job['id']}/csv")
    lines = list(csv.DictReader(io.StringIO(stored(kept.headers["Location"]).decode())))
    assert len(lines) == BOOKS - 1

    del shop.faults[broken]
    again = scraped(admin)["result"]
    assert (again["new"], again["unchanged"], again["books"]) == (1, BOOKS - 1, BOOKS)
    assert anonymous.get("/api/v1/snapshots").json["total"] == 2


@pytest.mark.slow
def test_a_run_that_is_cancelled_leaves_the_catalogue_alone(
    admin: Client, shop: ShopServer
) -> None:
    accepted = admin.post(TRIGGER, {})
    shop.faults["/"] = Fault(hang_seconds=1.5)
    worker = threading.Thread(target=work_off)
    worker.start()
    path = f"/jobs/{accepted.json['id']}"
    for _ in range(200):
        if shop.asked["/"]:
            break
        worker.join(0.05)
    assert admin.post(f"{path}/cancelar").status == 200
    worker.join(30)
    assert admin.get(path).json["state"] == "cancelled"
    run = admin.get(f"/api/v1/scraping/runs/{accepted.json['id']}").json
    assert (run["state"], run["snapshot"]) == ("cancelled", None)
    assert rows("SELECT count(*) FROM books") == [(0,)]


@pytest.mark.slow
def test_a_job_tells_how_far_it_is(admin: Client, shop: ShopServer) -> None:
    accepted = admin.post(TRIGGER, {})
    for book in shop.shop.books[::3]:
        shop.faults[book_path(book)] = Fault(hang_seconds=0.4)
    worker = threading.Thread(target=work_off)
    worker.start()
    steps, numbers = set(), set()
    while worker.is_alive():
        steps.add(admin.get(f"/jobs/{accepted.json['id']}").json["step"])
        run = admin.get(f"/api/v1/scraping/runs/{accepted.json['id']}")
        if run.status == 200:
            numbers.add(run.json["books"])
        worker.join(0.1)
    assert any("páginas" in step and "livros" in step for step in steps if step)
    assert len(numbers) > 2


@pytest.mark.slow
def test_a_site_that_is_away_fails_the_run_and_is_tried_again(
    admin: Client, shop: ShopServer
) -> None:
    shop.faults["/"] = Fault(503)
    job = scraped(admin)
    assert (job["state"], job["error"]["title"]) == ("queued", "SiteUnreachable")
    run = admin.get(f"/api/v1/scraping/runs/{job['id']}").json
    assert (run["state"], run["error"]["title"]) == ("failed", "SiteUnreachable")


@pytest.mark.slow
def test_a_message_that_names_another_shop_is_refused_by_the_worker_too(
    admin: Client, shop: ShopServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = admin.post(TRIGGER, {})
    monkeypatch.setenv("BOOKS_BASE_URL", SITE)
    settings.settings.cache_clear()
    job = finished_job(admin, accepted)
    assert (job["state"], job["error"]["title"]) == ("failed", "SourceNotAllowed")
    assert shop.asked == {}


@pytest.mark.slow
def test_a_run_delivered_twice_is_done_once(admin: Client, shop: ShopServer) -> None:
    job = scraped(admin)
    asked = shop.asked["/"]
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        found = session.get_one(Job, UUID(job["id"]))
        found.state, found.finished_at, found.attempt_limit = "queued", None, 9  # type: ignore[assignment]
    event = {"Records": [{"messageId": "1", "body": json.dumps({"job": job["id"]})}]}
    assert handler(event, None) == {"batchItemFailures": []}
    again = admin.get(f"/jobs/{job['id']}").json
    assert (again["state"], again["result"]) == ("succeeded", job["result"])
    assert shop.asked["/"] == asked
    assert rows("SELECT count(*) FROM book_snapshots") == [(1,)]


@pytest.mark.slow
def test_a_shop_that_shrank_fails_with_the_numbers_until_an_admin_takes_it(
    admin: Client, shop: ShopServer
) -> None:
    assert scraped(admin)["state"] == "succeeded"
    shop.shop = Shop(shop.shop.books[:40])
    job = scraped(admin)
    assert (job["state"], job["error"]["title"]) == ("failed", "CatalogueTooSmall")
    assert "achou 40 livros" in job["error"]["detail"]
    assert rows("SELECT count(*) FROM books WHERE gone_at IS NULL") == [(BOOKS,)]
    taken = scraped(admin, accept_smaller=True)["result"]
    assert (taken["books"], taken["gone"]) == (40, 20)
    assert rows("SELECT ator FROM auditoria WHERE acao = 'catalogo.menor_aceito'") == [
        (admin.subject,)
    ]


# What others may see of it.


def test_runs_and_quarantine_are_for_admins(anonymous: Client, operador: Client) -> None:
    run = uuid4()
    for path in (
        "runs",
        f"runs/{run}",
        f"runs/{run}/csv",
        "quarantine",
        "quarantine/1",
        "quarantine/1/page",
    ):
        assert anonymous.get(f"/api/v1/scraping/{path}").status == 401
        assert operador.get(f"/api/v1/scraping/{path}").status == 403


def test_what_is_not_there_is_404(admin: Client, anonymous: Client) -> None:
    for path, title in (
        (f"scraping/runs/{uuid4()}", "RunNotFound"),
        (f"scraping/runs/{uuid4()}/csv", "RunNotFound"),
        ("scraping/quarantine/1", "QuarantinedPageNotFound"),
        ("scraping/quarantine/1/page", "QuarantinedPageNotFound"),
    ):
        assert_problem(admin.get(f"/api/v1/{path}"), 404, title)
    for path, title in (
        ("snapshots/1", "SnapshotNotFound"),
        ("snapshots/latest", "NothingReadYet"),
        ("dumps/latest/csv", "NothingReadYet"),
        ("ml/features", "NothingReadYet"),
        ("ml/training-data?format=csv", "NothingReadYet"),
        ("snapshots/-1", "SnapshotNotFound"),
        ("dumps/1/csv", "SnapshotNotFound"),
        ("dumps/latest/xlsx", "DumpUnknown"),
        ("books/1/history", "BookNotFound"),
    ):
        assert_problem(anonymous.get(f"/api/v1/{path}"), 404, title)


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


def test_a_run_whose_worker_died_is_not_said_to_go_on(admin: Client) -> None:
    dead, alive = next_run(), next_run()
    states = {row["id"]: row["state"] for row in admin.get("/api/v1/scraping/runs").json["items"]}
    assert states == {str(dead.job_id): "failed", str(alive.job_id): "running"}


def test_a_run_that_lost_its_lease_changes_nothing(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    from chalicelib.books.schemas import ScrapeMessage
    from chalicelib.books.service_scrape import make_catalogue
    from chalicelib.core.runs import LeaseLost

    run = next_run()
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.get_one(Job, run.job_id).attempt = 2
    message = ScrapeMessage.model_validate(run.message)
    with pytest.raises(LeaseLost):
        make_catalogue(run, found_of([a_book(1)]), message, lambda _: (), tmp_path)
    assert rows("SELECT count(*) FROM books") == [(0,)]
