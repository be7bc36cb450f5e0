"""How likely a member is to leave, and why.

The stored score is the answer for as long as the member's revisão, the local day and the
champion are the same; else the score is computed anew and stored.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.settings import settings
from chalicelib.gym.errors import AlunoNotFound
from chalicelib.gym.features import COLUMNS, LABEL_DAYS, features_sql
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.reasons import Value, reasons
from chalicelib.gym.schemas import Faixa, MotivoOut, Origem, RiscoOut, TipoResposta
from chalicelib.ml.registry import Alias

NAMES = tuple(column.name for column in COLUMNS)

NOTICES = {
    TipoResposta.SEM_MODELO: "Ainda não há modelo treinado; peça POST /admin/atualizar-modelo.",
    TipoResposta.INATIVO: "A matrícula está cancelada; não há desistência a prever.",
    TipoResposta.SEM_VISITA: "Nenhuma visita registrada; não há hábito do qual prever.",
    TipoResposta.INICIO: (
        f"Matrícula há menos de {LABEL_DAYS} dias: o modelo não aprendeu com alunos tão novos."
    ),
    TipoResposta.AUSENTE: (
        f"Sem visita há {LABEL_DAYS} dias ou mais: pela definição já desistiu; o modelo só "
        "aprendeu com quem ainda vinha."
    ),
}

STORED = """
SELECT a.ativo, a.revisao, c.version AS modelo_versao,
       r.probabilidade, r.calculado_em, r.resposta::text AS resposta,
       (r.revisao, r.dia, r.modelo_versao) = (a.revisao, cast(:dia AS date), c.version) AS vale
FROM alunos a
LEFT JOIN model_aliases c
    ON c.tenant = :tenant AND c.model = :model AND c.alias = :alias
LEFT JOIN riscos_churn r ON r.aluno_id = a.id
WHERE a.id = :aluno_id
"""

# Whoever computed under the newer revision wins, whichever of the two commits last.
STORE = """
INSERT INTO riscos_churn AS r
    (aluno_id, revisao, dia, modelo_versao, probabilidade, calculado_em, resposta)
VALUES (:aluno_id, :revisao, :dia, :modelo_versao, :probabilidade, :calculado_em,
        cast(:resposta AS jsonb))
ON CONFLICT (aluno_id) DO UPDATE SET
    revisao = excluded.revisao, dia = excluded.dia, modelo_versao = excluded.modelo_versao,
    probabilidade = excluded.probabilidade, calculado_em = excluded.calculado_em,
    resposta = excluded.resposta
WHERE (r.revisao, r.calculado_em) <= (excluded.revisao, excluded.calculado_em)
"""


def churn_risk(session: Session, aluno_id: int, now: datetime) -> RiscoOut:
    """The risk of one member.

    Raises:
        AlunoNotFound: There is no such aluno.
    """
    dia = local_day(now, settings().local_timezone)
    row = session.execute(
        text(STORED),
        {
            "aluno_id": aluno_id,
            "dia": dia,
            "tenant": CHURN.tenant,
            "model": CHURN.model,
            "alias": Alias.CHAMPION.value,
        },
    ).one_or_none()
    if row is None:
        raise AlunoNotFound
    if not row.ativo:
        return _no_number(aluno_id, TipoResposta.INATIVO)
    if row.modelo_versao is None:
        return _no_number(aluno_id, TipoResposta.SEM_MODELO)
    if row.vale:
        return _answer(aluno_id, row, json.loads(row.resposta), Origem.ARMAZENADO)
    return _compute(session, aluno_id, row.revisao, row.modelo_versao, dia, now)


def _compute(
    session: Session, aluno_id: int, revisao: int, versao: int, dia: date, now: datetime
) -> RiscoOut:
    known = read_features(session, [aluno_id], now)[0]
    if known.ultima_visita is None:
        return _no_number(aluno_id, TipoResposta.SEM_VISITA)
    model = churn_model(session, versao)
    values = feature_values(known)
    explained = model.score_and_explain({name: [values[name]] for name in NAMES})[0]
    found = reasons(explained.contributions, values, model.metadata["usual"])
    resposta = {
        "tipo": kind_of_answer(values).value,
        "probabilidade_base": explained.base_value,
        "motivos": [motivo.model_dump(mode="json") for motivo in found],
        "fatores": values,
    }
    stored = {
        "aluno_id": aluno_id,
        "revisao": revisao,
        "dia": dia,
        "modelo_versao": versao,
        "probabilidade": explained.score,
        "calculado_em": now,
    }
    session.execute(text(STORE), {**stored, "resposta": json.dumps(resposta)})
    return _answer(aluno_id, _Computed(**stored), resposta, Origem.RECALCULADO)


class _Computed:
    """A score just computed, with the attributes of a stored one."""

    def __init__(self, **stored: Any) -> None:
        self.modelo_versao: int = stored["modelo_versao"]
        self.probabilidade: float = stored["probabilidade"]
        self.calculado_em: datetime = stored["calculado_em"]


def read_features(session: Session, ids: Sequence[int], as_of: datetime) -> Sequence[Any]:
    """What the model knows of these members at one instant; a row each, in no order."""
    return session.execute(
        text(features_sql()), {"ids": list(ids), "as_of": [as_of] * len(ids)}
    ).all()


def feature_values(row: Any) -> dict[str, Value]:
    """A row of the features statement as column -> value."""
    return {name: getattr(row, name) for name in NAMES}


def kind_of_answer(values: Mapping[str, Value]) -> TipoResposta:
    """Whether the model learned from members like this one."""
    if float(values["dias_desde_ultimo_checkin"] or 0) >= LABEL_DAYS:
        return TipoResposta.AUSENTE
    if float(values["meses_de_casa"] or 0) * 30.4375 < LABEL_DAYS:
        return TipoResposta.INICIO
    return TipoResposta.MODELO


def band(probability: float) -> Faixa:
    """Low, medium or high, by the settings' bounds."""
    found = settings()
    if probability >= found.churn_faixa_alta:
        return Faixa.ALTO
    return Faixa.MEDIO if probability >= found.churn_faixa_media else Faixa.BAIXO


def _no_number(aluno_id: int, tipo: TipoResposta) -> RiscoOut:
    return RiscoOut(aluno_id=aluno_id, tipo=tipo, aviso=NOTICES[tipo])


def _answer(aluno_id: int, score: Any, resposta: Mapping[str, Any], origem: Origem) -> RiscoOut:
    tipo = TipoResposta(resposta["tipo"])
    # Built of our own stored values, so there is nothing left to validate.
    return RiscoOut.model_construct(
        aluno_id=aluno_id,
        tipo=tipo,
        probabilidade_churn=score.probabilidade,
        faixa=band(score.probabilidade),
        aviso=NOTICES.get(tipo),
        probabilidade_base=resposta["probabilidade_base"],
        motivos=[MotivoOut.model_construct(**motivo) for motivo in resposta["motivos"]],
        fatores=resposta["fatores"],
        modelo_versao=score.modelo_versao,
        calculado_em=score.calculado_em,
        origem=origem,
    )
