"""A member's calendar and habits, in one statement; kept in Redis like long pages of a history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.core.cache import origin_sql
from chalicelib.core.clock import local_day, zone
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.settings import settings
from chalicelib.core.statements import HotStatement
from chalicelib.gym.errors import AlunoNotFound
from chalicelib.gym.features import RECENT_DAYS, WINDOW_DAYS, Pairs, features_sql
from chalicelib.gym.habits import habit, streaks, trend
from chalicelib.gym.kept_answers import Computed, Question, kept_answer
from chalicelib.gym.schemas_calendar import (
    MOST_DAYS,
    CalendarioOut,
    CalendarioQuery,
    RitmoOut,
)

KIND = "calendario-1"  # Raise the number when fields of the answer change.
USUAL_DAYS = 365
WEEKS_OF_HABIT = 12
NO_VISIT = (0, 0, 0.0)
WINDOWS = f"{{{RECENT_DAYS} days, {WINDOW_DAYS} days, {WEEKS_OF_HABIT} weeks}}"
YOUNGEST_WITH_TREND = timedelta(days=2 * RECENT_DAYS)

ONE_NOW = Pairs("(SELECT cast(:aluno_id AS bigint) AS aluno_id, :now AS as_of) AS p")

# A visit belongs to the local day and week of its entry. The whole history is looked at once, in
# the index: the longest streak may lie anywhere. The rhythm is the churn model's own, so that
# what is said here and in the reasons for a risk cannot differ.
CALENDAR = HotStatement(
    f"""
SELECT
    a.matriculado_em, a.revisao, {origin_sql("alunos")} AS origem,
    r.frequencia_semanal, r.variacao_do_ritmo, v.dias, v.semanas, h.entradas,
    (SELECT min(j.dias + (SELECT min(c.entrada) FROM checkins c
                          WHERE c.aluno_id = a.id AND c.entrada > :now - j.dias))
     FROM unnest(cast(:janelas AS interval[])) AS j (dias)) AS deixa_janela_em,
    (SELECT min(c.entrada) FROM checkins c
     WHERE c.aluno_id = a.id AND c.entrada > :now) AS entra_em
FROM alunos a
LEFT JOIN ({features_sql(ONE_NOW)}) r ON true
CROSS JOIN LATERAL (
    SELECT
        json_object_agg(d.dia, json_build_array(d.visitas, d.medidas, d.minutos))
            FILTER (WHERE d.dia BETWEEN cast(:de AS date) AND cast(:ate AS date)) AS dias,
        json_agg(DISTINCT date_trunc('week', d.dia)::date) AS semanas
    FROM (
        SELECT
            (c.entrada AT TIME ZONE :zone)::date AS dia,
            count(*) AS visitas,
            count(c.saida) AS medidas,
            sum(date_part('epoch', c.saida - c.entrada) / 60) AS minutos
        FROM checkins c WHERE c.aluno_id = a.id GROUP BY 1
    ) d
) v
CROSS JOIN LATERAL (
    SELECT json_agg(json_build_array(e.dia_da_semana, e.hora, e.visitas)) AS entradas
    FROM (
        SELECT date_part('isodow', l.quando)::int - 1 AS dia_da_semana,
               date_part('hour', l.quando)::int AS hora, count(*) AS visitas
        FROM (
            SELECT c.entrada AT TIME ZONE :zone AS quando FROM checkins c
            WHERE c.aluno_id = a.id AND c.entrada > :now - interval '{WEEKS_OF_HABIT} weeks'
        ) l GROUP BY 1, 2
    ) e
) h
WHERE a.id = :aluno_id
""".replace(":now", "cast(:now AS timestamptz)").replace(":zone", "cast(:zone AS text)")
)


@dataclass(frozen=True)
class Period:
    """Local days, both included."""

    first: date
    last: date

    def days(self) -> list[date]:
        """Each of them."""
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=n) for n in range(count)]


def calendar_json(session: Session, aluno_id: int, query: CalendarioQuery, now: datetime) -> str:
    """A member's days and habits as the JSON of a `CalendarioOut`.

    Raises:
        AlunoNotFound: There is no such aluno.
        ValidationFailed: The period is empty or too long.
    """
    period = wanted_period(query, local_day(now, settings().local_timezone))
    rest = (settings().local_timezone, period.first, period.last)
    question = Question(KIND, aluno_id, rest)
    return kept_answer(session, question, now, lambda: calendar(session, aluno_id, period, now))


def wanted_period(query: CalendarioQuery, today: date) -> Period:
    """The days that a query means.

    Raises:
        ValidationFailed: They are none, or too many.
    """
    last = query.ate or today
    first = query.de or last - timedelta(days=USUAL_DAYS - 1)
    fault = None
    if last < first:
        fault = "must not lie before de; it is today when left out"
    elif (last - first).days >= MOST_DAYS:
        fault = f"must lie within {MOST_DAYS} days of de, both included; it is today when left out"
    if fault:
        raise ValidationFailed(errors=[FieldError(campo="ate", erro=fault)])
    return Period(first, last)


def calendar(session: Session, aluno_id: int, period: Period, now: datetime) -> Computed:
    """A member's days of a period, and their habits as of now.

    Raises:
        AlunoNotFound: There is no such aluno.
    """
    row = CALENDAR.one_or_none(
        session,
        aluno_id=aluno_id,
        now=now,
        zone=settings().local_timezone,
        de=period.first,
        ate=period.last,
        janelas=WINDOWS,
    )
    if row is None:
        raise AlunoNotFound
    weeks = sorted(date.fromisoformat(week) for week in row.semanas or ())
    this_week = _monday(now)
    answer = CalendarioOut.model_validate(
        {
            "aluno_id": aluno_id,
            "de": period.first,
            "ate": period.last,
            "fuso": settings().local_timezone,
            "dias": _days(period, row.dias or {}),
            "habito": habit(row.entradas or ()),
            "sequencia": streaks(weeks, this_week),
            "ritmo": _rhythm(row, now),
        }
    )
    changes_at = _changes_at(row, this_week, now)
    return Computed(answer.model_dump_json(), row.revisao, row.origem, changes_at)


def _days(period: Period, counted: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Fields of each day's `DiaOut`: validated all at once, a year takes half the time."""
    found = []
    for day in period.days():
        visits, measured, minutes = counted.get(day.isoformat(), NO_VISIT)
        rounded = None if minutes is None else round(minutes, 1)
        found.append({"dia": day, "visitas": visits, "medidas": measured, "minutos": rounded})
    return found


def _rhythm(row: Any, now: datetime) -> RitmoOut:
    if row.frequencia_semanal is None:
        return RitmoOut(recente=None, habitual=None, variacao=None, tendencia=None)
    recent, change = row.frequencia_semanal, row.variacao_do_ritmo
    usual = recent - change
    is_young = now - row.matriculado_em < YOUNGEST_WITH_TREND
    return RitmoOut(
        recente=round(recent, 2),
        habitual=round(usual, 2),
        variacao=round(change, 2),
        tendencia=None if is_young else trend(recent, usual),
    )


def _changes_at(row: Any, this_week: date, now: datetime) -> datetime | None:
    """When a visit next enters or leaves a window, or the next week begins.

    The rhythm of who registered within its window is over the time since, and changes with every
    instant.
    """
    if now - row.matriculado_em < timedelta(days=WINDOW_DAYS):
        return None
    next_week = datetime.combine(
        this_week + timedelta(weeks=1), time(), zone(settings().local_timezone)
    )
    turns = (next_week, row.deixa_janela_em, row.entra_em)
    return min(turn for turn in turns if turn is not None)


def _monday(now: datetime) -> date:
    today = local_day(now, settings().local_timezone)
    return today - timedelta(days=today.weekday())
