"""The day's worklist: whom to contact, and whom to leave alone so that the effect can be told.

It is a randomised trial that is always on, analysed by intention to treat: members are compared
as they were drawn, whatever was then done. (That those most at risk need not be those whom a
contact helps, and that only a hold-out tells, is Ascarza, Journal of Marketing Research 55, 2018,
doi:10.1509/jmr.16.0163.)

1. Candidates are active members whom the question still concerns (came, or registered, within 30
   days) and whom the model gives at least the medium band or a rule of the club names. Who has an
   open contact, was contacted within the days of rest, or asked not to be, is none; a member held
   out rests as long from the day they came onto a list, as if they had been contacted then. Else
   they would stay at the top for good, until they filled it.
2. The ranking knows no groups. Its first K = capacidade / (1 - fraction) are the day's population
   of both groups, recorded before anybody sees it (`retencao_elegiveis`).
3. Each of them not drawn yet is drawn, once for good (`grupos_retencao`): held out if SHA-256 of
   seed and id, as a number from 0 to 1, lies below the fraction.
4. Shown are the first `capacidade` of those not held out. K does not depend on the draw, so
   neither group is picked by where the list ends; who is of the population but not shown, for want
   of capacity, counts with the group they were drawn into.

A day's list stands once it was made: asked for more later in the day, it is continued.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import local_day
from chalicelib.core.settings import settings
from chalicelib.gym.features import LABEL_DAYS, Pairs, features_sql

MAKERS = (Role.ADMIN, Role.OPERADOR)
OLDEST_SCORES = timedelta(days=7)
FEWEST_USUAL = 0.5  # Visits a week; whoever came less has no pace that could halve.
FEWEST_MONTHS = 2.0  # Four weeks of now and four at the least that say what is usual.

# One list is made at a time; the constraints would refuse the second maker instead.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('retencao_elegiveis'))"
SCORED_ON = "SELECT max(dia) FROM probabilidades_churn WHERE dia BETWEEN :oldest AND :dia"
RECORDED = """
SELECT coalesce(max(posicao), 0) FROM retencao_elegiveis WHERE dia = :dia
"""
USUAL = "(f.frequencia_semanal - f.variacao_do_ritmo)"
# What the rules of the club say of a row `f` of features.
FIRED = f"""LEFT JOIN LATERAL (
    SELECT array_agg(r.id ORDER BY r.prioritaria DESC, r.id) AS regras,
           bool_or(r.prioritaria) AS prioritaria
    FROM regras_alerta r
    WHERE r.ativo AND CASE r.tipo
        WHEN 'dias_ausente' THEN
            coalesce(f.dias_desde_ultimo_checkin, f.meses_de_casa * 30.4375) >= r.limite
        ELSE f.meses_de_casa >= {FEWEST_MONTHS} AND {USUAL} >= {FEWEST_USUAL}
            AND f.frequencia_semanal <= r.limite * {USUAL}
        END
) g ON true"""
# What of a contact keeps a member off the list.
AT_REST = "(c.concluido_em IS NULL OR c.concluido_em > :rested OR c.desfecho = 'nao_contatar')"
OPEN_QUESTION = f"""(
    SELECT a.id AS aluno_id, cast(:now AS timestamptz) AS as_of
    FROM alunos a
    LEFT JOIN LATERAL (
        SELECT c.entrada FROM checkins c
        WHERE c.aluno_id = a.id AND c.entrada <= :now ORDER BY c.entrada DESC LIMIT 1
    ) u ON true
    WHERE a.ativo AND NOT a.sintetico
      AND coalesce(u.entrada, a.matriculado_em) > cast(:now AS timestamptz)
            - interval '{LABEL_DAYS} days'
      AND NOT EXISTS (SELECT 1 FROM contatos c WHERE c.aluno_id = a.id AND {AT_REST})
      AND NOT EXISTS (
        SELECT 1 FROM retencao_elegiveis e
        WHERE e.aluno_id = a.id
          AND (e.dia = :dia OR e.grupo = 'controle' AND e.em > :rested))
) AS p"""
RANK = f"""
SELECT f.aluno_id, CASE WHEN g.regras IS NULL THEN 'modelo' ELSE 'regra' END AS motivo
FROM ({features_sql(Pairs(OPEN_QUESTION))}) f
LEFT JOIN LATERAL (
    SELECT s.probabilidade FROM probabilidades_churn s
    WHERE s.dia = :pontuado AND s.aluno_id = f.aluno_id LIMIT 1
) s ON true
{FIRED}
WHERE g.regras IS NOT NULL OR s.probabilidade >= :media
ORDER BY coalesce(g.prioritaria, false) DESC, s.probabilidade DESC NULLS LAST, f.aluno_id
LIMIT :rows
"""
# 52 bits are what a double holds exactly.
DRAW = """
INSERT INTO grupos_retencao (aluno_id, grupo, semente, fracao, atribuido_em)
SELECT a.id, CASE WHEN sorte.numero < :fracao THEN 'controle' ELSE 'contato' END,
       :semente, :fracao, :now
FROM alunos a
CROSS JOIN LATERAL (
    SELECT ('x' || left(encode(sha256(convert_to(:semente || ':' || a.id, 'UTF8')), 'hex'), 13)
           )::bit(52)::bigint / 4503599627370496.0::float8 AS numero
) sorte
WHERE a.id = ANY(cast(:ids AS bigint[]))
ON CONFLICT (aluno_id) DO NOTHING
"""
RECORD = """
INSERT INTO retencao_elegiveis (dia, aluno_id, grupo, posicao, motivo, em)
SELECT :dia, n.aluno_id, g.grupo, :behind + n.posicao, n.motivo, :now
FROM unnest(cast(:ids AS bigint[]), cast(:motivos AS text[]))
    WITH ORDINALITY AS n (aluno_id, motivo, posicao)
JOIN grupos_retencao g ON g.aluno_id = n.aluno_id
"""
# Of the day's list, who is still to be contacted. A contact made since leaves a gap.
SHOWN_PAIRS = f"""(
    SELECT e.aluno_id, cast(:now AS timestamptz) AS as_of
    FROM (SELECT e.aluno_id FROM retencao_elegiveis e
          WHERE e.dia = :dia AND e.grupo = 'contato' AND e.posicao <= :ate
          ORDER BY e.posicao LIMIT :capacidade) e
    WHERE NOT EXISTS (SELECT 1 FROM contatos c WHERE c.aluno_id = e.aluno_id AND {AT_REST})
) AS p"""
SHOW = f"""
SELECT e.posicao, a.nome, a.telefone, f.*, {USUAL} AS usual, g.regras,
       s.probabilidade, s.tipo, s.modelo_versao, s.calculado_em, s.explicacao,
       CASE WHEN s.anterior_versao = s.modelo_versao
            THEN s.probabilidade - s.anterior END AS mudanca,
       c.concluido_em AS contato_em, c.criado_por AS contato_por, c.canal AS contato_canal,
       c.desfecho AS contato_desfecho
FROM ({features_sql(Pairs(SHOWN_PAIRS))}) f
JOIN retencao_elegiveis e ON e.dia = :dia AND e.aluno_id = f.aluno_id
JOIN alunos a ON a.id = f.aluno_id AND a.ativo
LEFT JOIN LATERAL (
    SELECT s.* FROM probabilidades_churn s
    WHERE s.dia = :pontuado AND s.aluno_id = f.aluno_id LIMIT 1
) s ON true
LEFT JOIN LATERAL (
    SELECT c.* FROM contatos c
    WHERE c.aluno_id = f.aluno_id AND c.concluido_em IS NOT NULL
    ORDER BY c.concluido_em DESC LIMIT 1
) c ON true
{FIRED}
ORDER BY e.posicao
"""


@dataclass(frozen=True)
class Worklist:
    """The day's list, not yet put into words.

    Attributes:
        dia: The local day.
        pontuado: The day the scores are of; None without any of the last week.
        is_made: Whether there is a list of the day; only who may work on it makes it.
        rows: Members to contact, the first to contact first: rows of `SHOW`.
    """

    dia: date
    pontuado: date | None
    is_made: bool
    rows: Sequence[Any]


def worklist(session: Session, principal: Principal, capacidade: int, now: datetime) -> Worklist:
    """The day's list for so many contacts; made, or continued, where the caller works on it."""
    dia = local_day(now, settings().local_timezone)
    scored = session.scalar(text(SCORED_ON), {"dia": dia, "oldest": dia - OLDEST_SCORES})
    values = {
        "dia": dia,
        "now": now,
        "pontuado": scored,
        "rested": now - timedelta(days=settings().retencao_descanso_dias),
    }
    population = population_size(capacidade)
    if principal.role in MAKERS:
        _make(session, values, population)
    made = session.scalar(text(RECORDED), {"dia": dia})
    rows = session.execute(
        text(SHOW), {**values, "ate": population, "capacidade": capacidade}
    ).all()
    return Worklist(dia, scored, bool(made), rows)


def population_size(capacidade: int) -> int:
    """How many of the ranking the day's population is, so that about `capacidade` are shown."""
    return round(capacidade / (1 - settings().retencao_fracao_controle))


def _make(session: Session, values: dict[str, Any], population: int) -> None:
    """Record the day's population as far as it is not yet, each member drawn."""
    dia = {"dia": values["dia"]}
    if session.execute(text(RECORDED), dia).scalar_one() >= population:
        return
    session.execute(text(LOCK))
    recorded = session.execute(text(RECORDED), dia).scalar_one()
    found = settings()
    ranked = session.execute(
        text(RANK),
        {**values, "media": found.churn_faixa_media, "rows": max(0, population - recorded)},
    ).all()
    ids = [row.aluno_id for row in ranked]
    draw = {"fracao": found.retencao_fracao_controle, "semente": found.retencao_semente}
    session.execute(text(DRAW), {**draw, "ids": ids, "now": values["now"]})
    motivos = [row.motivo for row in ranked]
    session.execute(
        text(RECORD),
        {**dia, "now": values["now"], "ids": ids, "motivos": motivos, "behind": recorded},
    )
