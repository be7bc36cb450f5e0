"""Routes of the core: jobs, uploads, health, documentation."""

import json
from datetime import datetime
from functools import partial
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.orm import Session

from chalicelib.core import imports, job_control, route_minutes, scraping, status, uploads
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.db import unit_of_work
from chalicelib.core.docs import page_policy, redoc_page, swagger_page
from chalicelib.core.imports import RejectionOut
from chalicelib.core.job_control import (
    JobFinished,
    JobNotFound,
    JobNotRedrivable,
    JobOut,
    JobQuery,
)
from chalicelib.core.jobs import JobKeyTaken
from chalicelib.core.openapi import build_document
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.status import CacheStatus, Health, Status
from chalicelib.core.summary import SummaryOut, SummaryQuery, summarise
from chalicelib.core.uploads import UploadIn, UploadOut, UploadTooLarge
from chalicelib.core.web import EVERYONE, PUBLIC, Routes, endpoint

core = Routes(__name__)
HTML = "text/html; charset=utf-8"


class Live(BaseModel):
    """The process answers."""

    estado: Health = Health.UP


@core.route("/health/live", methods=["GET"])
@endpoint(core, allow=PUBLIC, own_transactions=True, unlimited=True)
def get_live() -> Live:
    """Whether the process answers at all."""
    return Live()


@core.route("/health/ready", methods=["GET"])
@endpoint(
    core,
    allow=PUBLIC,
    own_transactions=True,
    response=Status,
    may_answer=(503,),
    unlimited=True,
)
def get_ready() -> Reply:
    """Whether requests may be sent here: every dependency that matters is up."""
    return _status_reply(status.check_status(with_details=False))


# Public, and more to whoever is an admin.
state_endpoint = partial(
    endpoint,
    core,
    allow=PUBLIC,
    own_transactions=True,
    may_answer=(503,),
    identifies_caller=True,
)


@core.route("/status", methods=["GET"])
@state_endpoint(response=Status)
def get_status(principal: Principal | None) -> Reply:
    """The system and its dependencies, each really asked; details with an admin's token."""
    return _status_reply(status.check_status(with_details=_is_of_those_who_run_it(principal)))


@core.route("/status/cache", methods=["GET"])
@state_endpoint(response=CacheStatus)
def get_cache_status(principal: Principal | None) -> Reply:
    """The cache, really asked; what it holds and how often it helps with an admin's token."""
    return _status_reply(status.check_cache(with_details=_is_of_those_who_run_it(principal)))


def _is_of_those_who_run_it(principal: Principal | None) -> bool:
    """An admin of a company runs nothing here."""
    return principal is not None and principal.role is Role.ADMIN and not principal.is_of_company


def _status_reply(found: Status | CacheStatus) -> Reply:
    code = 503 if found.estado is Health.DOWN else 200
    return Reply(found, status=code, headers={"Cache-Control": "no-store"})


@core.route("/metrics", methods=["GET"])
@endpoint(
    core,
    allow=Role.ADMIN,
    tenant=HOUSE,
    also_admits=scraping.is_scraper,
    own_transactions=True,
    hidden=True,
    unlimited=True,
)
def get_metrics(call: Call) -> Reply:
    """Metrics for Prometheus, which sends `METRICS_TOKEN`; an admin may look as well."""
    text, media_type = scraping.exposition(call.headers.get("accept", ""))
    return Reply(text, media_type=media_type, headers={"Cache-Control": "no-store"})


@core.route("/api/v1/metrics/summary", methods=["GET"])
@endpoint(core, query=SummaryQuery, allow=Role.ADMIN, tenant=HOUSE, own_transactions=True)
def get_metrics_summary(query: SummaryQuery, now: datetime) -> SummaryOut:
    """Requests, errors, p50, p95 and p99 by route and over time, of all processes.

    Other processes write down what they have counted every 15 seconds.
    """
    route_minutes.flush()
    with unit_of_work(autocommit=True) as session:
        return summarise(session, query, now)


@core.route("/jobs", methods=["GET"])
@endpoint(core, query=JobQuery, allow=EVERYONE, response=Page[JobOut], autocommit=True)
def get_jobs(session: Session, principal: Principal, query: JobQuery, call: Call) -> Reply:
    """List your jobs, newest first; an admin sees everybody's."""
    jobs, cursor, total = job_control.list_jobs(session, principal, query)
    return page_reply(Page[JobOut], jobs, cursor, total, call)


@core.route("/jobs/{job_id}", methods=["GET"])
@endpoint(core, allow=EVERYONE, raises=(JobNotFound,), autocommit=True)
def get_job(session: Session, principal: Principal, job_id: UUID) -> JobOut:
    """Follow one job."""
    return JobOut.model_validate(job_control.get_job(session, principal, job_id))


@core.route("/jobs/{job_id}/rejeicoes", methods=["GET"])
@endpoint(
    core,
    query=PageQuery,
    allow=EVERYONE,
    response=Page[RejectionOut],
    raises=(JobNotFound,),
    autocommit=True,
)
def get_job_rejections(
    session: Session, principal: Principal, job_id: UUID, query: PageQuery, call: Call
) -> Reply:
    """List the rows that an import refused, last line first, each with the reason."""
    job = job_control.get_job(session, principal, job_id)
    rejections, cursor, total = imports.list_rejections(session, job.id, query)
    return page_reply(Page[RejectionOut], rejections, cursor, total, call)


@core.route("/jobs/{job_id}/cancelar", methods=["POST"])
@endpoint(core, allow=EVERYONE, raises=(JobNotFound, JobFinished))
def post_job_cancel(session: Session, principal: Principal, job_id: UUID) -> JobOut:
    """Cancel a job: at once while it is queued, at its next safe point while it runs."""
    return JobOut.model_validate(job_control.cancel_job(session, principal, job_id))


@core.route("/jobs/{job_id}/reenviar", methods=["POST"])
@endpoint(
    core,
    allow=EVERYONE,
    status=202,
    response=JobOut,
    raises=(JobNotFound, JobNotRedrivable, JobKeyTaken),
)
def post_job_redrive(session: Session, principal: Principal, job_id: UUID, call: Call) -> Reply:
    """Send a failed or cancelled job again; it goes on from its last checkpoint."""
    job = job_control.redrive_job(session, principal, job_id)
    return job_control.accepted(job, call)


@core.route("/uploads", methods=["POST"])
@endpoint(
    core,
    body=UploadIn,
    allow=EVERYONE,  # What may be done with the file, its endpoint decides.
    status=201,
    raises=(UploadTooLarge,),
    answers_credentials=True,
)
def post_upload(session: Session, principal: Principal, body: UploadIn, now: datetime) -> UploadOut:
    """Get a signed address for a large file.

    Send the file there with the given method and headers, exactly as many bytes as declared,
    within an hour; then hand `objeto` to the endpoint that takes the file.
    """
    return uploads.create_upload(session, principal, body, now)


@core.route("/openapi.json", methods=["GET"])
@endpoint(core, allow=PUBLIC, own_transactions=True, hidden=True, unlimited=True)
def get_openapi(call: Call) -> Reply:
    """This API as OpenAPI 3.1."""
    document = build_document(core.current_app.routes)
    document["servers"] = [{"url": call.prefix or "/"}]
    return Reply(json.dumps(document, ensure_ascii=False))


@core.route("/docs", methods=["GET"])
@endpoint(core, allow=PUBLIC, own_transactions=True, hidden=True, unlimited=True)
def get_docs(call: Call) -> Reply:
    """Swagger UI."""
    return _page(swagger_page(call.link("/openapi.json")))


@core.route("/redoc", methods=["GET"])
@endpoint(core, allow=PUBLIC, own_transactions=True, hidden=True, unlimited=True)
def get_redoc(call: Call) -> Reply:
    """ReDoc."""
    return _page(redoc_page(call.link("/openapi.json")))


def _page(content: str) -> Reply:
    policy = page_policy(settings().assets_url)
    return Reply(content, media_type=HTML, headers={"Content-Security-Policy": policy})
