"""What the peer asks the database, through the ORM."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from tests.bench.peer.models import Aluno, Checkin

ZONE = "America/Sao_Paulo"
WEEKS_OF_SERIES = 26
FORGOTTEN_AFTER = timedelta(hours=6)

MINUTES = func.extract("epoch", Checkin.saida - Checkin.entrada) / 60


def figures(session: Session, aluno_id: int, now: datetime) -> Row[Any]:
    """Counts, mean duration and last visit of a member, in one statement."""

    def since(days: int) -> Any:
        return func.count().filter(Checkin.entrada > now - timedelta(days=days))

    return session.execute(
        select(
            func.count().label("total"),
            func.max(Checkin.entrada).label("ultima_visita"),
            since(7).label("visitas_7_dias"),
            since(30).label("visitas_30_dias"),
            since(90).label("visitas_90_dias"),
            since(84).label("visitas_12_semanas"),
            func.avg(MINUTES)
            .filter(Checkin.entrada > now - timedelta(days=90))
            .label("duracao_media_minutos"),
        ).where(Checkin.aluno_id == aluno_id)
    ).one()


def latest_visits(session: Session, aluno_id: int, limit: int) -> Sequence[Checkin]:
    """A page of a member's visits, newest first."""
    return session.scalars(
        select(Checkin)
        .where(Checkin.aluno_id == aluno_id)
        .order_by(Checkin.entrada.desc())
        .limit(limit)
    ).all()


def visits_by_week(session: Session, aluno_id: int, monday: date) -> dict[date, int]:
    """Local Monday -> visits of that week, for weeks with any, since a Monday."""
    week = func.date_trunc("week", func.timezone(ZONE, Checkin.entrada)).label("semana")
    rows = session.execute(
        select(week, func.count())
        .where(
            Checkin.aluno_id == aluno_id,
            Checkin.entrada >= func.timezone(ZONE, datetime.combine(monday, datetime.min.time())),
        )
        .group_by(week)
    )
    return {semana.date(): count for semana, count in rows}


def open_visit(session: Session, aluno_id: int, now: datetime) -> Checkin | None:
    """The member's visit that has no exit and is not so old that it was forgotten."""
    return session.scalar(
        select(Checkin)
        .where(
            Checkin.aluno_id == aluno_id,
            Checkin.saida.is_(None),
            Checkin.entrada > now - FORGOTTEN_AFTER,
        )
        .limit(1)
    )


def find_aluno(session: Session, aluno_id: int) -> Aluno | None:
    """The member with their plan, in one statement."""
    return session.get(Aluno, aluno_id)
