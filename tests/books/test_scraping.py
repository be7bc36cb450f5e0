"""Reading a shop by the queue: trigger, job, quarantine."""

import csv
import io
import json
import threading
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from chalicelib.core import settings
from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import Job
from functions.books.scrape_catalogue import handler
from infra.local.bookshop import Fault, Shop
from infra.local.bookshop.pages import book_path
from infra.local.bookshop.server import ShopServer
from tests.books.asking import stored
from tests.books.conftest import BOOKS, SITE, a_book, found_of, next_run, rows
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.work import finished_job, work_off

TRIGGER = "/api/v1/scraping/trigger"


def scraped(client: Client, **body: Any) -> dict[str, Any]:
    """The job of a run that was asked for and worked off."""
    return finished_job(client, client.post(TRIGGER, body))


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
