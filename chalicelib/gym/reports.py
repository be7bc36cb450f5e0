"""What a local day was like, counted by one statement."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.clock import day_bounds
from chalicelib.gym.schemas_reports import (
    AusenciaRelatorio,
    Comparacao,
    ConteudoRelatorio,
    DiaComparado,
    HoraRelatorio,
    PlanoRelatorio,
    PrimeirasAusencias,
)

DAYS_COMPARED = 4
WEEKS_LOOKED_BACK = 8
DAYS_OF_HABIT = 28
MOST_ABSENT_SHOWN = 500

# From Monday: a weekday, the four of them before a day, and the day itself.
WEEKDAYS = (
    ("segunda-feira", "nas quatro últimas segundas-feiras", "nesta"),
    ("terça-feira", "nas quatro últimas terças-feiras", "nesta"),
    ("quarta-feira", "nas quatro últimas quartas-feiras", "nesta"),
    ("quinta-feira", "nas quatro últimas quintas-feiras", "nesta"),
    ("sexta-feira", "nas quatro últimas sextas-feiras", "nesta"),
    ("sábado", "nos quatro últimos sábados", "neste"),
    ("domingo", "nos quatro últimos domingos", "neste"),
)

# One statement sees one state of the tables, so that the parts of a report agree. Visits are
# found by the instants of the window and told apart by their local day. A day without any visit
# is one on which the club was closed: nobody was absent then, and nothing is compared with it.
COUNT_DAY = f"""
WITH dias AS (
    SELECT d.dia FROM unnest(cast(:dias AS date[])) AS d (dia)
), visitas AS MATERIALIZED (
    SELECT d.dia, c.aluno_id, date_part('hour', c.entrada AT TIME ZONE :fuso)::int AS hora
    FROM checkins c JOIN dias d ON d.dia = (c.entrada AT TIME ZONE :fuso)::date
    WHERE c.entrada >= :primeiro AND c.entrada < :fim
), hoje AS MATERIALIZED (
    SELECT v.aluno_id, v.hora FROM visitas v WHERE v.dia = :dia
), comparados AS MATERIALIZED (
    SELECT v.dia, count(*) AS visitas, count(DISTINCT v.aluno_id) AS alunos
    FROM visitas v WHERE v.dia < :dia
    GROUP BY v.dia ORDER BY v.dia DESC LIMIT {DAYS_COMPARED}
), situacao AS MATERIALIZED (
    SELECT a.id AS aluno_id, f.plano_id, f.ativo, a.matriculado_em >= :inicio AS novo,
           NOT f.ativo AND coalesce(i.ativo, true) AS cancelado
    FROM alunos a
    JOIN LATERAL (
        SELECT h.plano_id, h.ativo FROM aluno_vigencias h
        WHERE h.aluno_id = a.id AND h.desde < :fim ORDER BY h.desde DESC LIMIT 1
    ) f ON true
    LEFT JOIN LATERAL (
        SELECT h.ativo FROM aluno_vigencias h
        WHERE h.aluno_id = a.id AND h.desde < :inicio ORDER BY h.desde DESC LIMIT 1
    ) i ON true
    WHERE a.matriculado_em < :fim
), por_plano AS (
    SELECT s.plano_id, coalesce(sum(v.visitas), 0)::int AS visitas,
           count(v.aluno_id) AS alunos,
           count(*) FILTER (WHERE s.ativo) AS ativos,
           count(*) FILTER (WHERE s.novo) AS novos,
           count(*) FILTER (WHERE s.cancelado) AS cancelados
    FROM situacao s
    FULL JOIN (SELECT h.aluno_id, count(*) AS visitas FROM hoje h GROUP BY h.aluno_id) v
        ON v.aluno_id = s.aluno_id
    GROUP BY s.plano_id
), ausentes AS (
    SELECT r.aluno_id, s.plano_id, u.ultima_visita, u.visitas
    FROM (
        SELECT v.aluno_id FROM visitas v JOIN comparados c ON c.dia = v.dia
        GROUP BY v.aluno_id HAVING count(DISTINCT v.dia) = {DAYS_COMPARED}
    ) r
    JOIN situacao s ON s.aluno_id = r.aluno_id
    CROSS JOIN LATERAL (
        SELECT max(c.entrada) AS ultima_visita, count(*) AS visitas FROM checkins c
        WHERE c.aluno_id = r.aluno_id AND c.entrada >= :habito AND c.entrada < :inicio
    ) u
    WHERE s.ativo AND EXISTS (SELECT FROM hoje)
      AND r.aluno_id NOT IN (SELECT h.aluno_id FROM hoje h)
)
SELECT
    (SELECT count(*) FROM hoje) AS visitas,
    (SELECT count(DISTINCT h.aluno_id) FROM hoje h) AS alunos,
    (SELECT json_object_agg(n.hora, n.visitas) FROM (
        SELECT h.hora, count(*) AS visitas FROM hoje h GROUP BY h.hora) n) AS horas,
    (SELECT json_object_agg(n.hora, n.visitas) FROM (
        SELECT v.hora, count(*) AS visitas FROM visitas v JOIN comparados c ON c.dia = v.dia
        GROUP BY v.hora) n) AS horas_comparadas,
    (SELECT json_agg(c ORDER BY c.dia DESC) FROM comparados c) AS comparados,
    (SELECT json_agg(json_build_object(
        'plano_id', p.plano_id, 'plano', l.nome, 'visitas', p.visitas, 'alunos', p.alunos,
        'ativos', p.ativos, 'novos', p.novos, 'cancelados', p.cancelados)
        ORDER BY p.plano_id NULLS LAST)
     FROM por_plano p LEFT JOIN planos l ON l.id = p.plano_id
     WHERE p.visitas + p.ativos + p.novos + p.cancelados > 0) AS planos,
    (SELECT count(*) FROM ausentes) AS total_ausentes,
    (SELECT json_agg(json_build_object(
        'aluno_id', n.aluno_id, 'plano', n.plano, 'ultima_visita', n.ultima_visita,
        'visitas_28_dias', n.visitas) ORDER BY n.visitas DESC, n.aluno_id)
     FROM (
        SELECT a.*, l.nome AS plano FROM ausentes a JOIN planos l ON l.id = a.plano_id
        ORDER BY a.visitas DESC, a.aluno_id LIMIT {MOST_ABSENT_SHOWN}) n) AS ausentes
""".replace(":fuso", "cast(:fuso AS text)")


def count_day(session: Session, dia: date, fuso: str) -> ConteudoRelatorio:
    """What a day was like, in one statement."""
    weeks = range(WEEKS_LOOKED_BACK + 1)
    inicio, fim = day_bounds(dia, fuso)
    row = session.execute(
        text(COUNT_DAY),
        {
            "dia": dia,
            "fuso": fuso,
            "dias": [dia - timedelta(weeks=back) for back in weeks],
            "primeiro": day_bounds(dia - timedelta(weeks=WEEKS_LOOKED_BACK), fuso)[0],
            "habito": day_bounds(dia - timedelta(days=DAYS_OF_HABIT), fuso)[0],
            "inicio": inicio,
            "fim": fim,
        },
    ).one()
    planos = [PlanoRelatorio(**plano) for plano in row.planos or []]
    return ConteudoRelatorio(
        dia=dia,
        dia_da_semana=WEEKDAYS[dia.weekday()][0],
        fuso=fuso,
        inicio=inicio,
        fim=fim,
        visitas=row.visitas,
        alunos=row.alunos,
        ativos=sum(plano.ativos for plano in planos),
        novos=sum(plano.novos for plano in planos),
        cancelados=sum(plano.cancelados for plano in planos),
        por_hora=_hours(row),
        por_plano=planos,
        comparacao=_comparison(row),
        primeiras_ausencias=_absences(row, dia),
    )


def _hours(row: Any) -> list[HoraRelatorio]:
    days = len(row.comparados or [])
    today: Mapping[str, int] = row.horas or {}
    before: Mapping[str, int] = row.horas_comparadas or {}
    return [
        HoraRelatorio(
            hora=hour,
            visitas=today.get(str(hour), 0),
            media=round(before.get(str(hour), 0) / days, 2) if days else None,
        )
        for hour in range(24)
    ]


def _comparison(row: Any) -> Comparacao:
    days = [DiaComparado(**day) for day in row.comparados or []]
    if not days:
        return Comparacao(dias=[], media_visitas=None, media_alunos=None, variacao_visitas=None)
    visits = sum(day.visitas for day in days) / len(days)
    return Comparacao(
        dias=days,
        media_visitas=round(visits, 2),
        media_alunos=round(sum(day.alunos for day in days) / len(days), 2),
        variacao_visitas=round(row.visitas / visits - 1, 4),
    )


def _absences(row: Any, dia: date) -> PrimeirasAusencias:
    return PrimeirasAusencias(
        definicao=definition_of_first_absence(dia),
        total=row.total_ausentes,
        alunos=[AusenciaRelatorio(**absence) for absence in row.ausentes or []],
    )


def definition_of_first_absence(dia: date) -> str:
    """Who counts as a regular who is absent for the first time, in pt-BR.

    Those active at the end of the day who entered on each of the four days it is compared with,
    and not on this one; nobody on a day without any visit at all.
    """
    _, before, now = WEEKDAYS[dia.weekday()]
    return (
        f"Alunos ativos que vieram {before} com movimento, dentro de {WEEKS_LOOKED_BACK} semanas,"
        f" e não vieram {now}. Num dia sem nenhuma visita ninguém é contado como ausente."
    )
