"""The worklist in words: reasons, alerts, what changed, and the play that fits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.settings import settings
from chalicelib.gym.models import churn_model
from chalicelib.gym.reasons import counted, counted_days
from chalicelib.gym.schemas import ExplicacaoOut, Faixa, MotivoOut, TipoResposta
from chalicelib.gym.schemas_retention import (
    AlertaOut,
    FilaItemOut,
    FilaOut,
    JogadaOut,
    TipoRegra,
    UltimoContatoOut,
)
from chalicelib.gym.service_risk import band, explain, feature_values, read_features
from chalicelib.gym.service_worklist import Worklist, worklist
from chalicelib.gym.tables_retention import Jogada, RegraAlerta

ASKED = (TipoResposta.MODELO, TipoResposta.INICIO)
NOT_MADE = "A fila de hoje ainda não foi aberta por quem atende."
NO_SCORES = (
    "Sem probabilidades dos últimos 7 dias: só as regras de alerta falam. Peça "
    "POST /admin/calcular-probabilidades."
)


def describe_worklist(
    session: Session, principal: Principal, capacidade: int, now: datetime
) -> FilaOut:
    """The day's worklist, as it is answered; the number of statements does not grow with it."""
    found = worklist(session, principal, capacidade, now)
    regras = {each.id: each for each in session.scalars(select(RegraAlerta))}
    jogadas = session.scalars(
        select(Jogada).where(Jogada.ativo).order_by(Jogada.prioridade, Jogada.id)
    ).all()
    reasons = _reasons(session, found.rows)
    items = [_item(row, reasons.get(row.aluno_id, []), regras, jogadas) for row in found.rows]
    return FilaOut(
        dia=found.dia,
        dia_das_probabilidades=found.pontuado,
        capacidade=capacidade,
        descanso_dias=settings().retencao_descanso_dias,
        aviso=_notice(found),
        items=items,
    )


def _notice(found: Worklist) -> str | None:
    if not found.is_made:
        return NOT_MADE
    if found.pontuado is None:
        return NO_SCORES
    if found.pontuado < found.dia:
        return f"As probabilidades são de {found.pontuado:%d/%m/%Y}: as de hoje ainda não existem."
    return None


def _reasons(session: Session, rows: Sequence[Any]) -> dict[int, list[MotivoOut]]:
    """Member -> the model's reasons, as stored or, where they are not, computed."""
    found = {
        row.aluno_id: ExplicacaoOut.model_validate(row.explicacao).motivos
        for row in rows
        if row.explicacao is not None
    }
    missing = [row for row in rows if row.aluno_id not in found and row.tipo in ASKED]
    for version in {row.modelo_versao for row in missing}:
        asked = [row for row in missing if row.modelo_versao == version]
        found |= _computed(session, version, asked)
    return found


def _computed(session: Session, version: int, rows: Sequence[Any]) -> dict[int, list[MotivoOut]]:
    """By the version and as of the instant that gave the score, as on the member's own page."""
    known = read_features(
        session, [row.aluno_id for row in rows], [row.calculado_em for row in rows]
    )
    explained = explain(churn_model(session, version), [feature_values(row) for row in known])
    return {
        row.aluno_id: explanation.motivos
        for row, (_, explanation) in zip(known, explained, strict=True)
    }


def _item(
    row: Any,
    motivos: list[MotivoOut],
    regras: Mapping[int, RegraAlerta],
    jogadas: Sequence[Jogada],
) -> FilaItemOut:
    faixa = None if row.probabilidade is None else band(row.probabilidade)
    fired = [regras[regra_id] for regra_id in row.regras or [] if regra_id in regras]
    jogada = suggested(jogadas, faixa, motivos, {regra.id for regra in fired})
    return FilaItemOut(
        posicao=row.posicao,
        aluno_id=row.aluno_id,
        nome=row.nome,
        telefone=row.telefone,
        plano=row.plano,
        ultima_visita=row.ultima_visita,
        probabilidade_churn=row.probabilidade,
        faixa=faixa,
        mudanca=row.mudanca,
        motivos=motivos,
        alertas=[
            AlertaOut(regra_id=regra.id, nome=regra.nome, texto=_said(regra, row))
            for regra in fired
        ],
        jogada=None if jogada is None else JogadaOut.model_validate(jogada),
        ultimo_contato=_last_contact(row),
    )


def suggested(
    jogadas: Sequence[Jogada], faixa: Faixa | None, motivos: list[MotivoOut], regras: set[int]
) -> Jogada | None:
    """The first play all of whose conditions hold.

    Args:
        jogadas: The plays, in order of priority.
        faixa: The member's band.
        motivos: Their reasons; what counts is the one that adds most to the risk.
        regras: The rules that name them.
    """
    adding = max(motivos, key=lambda motivo: motivo.contribuicao, default=None)
    fator = adding.fator if adding is not None and adding.contribuicao > 0 else None
    for jogada in jogadas:
        if (
            jogada.faixa in (None, faixa)
            and jogada.fator in (None, fator)
            and (jogada.regra_id is None or jogada.regra_id in regras)
        ):
            return jogada
    return None


def _said(regra: RegraAlerta, row: Any) -> str:
    if regra.tipo == TipoRegra.DIAS_AUSENTE:
        if row.dias_desde_ultimo_checkin is None:
            return f"Nunca veio, matrícula há {counted_days(row.meses_de_casa * 30.4375)}."
        return f"Sem vir há {counted_days(row.dias_desde_ultimo_checkin)}."
    now, usual = (counted(each, "vez", "vezes") for each in (row.frequencia_semanal, row.usual))
    return f"Vem {now} por semana; o próprio costume é de {usual}."


def _last_contact(row: Any) -> UltimoContatoOut | None:
    if row.contato_em is None:
        return None
    return UltimoContatoOut(
        em=row.contato_em,
        por=row.contato_por,
        canal=row.contato_canal,
        desfecho=row.contato_desfecho,
    )
