"""A member's history and what it amounts to, in one statement."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.pages import LARGEST_EXACT_TOTAL, decode_cursor, encode_cursor
from chalicelib.core.settings import settings
from chalicelib.gym.errors import AlunoNotFound
from chalicelib.gym.schemas import FrequenciaQuery
from chalicelib.gym.service_checkins import minutes, situacao

WEEKS_OF_SERIES = 26
WEEKS_OF_MEAN = 12

# Weeks are local: a visit on Sunday at 22:00 in São Paulo is Monday in UTC. The series counts
# only what lies in its 26 weeks, and the page reads no more rows than it shows.
FREQUENCY = f"""
SELECT
    a.matriculado_em,
    f.total, f.ultima_visita, f.visitas_7_dias, f.visitas_30_dias, f.visitas_90_dias,
    f.visitas_12_semanas, f.duracao_media_minutos,
    (SELECT json_agg(json_build_array(s.semana::date, s.visitas) ORDER BY s.semana) FROM (
        SELECT g.semana, count(c.entrada) AS visitas
        FROM generate_series(
            date_trunc('week', :now AT TIME ZONE :zone) - interval '{WEEKS_OF_SERIES - 1} weeks',
            date_trunc('week', :now AT TIME ZONE :zone), interval '1 week') AS g (semana)
        LEFT JOIN checkins c ON c.aluno_id = a.id
            AND c.entrada >= g.semana AT TIME ZONE :zone
            AND c.entrada < (g.semana + interval '1 week') AT TIME ZONE :zone
        GROUP BY g.semana
    ) s) AS serie,
    (SELECT json_agg(json_build_array(v.entrada, v.saida, v.sem_saida) ORDER BY v.entrada DESC)
     FROM (
        SELECT c.entrada, c.saida, c.sem_saida FROM checkins c
        WHERE c.aluno_id = a.id AND c.entrada < coalesce(cast(:before AS timestamptz), 'infinity')
        ORDER BY c.entrada DESC LIMIT :rows
    ) v) AS visitas
FROM alunos a
CROSS JOIN LATERAL (
    SELECT
        count(*) AS total,
        max(c.entrada) AS ultima_visita,
        count(*) FILTER (WHERE c.entrada > :now - interval '7 days') AS visitas_7_dias,
        count(*) FILTER (WHERE c.entrada > :now - interval '30 days') AS visitas_30_dias,
        count(*) FILTER (WHERE c.entrada > :now - interval '90 days') AS visitas_90_dias,
        count(*) FILTER (
            WHERE c.entrada > :now - interval '{WEEKS_OF_MEAN} weeks') AS visitas_12_semanas,
        avg(extract(epoch FROM c.saida - c.entrada)::float8 / 60) FILTER (
            WHERE c.entrada > :now - interval '90 days') AS duracao_media_minutos
    FROM (
        SELECT entrada, saida FROM checkins WHERE aluno_id = a.id
        ORDER BY entrada DESC LIMIT {LARGEST_EXACT_TOTAL + 1}
    ) c
) f
WHERE a.id = :aluno_id
""".replace(":now", "cast(:now AS timestamptz)").replace(":zone", "cast(:zone AS text)")


def frequency(
    session: Session, aluno_id: int, query: FrequenciaQuery, now: datetime
) -> tuple[dict[str, Any], str | None]:
    """Figures, weekly series and one page of visits.

    Returns:
        The fields of `FrequenciaOut` but for `next`, and the cursor of the next page.

    Raises:
        AlunoNotFound: There is no such aluno.
        CursorInvalid: The cursor is not of this list.
    """
    before = decode_cursor(query.cursor, (datetime.fromisoformat,))[0] if query.cursor else None
    row = session.execute(
        text(FREQUENCY),
        {
            "aluno_id": aluno_id,
            "now": now,
            "zone": settings().local_timezone,
            "before": before,
            "rows": query.limit + 1,
        },
    ).one_or_none()
    if row is None:
        raise AlunoNotFound
    visits = row.visitas or []
    page = visits[: query.limit]
    cursor = encode_cursor([page[-1][0]]) if len(visits) > query.limit else None
    return _fields(aluno_id, row, page, now), cursor


def _fields(aluno_id: int, row: Any, page: list[Any], now: datetime) -> dict[str, Any]:
    weeks = min(max((now - row.matriculado_em).total_seconds() / 604_800, 1), WEEKS_OF_MEAN)
    mean = row.duracao_media_minutos
    return {
        "aluno_id": aluno_id,
        "visitas_7_dias": row.visitas_7_dias,
        "visitas_30_dias": row.visitas_30_dias,
        "visitas_90_dias": row.visitas_90_dias,
        "media_semanal": round(row.visitas_12_semanas / weeks, 2),
        "duracao_media_minutos": None if mean is None else round(mean, 1),
        "ultima_visita": row.ultima_visita,
        "serie_semanal": [{"semana": week, "visitas": count} for week, count in row.serie],
        "items": [_visit(*visit) for visit in page],
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
