"""Composition root: the app, its blueprints, its schedules. Nothing else."""

from typing import Any

from chalice.app import Chalice, Cron, Rate

from chalicelib.core import idempotency
from chalicelib.core.clock import utc_now
from chalicelib.core.routes import core
from chalicelib.core.sweep import sweep as sweep_jobs
from chalicelib.core.upload_removal import remove_old_uploads
from chalicelib.gym import service_analyses, service_models
from chalicelib.gym.routes import gym
from chalicelib.gym.routes_models import models
from chalicelib.identity import sessions
from chalicelib.identity.routes import identity

app = Chalice(app_name="previsto", configure_logs=False)

app.register_blueprint(core)
app.register_blueprint(identity)
app.register_blueprint(gym)
app.register_blueprint(models)


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


@app.schedule(Cron(30, 7, "*", "*", "?", "*"))
def analyse_gym(_event: Any) -> None:
    """Have the churn model's health and retention measured, at 04:30 in São Paulo."""
    service_analyses.ask_for_nightly_analyses()


@app.schedule(Cron(0, 8, "?", "*", "MON", "*"))
def train_churn_model(_event: Any) -> None:
    """Have the churn model trained anew, on Mondays at 05:00 in São Paulo."""
    service_models.ask_for_weekly_training()
