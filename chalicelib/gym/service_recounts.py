"""Daily reports made again because visits of a past day came late or were corrected.

Only reports that there are, of the last `DAYS_RECOUNTED` days: the day's own, and those of the
same weekday in the weeks after, which compare themselves with it. Exits change no report.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.jobs import Job, JobState, enqueue
from chalicelib.core.settings import HOUSE, settings
from chalicelib.gym.queues import DAILY_REPORT_QUEUE
from chalicelib.gym.reports import WEEKS_LOOKED_BACK
from chalicelib.gym.schemas_reports import RelatorioMessage
from chalicelib.gym.tables import RelatorioDiario

DAYS_RECOUNTED = 60

STAGED_DAYS = """
SELECT DISTINCT (entrada AT TIME ZONE cast(:zone AS text))::date FROM staged_checkins
WHERE entrada >= :since AND NOT eh_saida
"""


def ask_for_recounts(
    session: Session, entries: Iterable[datetime], *, owner: str, now: datetime
) -> None:
    """Have the reports made again that entries at these instants are counted in."""
    zone = settings().local_timezone
    today = local_day(now, zone)
    days = {local_day(entrada, zone) for entrada in entries}
    _ask(session, {day for day in days if day < today}, today, owner)


def ask_for_staged_recounts(session: Session, *, owner: str, now: datetime) -> None:
    """Have the reports made again that the entries of `staged_checkins` are counted in."""
    zone = settings().local_timezone
    today = local_day(now, zone)
    if not _reports(session, today):
        return
    since = now - timedelta(days=DAYS_RECOUNTED + 7 * WEEKS_LOOKED_BACK + 1)
    days = session.scalars(text(STAGED_DAYS), {"zone": zone, "since": since})
    _ask(session, {day for day in days if day < today}, today, owner)


def _reports(session: Session, today: date) -> set[date]:
    oldest = today - timedelta(days=DAYS_RECOUNTED)
    return set(session.scalars(select(RelatorioDiario.dia).where(RelatorioDiario.dia >= oldest)))


def _ask(session: Session, days: set[date], today: date, owner: str) -> None:
    if not days:
        return
    weeks = range(WEEKS_LOOKED_BACK + 1)
    counted_in = {day + timedelta(weeks=after) for day in days for after in weeks}
    for day in sorted(counted_in & _reports(session, today)):
        _ask_for_one(session, day, owner)


def _ask_for_one(session: Session, day: date, owner: str) -> None:
    """Ask for one day, once however many visits of it change.

    A job that has begun may have counted already, and one that is claimed before this transaction
    ends would: a queued one is locked, so that it is claimed after, or another is asked for.
    """
    for key in (f"recontar:{day}", f"recontar:{day}:depois", None):
        job = enqueue(
            session,
            DAILY_REPORT_QUEUE,
            RelatorioMessage(dia=day),
            tenant=HOUSE,
            owner=owner,
            dedupe_key=key,
        )
        locked = select(Job.state).where(Job.id == job.id).with_for_update(key_share=True)
        if session.scalar(locked) == JobState.QUEUED:
            return
