"""How likely a member is to leave, and why.

The stored score is the answer for as long as the member's revisão, the local day and the
champion are the same; else the score is computed anew and stored. Where the pass over all
members (`service_scoring.py`) came first, it is computed as of the instant of that pass, so that
a member has one number a day, whoever asks first.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.settings import settings
from chalicelib.core.statements import HotStatement
from chalicelib.gym.errors import AlunoNotFound
from chalicelib.gym.features import COLUMNS, LABEL_DAYS, features_sql
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.reasons import Value, reasons
from chalicelib.gym.schemas import ExplicacaoOut, Faixa, Origem, RiscoOut, TipoResposta
from chalicelib.ml.columns import is_missing
from chalicelib.ml.registry import Alias

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

FORMAT = 1  # Of the stored answers; raise it when texts or fields of them change.
NAMES = tuple(column.name for column in COLUMNS)
ABSENCE, TENURE = "dias_desde_ultimo_checkin", "meses_de_casa"
NOTHING_KNOWN: Mapping[str, Value] = dict.fromkeys(NAMES)

RULED = {TipoResposta.AUSENTE: 1.0}
"""The number of those kinds of answer that a rule gives."""

NOTICES = {
    TipoResposta.SEM_MODELO: "Ainda não há modelo treinado; peça POST /admin/atualizar-modelo.",
    TipoResposta.INATIVO: "A matrícula está cancelada; não há desistência a prever.",
    TipoResposta.SEM_VISITA: "Nenhuma visita registrada; não há hábito do qual prever.",
    TipoResposta.INICIO: (
        f"Matrícula há menos de {LABEL_DAYS} dias: o modelo não aprendeu com alunos tão novos."
    ),
    TipoResposta.AUSENTE: (
        f"Sem visita há {LABEL_DAYS} dias ou mais: pela definição já desistiu, embora ainda possa "
        "voltar. A resposta é dessa regra; o modelo só conhece quem ainda vinha."
    ),
}

STORED = HotStatement("""
SELECT a.ativo, a.revisao, c.version AS modelo_versao, r.resposta,
       CASE WHEN r.resposta IS NULL THEN (
           SELECT p.calculado_em FROM probabilidades_churn p
           WHERE p.dia = cast(:dia AS date) AND p.aluno_id = a.id
             AND p.revisao = a.revisao AND p.modelo_versao = c.version
       ) END AS pontuado_em
FROM alunos a
LEFT JOIN model_aliases c
    ON c.tenant = :tenant AND c.model = :model AND c.alias = :alias
LEFT JOIN riscos_churn r
    ON r.aluno_id = a.id
    AND (r.revisao, r.dia, r.modelo_versao, r.formato)
      = (a.revisao, cast(:dia AS date), c.version, :formato)
WHERE a.id = :aluno_id
""")

# Whoever computed under the newer revision wins, whichever of the two commits last; of one
# revision, the later instant, unless the day or the champion is another by now.
STORE = HotStatement("""
INSERT INTO riscos_churn AS r
    (aluno_id, revisao, dia, modelo_versao, formato,
     probabilidade, calculado_em, resposta)
VALUES (:aluno_id, :revisao, :dia, :modelo_versao, :formato, :probabilidade, :calculado_em,
        :resposta)
ON CONFLICT (aluno_id) DO UPDATE SET
    revisao = excluded.revisao, dia = excluded.dia, modelo_versao = excluded.modelo_versao,
    formato = excluded.formato, probabilidade = excluded.probabilidade,
    calculado_em = excluded.calculado_em,
    resposta = excluded.resposta
WHERE r.revisao < excluded.revisao
   OR r.revisao = excluded.revisao
      AND (r.calculado_em <= excluded.calculado_em
           OR (r.dia, r.modelo_versao, r.formato)
              IS DISTINCT FROM (excluded.dia, excluded.modelo_versao, excluded.formato))
RETURNING r.aluno_id
""")


FEATURES_OF = HotStatement(features_sql())


def churn_risk(session: Session, aluno_id: int, now: datetime) -> RiscoOut:
    """The risk of one member.

    Raises:
        AlunoNotFound: There is no such aluno.
    """
    return RiscoOut.model_validate_json(churn_risk_json(session, aluno_id, now))


def churn_risk_json(session: Session, aluno_id: int, now: datetime) -> str:
    """The risk of one member as the JSON of a `RiscoOut`.

    A stored answer is sent as it was stored: reading it into a model, only to write it again,
    would cost more than everything else that is done for it here.

    Raises:
        AlunoNotFound: There is no such aluno.
    """
    dia = local_day(now, settings().local_timezone)
    row = STORED.one_or_none(
        session,
        aluno_id=aluno_id,
        dia=dia,
        formato=answer_format(),
        tenant=CHURN.tenant,
        model=CHURN.model,
        alias=Alias.CHAMPION.value,
    )
    if row is None:
        raise AlunoNotFound
    if not row.ativo:
        return _no_number(aluno_id, TipoResposta.INATIVO)
    if row.modelo_versao is None:
        return _no_number(aluno_id, TipoResposta.SEM_MODELO)
    if row.resposta is not None:
        return _with_origin(row.resposta, Origem.ARMAZENADO)
    as_of = row.pontuado_em or now
    return _compute(session, aluno_id, row.revisao, row.modelo_versao, dia, as_of)


def answer_format() -> str:
    """What a stored answer depends on beside the member, the day and the model."""
    found = settings()
    return f"{FORMAT}:{found.churn_faixa_media}:{found.churn_faixa_alta}"


def _compute(
    session: Session, aluno_id: int, revisao: int, versao: int, dia: date, as_of: datetime
) -> str:
    found = read_features(session, [aluno_id], [as_of])
    # None at all of who registered an instant ago, by a clock that is ahead of this one.
    values = feature_values(found[0]) if found else NOTHING_KNOWN
    tipo = kind_of_answer(values[ABSENCE], values[TENURE])
    if tipo is TipoResposta.SEM_VISITA:
        return _no_number(aluno_id, TipoResposta.SEM_VISITA)
    score, explanation = RULED.get(tipo), dict[str, Any]()
    if score is None:
        score, found_reasons = explain(churn_model(session, versao), [values])[0]
        explanation = dict(found_reasons)
    answer = RiscoOut(
        aluno_id=aluno_id,
        tipo=tipo,
        probabilidade_churn=score,
        faixa=band(score),
        aviso=NOTICES.get(tipo),
        fatores=dict(values),
        modelo_versao=versao,
        calculado_em=as_of,
        **explanation,
    ).model_dump_json(exclude={"origem"})
    STORE.all(
        session,
        aluno_id=aluno_id,
        revisao=revisao,
        dia=dia,
        modelo_versao=versao,
        formato=answer_format(),
        probabilidade=score,
        calculado_em=as_of,
        resposta=answer,
    )
    return _with_origin(answer, Origem.RECALCULADO)


def explain(
    model: "ServedModel", members: Sequence[Mapping[str, Value]]
) -> list[tuple[float, ExplicacaoOut]]:
    """The model's score of each member, and why; a member's do not depend on the others."""
    table = {name: [values[name] for values in members] for name in NAMES}
    usual = model.metadata["usual"]
    return [
        (
            found.score,
            ExplicacaoOut(
                probabilidade_base=found.base_value,
                motivos=reasons(found.contributions, values, usual),
            ),
        )
        for values, found in zip(members, model.score_and_explain(table), strict=True)
    ]


def _with_origin(answer: str, origem: Origem) -> str:
    """A stored answer's JSON, with where it comes from this time."""
    return f'{{"origem":"{origem.value}",{answer[1:]}'


def read_features(session: Session, ids: Sequence[int], as_of: Sequence[datetime]) -> Sequence[Any]:
    """What the model knows of these members, each at an instant; a row each, in no order."""
    return FEATURES_OF.all(session, ids=list(ids), as_of=list(as_of))


def feature_values(row: Any) -> dict[str, Value]:
    """A row of the features statement as column -> value."""
    return {name: getattr(row, name) for name in NAMES}


def kind_of_answer(absence_days: Value, tenure_months: Value) -> TipoResposta:
    """Whether the model learned from members like this one.

    Of those who have not come for as long as the label looks ahead, the question has been
    answered: the rule that defines churn speaks, not the model.

    Args:
        absence_days: The member's `dias_desde_ultimo_checkin`; missing without any visit.
        tenure_months: Their `meses_de_casa`.
    """
    if is_missing(absence_days):
        return TipoResposta.SEM_VISITA
    if float(absence_days or 0) >= LABEL_DAYS:
        return TipoResposta.AUSENTE
    if float(tenure_months or 0) * 30.4375 < LABEL_DAYS:
        return TipoResposta.INICIO
    return TipoResposta.MODELO


def band(probability: float) -> Faixa:
    """Low, medium or high, by the settings' bounds."""
    found = settings()
    if probability >= found.churn_faixa_alta:
        return Faixa.ALTO
    return Faixa.MEDIO if probability >= found.churn_faixa_media else Faixa.BAIXO


def _no_number(aluno_id: int, tipo: TipoResposta) -> str:
    return RiscoOut(aluno_id=aluno_id, tipo=tipo, aviso=NOTICES[tipo]).model_dump_json()
