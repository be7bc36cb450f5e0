"""Jobs as those who asked for them see them: queued once, followed, cancelled, sent again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from chalicelib.core import runs
from chalicelib.core.auth import Role
from chalicelib.core.claims import claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.errors import InternalError
from chalicelib.core.jobs import LONGEST_RETRY, Job, JobState, enqueue, next_attempt
from chalicelib.core.settings import HOUSE
from chalicelib.core.sweep import remove_old_jobs
from chalicelib.core.telemetry import correlated
from tests.client import Client, assert_problem
from tests.conftest import Bell, MakeUser
from tests.core.conftest import MakeJob, change_job, job_row
from tests.core.sample import SAMPLE_QUEUE, Tiny

NOW = datetime(2026, 3, 2, 7, 15, tzinfo=UTC)


def test_job_is_queued_with_its_message_and_the_doorbell_rings(
    make_job: MakeJob, bell: Bell
) -> None:
    with correlated("the-request-that-asked"):
        job = job_row(make_job(7, owner="usuario:3"))
    assert (job.state, job.attempt, job.attempt_limit) == (JobState.QUEUED, 0, 3)
    assert (job.tenant, job.owner, job.message) == (HOUSE, "usuario:3", {"number": 7})
    assert job.request_id == "the-request-that-asked"
    assert bell.rings() == ["sample_queue"]


def test_job_of_a_transaction_that_rolls_back_never_was(
    environment: dict[str, str], bell: Bell
) -> None:
    def ask_then_fail() -> None:
        with unit_of_work(tenant=HOUSE) as session:
            enqueue(session, SAMPLE_QUEUE, Tiny(), tenant=HOUSE, owner="x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask_then_fail()
    assert bell.rings() == []
    assert claim(SAMPLE_QUEUE) is None


# One at a time.


def test_key_answers_the_job_that_is_not_over_yet(make_job: MakeJob, bell: Bell) -> None:
    first = make_job(key="churn")
    assert make_job(key="churn") == first
    run = claim(SAMPLE_QUEUE)
    assert run is not None
    assert make_job(key="churn") == first
    assert bell.rings() == ["sample_queue"]
    run.succeed(None)
    assert make_job(key="churn") != first


def test_jobs_without_a_key_are_never_one(make_job: MakeJob) -> None:
    assert make_job() != make_job()


def test_keys_of_two_tenants_are_two(make_job: MakeJob) -> None:
    assert make_job(key="churn") != make_job(key="churn", tenant="padaria")


def test_key_of_another_tenant_is_not_answered_to_who_sees_all(make_job: MakeJob) -> None:
    make_job(key="churn")
    theirs = make_job(key="churn", tenant="padaria")
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        found = enqueue(
            session, SAMPLE_QUEUE, Tiny(), tenant="padaria", owner="sistema", dedupe_key="churn"
        )
    assert found.id == theirs


def test_two_writers_of_one_key_make_one_job(make_job: MakeJob) -> None:
    with ThreadPoolExecutor(8) as writers:
        ids = set(writers.map(lambda _: make_job(key="churn"), range(8)))
    assert len(ids) == 1


def test_database_refuses_an_impossible_state(make_job: MakeJob) -> None:
    job_id = make_job()
    for assignments in ("state = 'lost'", "state = 'running'", "progress = 1.5"):
        with pytest.raises(IntegrityError):
            change_job(job_id, assignments)


# When a failed job is tried again.


def test_waits_double_from_ten_seconds_to_a_quarter_of_an_hour() -> None:
    waits = []
    for attempt in range(1, 9):
        again = next_attempt(attempt, 99, NOW)
        assert again is not None
        waits.append((again - NOW).total_seconds())
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900]


def test_last_attempt_is_the_last() -> None:
    assert next_attempt(2, 3, NOW) is not None
    assert next_attempt(3, 3, NOW) is None
    assert next_attempt(4, 3, NOW) is None


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_no_wait_is_longer_than_a_quarter_of_an_hour(attempt: int, limit: int) -> None:
    again = next_attempt(attempt, limit, NOW)
    assert (again is None) == (attempt >= limit)
    assert again is None or timedelta(0) < again - NOW <= LONGEST_RETRY


# Who sees what.


def test_owner_follows_their_job(operador: Client, make_job: MakeJob) -> None:
    job_id = make_job(owner=operador.subject)
    job = operador.get(f"/jobs/{job_id}").json
    assert (job["id"], job["state"], job["progress"]) == (str(job_id), "queued", 0)
    assert "message" not in job
    assert operador.get("/jobs").json["items"] == [job]


def test_job_of_somebody_else_is_404(
    operador: Client, client_of: MakeUser, make_job: MakeJob
) -> None:
    foreign = [
        make_job(owner=client_of(Role.OPERADOR).subject),
        make_job(owner=operador.subject, tenant="padaria"),
        uuid4(),
    ]
    for job_id in foreign:
        answers = [
            operador.get(f"/jobs/{job_id}"),
            operador.post(f"/jobs/{job_id}/cancelar"),
            operador.post(f"/jobs/{job_id}/reenviar"),
        ]
        for answer in answers:
            assert_problem(answer, 404, "JobNotFound")
    assert operador.get("/jobs").json["items"] == []
    assert {job_row(job_id).state for job_id in foreign[:2]} == {JobState.QUEUED}


def test_admin_sees_all_of_their_tenant_only(
    admin: Client, client_of: MakeUser, make_job: MakeJob
) -> None:
    ours, theirs = make_job(owner="usuario:8"), make_job(tenant="padaria")
    baker = client_of(Role.ADMIN, tenant="padaria")
    assert [job["id"] for job in admin.get("/jobs").json["items"]] == [str(ours)]
    assert [job["id"] for job in baker.get("/jobs").json["items"]] == [str(theirs)]
    assert admin.get(f"/jobs/{ours}").status == 200
    assert_problem(admin.get(f"/jobs/{theirs}"), 404, "JobNotFound")


def test_list_is_filtered_by_queue_and_state(admin: Client, make_job: MakeJob) -> None:
    job_id = make_job()
    assert admin.get("/jobs", queue="sample_queue", state="queued").json["total"] == 1
    assert admin.get("/jobs", queue="other_queue").json["total"] == 0
    assert admin.get("/jobs", state="failed").json["total"] == 0
    assert_problem(admin.get("/jobs", state="lost"), 422, "ValidationFailed")
    assert_problem(admin.get("/jobs/not-an-id"), 422, "ValidationFailed")
    assert job_row(job_id).state == JobState.QUEUED


# Cancelled, sent again.


def test_queued_job_is_cancelled_at_once(operador: Client, make_job: MakeJob) -> None:
    job_id = make_job(owner=operador.subject)
    job = operador.post(f"/jobs/{job_id}/cancelar").json
    assert (job["state"], job["cancel_requested"]) == ("cancelled", True)
    assert job["finished_at"] is not None
    assert claim(SAMPLE_QUEUE) is None


def test_running_job_is_asked_to_stop(operador: Client, make_job: MakeJob) -> None:
    job_id = make_job(owner=operador.subject)
    run = claim(SAMPLE_QUEUE)
    assert run is not None
    job = operador.post(f"/jobs/{job_id}/cancelar").json
    assert (job["state"], job["cancel_requested"]) == ("running", True)
    with pytest.raises(runs.RunCancelled):
        run.progress(1, 2, "somando")
    run.mark_cancelled()
    assert job_row(job_id).state == JobState.CANCELLED


def test_job_that_is_over_cannot_be_cancelled(operador: Client, make_job: MakeJob) -> None:
    job_id = make_job(owner=operador.subject)
    for state in ("succeeded", "failed", "cancelled"):
        change_job(job_id, "state = :state", state=state)
        assert_problem(operador.post(f"/jobs/{job_id}/cancelar"), 409, "JobFinished")


def test_failed_job_is_sent_again_and_goes_on_counting(
    operador: Client, make_job: MakeJob, bell: Bell
) -> None:
    job_id = make_job(owner=operador.subject)
    run = claim(SAMPLE_QUEUE)
    assert run is not None
    with run.transaction() as session:
        run.save_checkpoint(session, {"row": 10})
    run.fail(InternalError(), retry=False)
    assert job_row(job_id).state == JobState.FAILED
    bell.rings()

    answer = operador.post(f"/jobs/{job_id}/reenviar")
    assert (answer.status, answer.headers["Location"]) == (202, f"/jobs/{job_id}")
    assert (answer.json["state"], answer.json["error"]) == ("queued", None)
    assert bell.rings() == ["sample_queue"]
    again = claim(SAMPLE_QUEUE)
    assert again is not None
    assert (again.attempt, again.attempt_limit, again.checkpoint) == (2, 6, {"row": 10})


def test_cancelled_job_that_is_sent_again_is_not_cancelled_again(
    operador: Client, make_job: MakeJob
) -> None:
    job_id = make_job(owner=operador.subject)
    operador.post(f"/jobs/{job_id}/cancelar")
    assert operador.post(f"/jobs/{job_id}/reenviar").status == 202
    run = claim(SAMPLE_QUEUE)
    assert run is not None
    run.progress(1, 2, "somando")


def test_only_failed_and_cancelled_jobs_are_sent_again(operador: Client, make_job: MakeJob) -> None:
    job_id = make_job(owner=operador.subject)
    assert_problem(operador.post(f"/jobs/{job_id}/reenviar"), 409, "JobNotRedrivable")
    change_job(job_id, "state = 'succeeded'")
    assert_problem(operador.post(f"/jobs/{job_id}/reenviar"), 409, "JobNotRedrivable")


def test_sending_again_while_another_of_its_key_waits_is_refused(
    operador: Client, make_job: MakeJob
) -> None:
    job_id = make_job(owner=operador.subject, key="churn")
    operador.post(f"/jobs/{job_id}/cancelar")
    make_job(owner=operador.subject, key="churn")
    assert_problem(operador.post(f"/jobs/{job_id}/reenviar"), 409, "JobKeyTaken")


def test_what_was_done_to_a_job_is_on_the_trail(operador: Client, make_job: MakeJob) -> None:
    job_id = make_job(owner=operador.subject)
    operador.post(f"/jobs/{job_id}/cancelar")
    operador.post(f"/jobs/{job_id}/reenviar")
    operador.post(f"/jobs/{job_id}/reenviar")  # Refused: nothing was done.
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        trail = "SELECT acao FROM auditoria WHERE objeto = :job AND ator = :who ORDER BY id"
        found = session.execute(text(trail), {"job": f"job:{job_id}", "who": operador.subject})
        assert found.scalars().all() == ["job.pedido", "job.cancelado", "job.reenviado"]


def test_jobs_that_ended_long_ago_are_deleted_and_no_others(make_job: MakeJob) -> None:
    old, young, waiting = make_job(1), make_job(2), make_job(3)
    change_job(old, "state = 'succeeded', finished_at = now() - interval '91 days'")
    change_job(young, "state = 'failed', finished_at = now() - interval '89 days'")
    change_job(waiting, "created_at = now() - interval '200 days'")
    assert remove_old_jobs(utc_now()) == 1
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        assert set(session.scalars(select(Job.id))) == {young, waiting}
