"""A member's history and what it amounts to, in one statement."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.core.cache import origin_sql
from chalicelib.core.clock import local_day, zone
from chalicelib.core.pages import AS_INSTANT, LARGEST_EXACT_TOTAL, decode_cursor, encode_cursor
from chalicelib.core.settings import settings
from chalicelib.core.statements import HotStatement
from chalicelib.gym.errors import AlunoNotFound
from chalicelib.gym.schemas import FrequenciaQuery
from chalicelib.gym.service_checkins import minutes, situacao

WEEKS_OF_SERIES = 26
WEEKS_OF_MEAN = 12
WINDOWS = f"{{7 days, 30 days, 90 days, {WEEKS_OF_MEAN} weeks}}"

# Weeks are local: a visit on Sunday at 22:00 in São Paulo is Monday in UTC. The visits of the
# series are looked at once, week by week, and all other figures lie within it; the rest of a
# long history is only counted, in the index.
FREQUENCY = HotStatement(
    f"""
SELECT
    a.matriculado_em, a.revisao, {origin_sql("alunos")} AS origem, t.total, f.*,
    (SELECT min(j.dias + (SELECT min(c.entrada) FROM checkins c
                          WHERE c.aluno_id = a.id AND c.entrada > :now - j.dias))
     FROM unnest(cast(:janelas AS interval[])) AS j (dias)) AS deixa_janela_em,
    (SELECT max(c.entrada) FROM checkins c WHERE c.aluno_id = a.id) AS ultima_visita,
    (SELECT json_agg(json_build_array(v.entrada, v.saida, v.sem_saida) ORDER BY v.entrada DESC)
     FROM (
        SELECT c.entrada, c.saida, c.sem_saida FROM checkins c
        WHERE c.aluno_id = a.id AND c.entrada < coalesce(cast(:before AS timestamptz), 'infinity')
        ORDER BY c.entrada DESC LIMIT :rows
    ) v) AS visitas
FROM alunos a
CROSS JOIN LATERAL (
    SELECT count(*) AS total FROM (
        SELECT FROM checkins c WHERE c.aluno_id = a.id LIMIT {LARGEST_EXACT_TOTAL + 1}) c
) t
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(r.visitas_7_dias), 0)::int AS visitas_7_dias,
        coalesce(sum(r.visitas_30_dias), 0)::int AS visitas_30_dias,
        coalesce(sum(r.visitas_90_dias), 0)::int AS visitas_90_dias,
        coalesce(sum(r.visitas_12_semanas), 0)::int AS visitas_12_semanas,
        sum(r.minutos) / nullif(sum(r.medidas), 0)::float8 AS duracao_media_minutos,
        json_object_agg(r.semana, r.visitas) AS semanas
    FROM (
        SELECT
            date_trunc('week', c.entrada AT TIME ZONE :zone)::date AS semana,
            count(*) AS visitas,
            count(*) FILTER (WHERE c.entrada > :now - interval '7 days') AS visitas_7_dias,
            count(*) FILTER (WHERE c.entrada > :now - interval '30 days') AS visitas_30_dias,
            count(*) FILTER (WHERE c.entrada > :now - interval '90 days') AS visitas_90_dias,
            count(*) FILTER (
                WHERE c.entrada > :now - interval '{WEEKS_OF_MEAN} weeks') AS visitas_12_semanas,
            sum(date_part('epoch', c.saida - c.entrada) / 60) FILTER (
                WHERE c.entrada > :now - interval '90 days') AS minutos,
            count(c.saida) FILTER (WHERE c.entrada > :now - interval '90 days') AS medidas
        FROM checkins c
        WHERE c.aluno_id = a.id AND c.entrada >= cast(:first_week AS timestamptz)
        GROUP BY 1
    ) r
) f
WHERE a.id = :aluno_id
""".replace(":now", "cast(:now AS timestamptz)").replace(":zone", "cast(:zone AS text)")
)


@dataclass(frozen=True)
class Frequency:
    """A member's figures and one page of their visits.

    Attributes:
        fields: Of `FrequenciaOut`, but for `next`.
        cursor: Of the next page; None on the last one.
        revisao: Of the member, when all this was read.
        origem: Which history of revisions that is of.
        changes_at: When time alone changes a figure; None where it may at any instant.
    """

    fields: dict[str, Any]
    cursor: str | None
    revisao: int
    origem: str
    changes_at: datetime | None


def frequency(session: Session, aluno_id: int, query: FrequenciaQuery, now: datetime) -> Frequency:
    """Figures, weekly series and one page of visits.

    Raises:
        AlunoNotFound: There is no such aluno.
        CursorInvalid: The cursor is not of this list.
    """
    before = decode_cursor(query.cursor, (AS_INSTANT,))[0] if query.cursor else None
    weeks = local_weeks(now)
    row = FREQUENCY.one_or_none(
        session,
        aluno_id=aluno_id,
        now=now,
        zone=settings().local_timezone,
        first_week=datetime.combine(weeks[0], time(), zone(settings().local_timezone)),
        before=before,
        rows=query.limit + 1,
        janelas=WINDOWS,
    )
    if row is None:
        raise AlunoNotFound
    visits = row.visitas or []
    page = visits[: query.limit]
    cursor = encode_cursor([page[-1][0]]) if len(visits) > query.limit else None
    fields = _figures(row, now)
    fields["aluno_id"] = aluno_id
    counted = row.semanas or {}
    fields["serie_semanal"] = [
        {"semana": week, "visitas": counted.get(week.isoformat(), 0)} for week in weeks
    ]
    fields["items"] = [_visit(*visit) for visit in page]
    return Frequency(fields, cursor, row.revisao, row.origem, _changes_at(row, weeks[-1], now))


def _changes_at(row: Any, week: date, now: datetime) -> datetime | None:
    """When the next visit leaves a window, or the next week begins.

    The weekly mean of who registered less than twelve weeks ago is over the time since: after
    their first week it changes with every instant.
    """
    age = now - row.matriculado_em
    if timedelta(weeks=1) <= age < timedelta(weeks=WEEKS_OF_MEAN):
        return None
    next_week = week + timedelta(weeks=1)
    turns = [datetime.combine(next_week, time(), zone(settings().local_timezone))]
    if row.deixa_janela_em is not None:
        turns.append(row.deixa_janela_em)
    if age < timedelta(weeks=1):
        turns.append(row.matriculado_em + timedelta(weeks=1))
    return min(turns)


def local_weeks(now: datetime) -> list[date]:
    """The Mondays of the weeks of the series, oldest first."""
    today = local_day(now, settings().local_timezone)
    monday = today - timedelta(days=today.weekday())
    return [monday - timedelta(weeks=back) for back in reversed(range(WEEKS_OF_SERIES))]


def _figures(row: Any, now: datetime) -> dict[str, Any]:
    weeks = min(max((now - row.matriculado_em).total_seconds() / 604_800, 1), WEEKS_OF_MEAN)
    mean = row.duracao_media_minutos
    return {
        "visitas_7_dias": row.visitas_7_dias,
        "visitas_30_dias": row.visitas_30_dias,
        "visitas_90_dias": row.visitas_90_dias,
        "media_semanal": round(row.visitas_12_semanas / weeks, 2),
        "duracao_media_minutos": None if mean is None else round(mean, 1),
        "ultima_visita": row.ultima_visita,
        "total": min(row.total, LARGEST_EXACT_TOTAL),
        "total_exact": row.total <= LARGEST_EXACT_TOTAL,
    }


def _visit(entrada_text: str, saida_text: str | None, sem_saida: bool) -> dict[str, Any]:
    entrada = datetime.fromisoformat(entrada_text)
    saida = datetime.fromisoformat(saida_text) if saida_text else None
    return {
        "entrada": entrada,
        "saida": saida,
        "situacao": situacao(saida, sem_saida),
        "duracao_minutos": minutes(entrada, saida),
    }
