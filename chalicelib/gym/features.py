"""What the churn model knows of a member: one SQL statement, as of any instant (law 5).

Training asks it about past snapshots and serving about now; nothing after `as_of` is looked
at: not a visit, not an exit, not a change of plano, not a cancellation.
"""

from dataclasses import dataclass

from chalicelib.ml.columns import Column

RECENT_DAYS = 28
WINDOW_DAYS = 112  # Four weeks of now, after twelve that say what is usual for this member.
LABEL_DAYS = 30

COLUMNS = (
    Column("frequencia_semanal", "number", label="Visitas por semana", unit="visitas/semana"),
    Column("dias_desde_ultimo_checkin", "number", label="Dias desde a última visita", unit="dias"),
    Column("duracao_media_minutos", "number", label="Duração média", unit="minutos"),
    Column("plano", "category", label="Plano"),
    Column("variacao_do_ritmo", "number", label="Mudança de ritmo", unit="visitas/semana"),
    Column("ausencia_relativa", "number", label="Ausência frente ao próprio intervalo", unit="x"),
    Column("semanas_ativas", "number", label="Semanas com visita nas últimas 12", unit="semanas"),
    Column("meses_de_casa", "number", label="Tempo de casa", unit="meses"),
)
"""The model's columns. The first four are the brief's."""


@dataclass(frozen=True)
class Pairs:
    """Where the statement takes its (aluno_id, as_of) from.

    Attributes:
        source: SQL of a relation with these two columns.
    """

    source: str


GIVEN = Pairs(
    "unnest(cast(:ids AS bigint[]), cast(:as_of AS timestamptz[])) AS p (aluno_id, as_of)"
)
"""Pairs passed as two arrays of one length."""


def features_sql(pairs: Pairs = GIVEN) -> str:
    """The statement.

    Args:
        pairs: Where the members and instants come from.

    Returns:
        SQL that gives one row per pair with a registration: aluno_id, as_of, ativo (as of
        then), ultima_visita, then every column of `COLUMNS` in order. Numbers are double
        precision, null where nothing is known.
    """
    return FEATURES.format(pairs=pairs.source)


# Each member costs two short scans of the one index on their visits, and no visit of the table
# itself. `dias` keeps a newcomer's rate from being averaged over weeks they were not there for.
# date_part gives double precision at once; extract would compute in numeric, ten times slower.
# The weeks with a visit are bits of one integer: counting them needs no sort.
FEATURES = f"""
SELECT
    p.aluno_id,
    p.as_of,
    v.ativo,
    u.ultima_visita,
    w.recentes / w.semanas_recentes AS frequencia_semanal,
    date_part('epoch', p.as_of - u.ultima_visita) / 86400 AS dias_desde_ultimo_checkin,
    w.duracao_media_minutos,
    pl.nome AS plano,
    w.recentes / w.semanas_recentes
        - (w.visitas - w.recentes) / w.semanas_anteriores AS variacao_do_ritmo,
    date_part('epoch', p.as_of - u.ultima_visita) / 86400
        * (w.visitas + 1) / w.dias AS ausencia_relativa,
    w.semanas_ativas,
    w.meses_de_casa
FROM {{pairs}}
JOIN alunos a ON a.id = p.aluno_id
JOIN LATERAL (
    SELECT h.plano_id, h.ativo FROM aluno_vigencias h
    WHERE h.aluno_id = p.aluno_id AND h.desde <= p.as_of
    ORDER BY h.desde DESC LIMIT 1
) v ON true
JOIN planos pl ON pl.id = v.plano_id
LEFT JOIN LATERAL (
    SELECT c.entrada AS ultima_visita FROM checkins c
    WHERE c.aluno_id = p.aluno_id AND c.entrada <= p.as_of
    ORDER BY c.entrada DESC LIMIT 1
) u ON true
CROSS JOIN LATERAL (
    SELECT
        n.*,
        l.dias,
        greatest(least(l.dias, {RECENT_DAYS}), 7) / 7 AS semanas_recentes,
        greatest(l.dias - {RECENT_DAYS}, 7) / 7 AS semanas_anteriores,
        l.de_casa / 30.4375 AS meses_de_casa
    FROM (
        SELECT
            count(*)::float8 AS visitas,
            count(*) FILTER (WHERE s.semana < {RECENT_DAYS // 7})::float8 AS recentes,
            coalesce(bit_count(bit_or(1 << s.semana)::bit({WINDOW_DAYS // 7})
                & b'{"0" * 4}{"1" * 12}'), 0)::float8 AS semanas_ativas,
            avg(s.minutos) AS duracao_media_minutos
        FROM (
            SELECT
                least(floor(date_part('epoch', p.as_of - c.entrada) / 604800),
                      {WINDOW_DAYS // 7 - 1})::int AS semana,
                CASE WHEN c.saida <= p.as_of
                     THEN date_part('epoch', c.saida - c.entrada) / 60 END AS minutos
            FROM checkins c
            WHERE c.aluno_id = p.aluno_id
              AND c.entrada <= p.as_of
              AND c.entrada > p.as_of - interval '{WINDOW_DAYS} days'
        ) s
    ) n,
    (
        SELECT d.de_casa, greatest(least(d.de_casa, {WINDOW_DAYS}), 1) AS dias
        FROM (SELECT date_part('epoch', p.as_of - a.matriculado_em) / 86400 AS de_casa) d
    ) l
) w
"""
