"""Whether contacting members keeps them: both groups as drawn, by intention to treat.

A member counts once, from the instant they first came onto a day's population
(`service_worklist.py`): who comes again later does so partly because of what was done before, and
would no longer be comparable. They left if the label of training says so of that instant: no visit
in the 30 days after, or a cancellation within them. Only members whose 30 days are over count.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.settings import settings
from chalicelib.gym.features import LABEL_DAYS
from chalicelib.gym.schemas_retention import (
    ComparacaoOut,
    Conclusao,
    DiferencaOut,
    EfeitoOut,
    EfeitoQuery,
    Grupo,
    GrupoEfeitoOut,
)
from chalicelib.ml.proportions import newcombe, wilson

FEWEST = 30  # Members of a group, below which its share says next to nothing.
MOST_MONTHS = 24

DEFINITION = (
    "Por intenção de tratar: cada aluno conta uma vez, no grupo sorteado, desde a primeira fila em "
    "que entrou (ou entraria, se não fosse o sorteio). Retido: veio nos "
    f"{LABEL_DAYS} dias seguintes e não cancelou. Intervalos de 95%: "
    "Wilson por grupo, Newcombe para a diferença."
)
TOO_FEW = f"Cedo demais: menos de {FEWEST} alunos com {LABEL_DAYS} dias completos em algum grupo."

ENTERED = f"""
WITH primeira AS (
    SELECT DISTINCT ON (e.aluno_id) e.aluno_id, e.dia, e.grupo, e.em
    FROM retencao_elegiveis e JOIN alunos a ON a.id = e.aluno_id AND NOT a.sintetico
    ORDER BY e.aluno_id, e.dia
), desfechos AS (
    SELECT p.grupo, to_char(p.dia, 'YYYY-MM') AS mes,
        p.em <= cast(:now AS timestamptz) - interval '{LABEL_DAYS} days' AS completo,
        EXISTS (
            SELECT 1 FROM checkins c
            WHERE c.aluno_id = p.aluno_id
              AND c.entrada > p.em AND c.entrada <= p.em + interval '{LABEL_DAYS} days')
        AND NOT EXISTS (
            SELECT 1 FROM aluno_vigencias h
            WHERE h.aluno_id = p.aluno_id AND NOT h.ativo
              AND h.desde > p.em AND h.desde <= p.em + interval '{LABEL_DAYS} days') AS retido,
        EXISTS (
            SELECT 1 FROM contatos c
            WHERE c.aluno_id = p.aluno_id AND c.concluido_em > p.em
              AND c.concluido_em <= p.em + interval '{LABEL_DAYS} days') AS contatado
    FROM primeira p
    WHERE p.dia BETWEEN coalesce(cast(:desde AS date), '-infinity')
        AND coalesce(cast(:ate AS date), 'infinity')
)
SELECT mes, grupo, completo, count(*) AS alunos, count(*) FILTER (WHERE retido) AS retidos,
       count(*) FILTER (WHERE contatado) AS contatados
FROM desfechos GROUP BY 1, 2, 3 ORDER BY 1
"""


def effect(session: Session, query: EfeitoQuery, now: datetime) -> EfeitoOut:
    """What contacts bring, over all and by month of entry, in one statement."""
    values = {"now": now, "desde": query.desde, "ate": query.ate}
    rows = session.execute(text(ENTERED), values).all()
    over = [row for row in rows if row.completo]
    months = sorted({row.mes for row in over})[-MOST_MONTHS:]
    overall = compare(None, over)
    return EfeitoOut(
        definicao=DEFINITION,
        aguardando=sum(row.alunos for row in rows if not row.completo),
        geral=overall,
        por_mes=[compare(month, [r for r in over if r.mes == month]) for month in months],
        aviso=_notice(overall),
    )


def _notice(overall: ComparacaoOut) -> str | None:
    if settings().retencao_fracao_controle == 0:
        return "RETENCAO_FRACAO_CONTROLE é 0: ninguém novo é sorteado para o controle."
    return TOO_FEW if overall.conclusao is Conclusao.CEDO_DEMAIS else None


def compare(periodo: str | None, rows: Sequence[Any]) -> ComparacaoOut:
    """Both groups of a period.

    Args:
        periodo: Its name.
        rows: Rows of `ENTERED` whose days are over.
    """
    treated, held_out = (_group(rows, grupo) for grupo in (Grupo.CONTATO, Grupo.CONTROLE))
    few = min(treated.alunos, held_out.alunos) < FEWEST
    difference = None if few else _difference(treated, held_out)
    return ComparacaoOut(
        periodo=periodo,
        contato=treated,
        controle=held_out,
        diferenca_pp=difference,
        conclusao=_conclusion(difference),
    )


def _group(rows: Sequence[Any], grupo: Grupo) -> GrupoEfeitoOut:
    mine = [row for row in rows if row.grupo == grupo]
    alunos, retidos = sum(row.alunos for row in mine), sum(row.retidos for row in mine)
    share = wilson(retidos, alunos) if alunos else None
    return GrupoEfeitoOut(
        alunos=alunos,
        retidos=retidos,
        retencao=share.value if share else None,
        low=share.low if share else None,
        high=share.high if share else None,
        contatados=sum(row.contatados for row in mine),
    )


def _difference(treated: GrupoEfeitoOut, held_out: GrupoEfeitoOut) -> DiferencaOut:
    found = newcombe(
        wilson(treated.retidos, treated.alunos), wilson(held_out.retidos, held_out.alunos)
    )
    return DiferencaOut(value=100 * found.value, low=100 * found.low, high=100 * found.high)


def _conclusion(difference: DiferencaOut | None) -> Conclusao:
    if difference is None:
        return Conclusao.CEDO_DEMAIS
    if difference.low > 0:
        return Conclusao.AJUDA
    return Conclusao.PREJUDICA if difference.high < 0 else Conclusao.INCONCLUSIVO
