"""Composition root: the app, its parts, its schedules. Nothing else.

A part, and what a schedule runs, is imported when it is asked for: a cold function imports what it
serves, and not every product (ADR 0049).
"""

from collections.abc import Iterable

from chalice.app import Blueprint, Cron, Rate

from chalicelib.core import idempotency
from chalicelib.core.clock import utc_now
from chalicelib.core.parsing import MULTIPART
from chalicelib.core.parts import Part, PartedApp
from chalicelib.core.routes import core
from chalicelib.core.routes_audit import trail
from chalicelib.core.schedules import scheduled
from chalicelib.core.web import also_authenticate_with
from chalicelib.credit import api_keys
from chalicelib.identity import sessions
from chalicelib.identity.routes import identity
from chalicelib.identity.routes_api import identity_api
from chalicelib.prices.media import PARQUET


def _core() -> Iterable[Blueprint]:
    return (core, trail, identity, identity_api)


def _gym() -> Iterable[Blueprint]:
    from chalicelib.gym.blueprints import BLUEPRINTS

    return BLUEPRINTS


def _credit() -> Iterable[Blueprint]:
    from chalicelib.credit.blueprints import BLUEPRINTS

    return BLUEPRINTS


def _books() -> Iterable[Blueprint]:
    from chalicelib.books.blueprints import BLUEPRINTS

    return BLUEPRINTS


def _prices() -> Iterable[Blueprint]:
    from chalicelib.prices.blueprints import BLUEPRINTS

    return BLUEPRINTS


def _pages() -> Iterable[Blueprint]:
    from chalicelib.all_pages import BLUEPRINTS

    return BLUEPRINTS


CORE_PATHS = ("auditoria", "auth", "docs", "health", "jobs", "metrics", "openapi.json", "redoc")
GYM_PATHS = ("admin", "aluno", "alunos", "modelos", "planos", "relatorios", "retencao", "visitas")

app = PartedApp(
    "previsto",
    (
        Part((*CORE_PATHS, "status", "uploads", "api/v1/auth", "api/v1/metrics"), _core),
        Part(GYM_PATHS, _gym),
        Part(("credito",), _credit),
        Part(("api/v1",), _books),
        Part(("precos",), _prices),
        Part(("",), _pages),
    ),
)
# API Gateway hands bodies of all other types on as UTF-8, whatever they are.
app.api.binary_types.append(PARQUET)
app.api.binary_types.append(MULTIPART)  # Files in forms need not be UTF-8.
also_authenticate_with(api_keys.PREFIX, api_keys.find_principal)


@scheduled(app, Rate(1, Rate.MINUTES))
def sweep() -> None:
    """Queue again what lost workers held, and ring for what is due."""
    from chalicelib.core.sweep import sweep as sweep_jobs

    sweep_jobs()


# São Paulo has been three hours behind UTC all year round since 2019, and EventBridge's cron
# knows only UTC: elsewhere these hours are others, while the days stay those of LOCAL_TIMEZONE.
@scheduled(app, Cron(15, 6, "*", "*", "?", "*"))
def close_forgotten_visits() -> None:
    """Flag visits whose exit nobody recorded, at 03:15 in São Paulo."""
    from chalicelib.gym import service_visits

    service_visits.close_forgotten_visits(utc_now())


@scheduled(app, Cron(30, 6, "*", "*", "?", "*"))
def score_members() -> None:
    """Ask for every member's score of the day, at 03:30 in São Paulo."""
    from chalicelib.gym import service_scores

    service_scores.ask_for_nightly_scores(utc_now())


@scheduled(app, Cron(0, 7, "*", "*", "?", "*"))
def remove_expired() -> None:
    """Delete tokens and kept answers that have expired, at 04:00 in São Paulo."""
    sessions.remove_expired(utc_now())
    idempotency.remove_expired(utc_now())


@scheduled(app, Cron(10, 7, "*", "*", "?", "*"))
def remove_uploads() -> None:
    """Delete the files that have been kept long enough, at 04:10 in São Paulo."""
    from chalicelib.books.service_removal import remove_old_files
    from chalicelib.core.upload_removal import remove_old_uploads

    remove_old_uploads(utc_now())
    remove_old_files(utc_now())


@scheduled(app, Cron(20, 7, "*", "*", "?", "*"))
def remove_jobs() -> None:
    """Delete the jobs that ended, and the minutes that were counted, long ago, at 04:20."""
    from chalicelib.core.route_minutes import remove_old_minutes
    from chalicelib.core.sweep import remove_old_jobs

    remove_old_jobs(utc_now())
    remove_old_minutes(utc_now())


@scheduled(app, Cron(25, 7, "*", "*", "?", "*"))
def remove_predictions() -> None:
    """Delete what all products foretold too long ago, at 04:25 in São Paulo."""
    from chalicelib.books import service_removal
    from chalicelib.credit.service_old_decisions import remove_old_decisions
    from chalicelib.gym.service_scores import remove_old_scores
    from chalicelib.prices.service_old_predictions import remove_old_predictions

    remove_old_scores(utc_now())
    remove_old_decisions(utc_now())
    remove_old_predictions(utc_now())
    service_removal.remove_old_predictions(utc_now())


@scheduled(app, Cron(40, 7, "*", "*", "?", "*"))
def expire_datasets() -> None:
    """Give up the datasets that nothing has come for in a week, at 04:40 in São Paulo."""
    from chalicelib.credit import service_removal

    service_removal.expire_datasets(utc_now())


@scheduled(app, Cron(50, 7, "*", "*", "?", "*"))
def store_heads_of_trails() -> None:
    """Store the heads of all trails outside of the database, at 04:50 in São Paulo."""
    from chalicelib.core.audit_heads import store_heads

    store_heads(utc_now())


@scheduled(app, Cron(0, 9, "*", "*", "?", "*"))
def report_yesterday() -> None:
    """Ask for the report of the day before, at 06:00 in São Paulo."""
    from chalicelib.gym import service_reports

    service_reports.ask_for_report_of_yesterday(utc_now())


@scheduled(app, Cron(30, 7, "*", "*", "?", "*"))
def analyse_gym() -> None:
    """Have the churn model's health and retention measured, at 04:30 in São Paulo."""
    from chalicelib.gym import service_analyses

    service_analyses.ask_for_nightly_analyses()


@scheduled(app, Cron(40, 7, "*", "*", "?", "*"))
def measure_credit_models() -> None:
    """Have every company's model that answers measured, at 04:40 in São Paulo."""
    from chalicelib.credit import service_models as credit_service_models

    credit_service_models.ask_for_nightly_health()


@scheduled(app, Cron(50, 7, "*", "*", "?", "*"))
def measure_price_models() -> None:
    """Have every project's model that answers measured, at 04:50 in São Paulo."""
    from chalicelib.prices import service_models as prices_service_models

    prices_service_models.ask_for_nightly_health()


@scheduled(app, Cron(0, 8, "?", "*", "MON", "*"))
def train_churn_model() -> None:
    """Have the churn model trained anew, on Mondays at 05:00 in São Paulo."""
    from chalicelib.gym import service_models

    service_models.ask_for_weekly_training()
