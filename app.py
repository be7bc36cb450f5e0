"""Composition root: the app, its blueprints, its schedules. Nothing else."""

from typing import Any

from chalice.app import Chalice, Cron, Rate

from chalicelib.core import idempotency
from chalicelib.core.clock import utc_now
from chalicelib.core.routes import core
from chalicelib.core.settings import HOUSE
from chalicelib.core.sweep import sweep as sweep_jobs
from chalicelib.core.upload_removal import remove_old_uploads
from chalicelib.gym.routes import gym
from chalicelib.gym.routes_members import members
from chalicelib.gym.routes_personal_data import personal_data
from chalicelib.gym.service_lgpd_files import remove_old_exports
from chalicelib.identity import sessions
from chalicelib.identity.routes import identity

app = Chalice(app_name="previsto", configure_logs=False)

app.register_blueprint(core)
app.register_blueprint(identity)
app.register_blueprint(gym)
app.register_blueprint(members)
app.register_blueprint(personal_data)


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
    remove_old_exports(HOUSE, now)
