"""Composition root: the app, its blueprints, its schedules. Nothing else."""

from typing import Any

from chalice.app import Chalice, Cron, Rate

from chalicelib.core import idempotency
from chalicelib.core.clock import utc_now
from chalicelib.core.preflights import answer_preflights
from chalicelib.core.routes import core
from chalicelib.core.sweep import sweep as sweep_jobs
from chalicelib.core.upload_removal import remove_old_uploads
from chalicelib.gym import service_reports, service_scores
from chalicelib.gym.routes import gym
from chalicelib.gym.routes_reports import reports
from chalicelib.identity import sessions
from chalicelib.identity.routes import identity

app = Chalice(app_name="previsto", configure_logs=False)

app.register_blueprint(core)
app.register_blueprint(identity)
app.register_blueprint(gym)
app.register_blueprint(reports)
answer_preflights(app)


@app.schedule(Rate(1, Rate.MINUTES))
def sweep(_event: Any) -> None:
    """Queue again what lost workers held, and ring for what is due."""
    sweep_jobs()


@app.schedule(Cron(0, 7, "*", "*", "?", "*"))
def remove_expired(_event: Any) -> None:
    """Delete what has expired, at 04:00 in São Paulo."""
    now = utc_now()
    sessions.remove_expired(now)
    idempotency.remove_expired(now)
    remove_old_uploads(now)


# São Paulo has been three hours behind UTC all year round since 2019, and EventBridge's cron
# knows only UTC: elsewhere these hours are others, while the days stay those of LOCAL_TIMEZONE.
@app.schedule(Cron(30, 6, "*", "*", "?", "*"))
def score_members(_event: Any) -> None:
    """Ask for every member's score of the day, at 03:30 in São Paulo."""
    service_scores.ask_for_nightly_scores(utc_now())


@app.schedule(Cron(0, 9, "*", "*", "?", "*"))
def report_yesterday(_event: Any) -> None:
    """Ask for the report of the day before, at 06:00 in São Paulo."""
    service_reports.ask_for_yesterday_s_report(utc_now())
