"""Everything that is said of one order: decision, reasons, nearest change, what was unusual.

The same for deciding and for deciding again: it depends on the case, the policy and the model, and
on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import fsum
from typing import TYPE_CHECKING, Any

from chalicelib.credit.cases import Case
from chalicelib.credit.columns import table_of, unread
from chalicelib.credit.counterfactuals import Changes, Nearest, nearest_approval
from chalicelib.credit.features import BASE_COLUMNS
from chalicelib.credit.policy import Limiares, Politica, thresholds
from chalicelib.credit.rules import Fired, evaluate
from chalicelib.credit.verdicts import Situacao, Verdict, verdict
from chalicelib.credit.wording import label, reasons, shown
from chalicelib.ml.columns import Column

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

SUM_TOLERANCE = 1e-6
Jsons = list[dict[str, Any]]


class ReasonsDoNotAddUp(RuntimeError):
    """The reasons of a score do not sum to it (law 8); it must not be answered with them."""


class SemModelo(StrEnum):
    """Why no model answers."""

    NENHUM = "sem_modelo"
    SENSIVEL = "modelo_usa_coluna_sensivel"
    INUTILIZAVEL = "modelo_inutilizavel"


WITHOUT_MODEL = {
    SemModelo.NENHUM: "A empresa ainda não tem modelo em uso; uma pessoa decide.",
    SemModelo.SENSIVEL: (
        "O modelo em uso olha para coluna que a política declara sensível; até que outro seja "
        "treinado sem ela, uma pessoa decide."
    ),
    SemModelo.INUTILIZAVEL: (
        "O modelo em uso não está no armazém como foi registrado; uma pessoa decide."
    ),
}


@dataclass(frozen=True)
class Assessment:
    """What is said of one order, as it is stored.

    Attributes:
        verdict: The decision.
        fired: The rules that speak, the decisive one first.
        probabilidade: Of the bad outcome; None where no model may answer.
        valor_base: What the reasons start from.
        limiares: The thresholds that were applied.
        justificativas: One per column of the model, the strongest first.
        contrafactual: Of a denial, the nearest change that would be approved, or why none.
        avisos: What was unusual.
    """

    verdict: Verdict
    fired: Sequence[Fired]
    probabilidade: float | None
    valor_base: float | None
    limiares: Limiares | None
    justificativas: Jsons
    contrafactual: dict[str, Any] | None
    avisos: Jsons

    @property
    def regras(self) -> Jsons:
        """The rules that speak, as JSON."""
        return [{**asdict(each), "consequencia": each.consequencia.value} for each in self.fired]


def usable(model: ServedModel | None, policy: Politica) -> SemModelo | None:
    """Why a model must not answer under a policy; None where it may."""
    if model is None:
        return SemModelo.NENHUM
    named = {column.name for column in model.encoder.columns}
    return SemModelo.SENSIVEL if named & set(policy.sensiveis) else None


def assess(
    case: Case, policy: Politica, model: ServedModel | None, absent: SemModelo | None
) -> Assessment:
    """Decide on a case, and say why.

    Args:
        case: Without its sensitive columns.
        policy: The company's.
        model: The one in use.
        absent: Why it must not answer; None where it may.

    Raises:
        ReasonsDoNotAddUp: The model's reasons do not sum to its score.
    """
    fired = evaluate(case, policy.regras)
    if model is None or absent is not None:
        notice = absent or SemModelo.NENHUM
        found = verdict(fired, None, None)
        nearest = _contrafactual(case, found, nearest_approval_without_model(case, policy), ())
        avisos = [_aviso(notice.value, WITHOUT_MODEL[notice])]
        return Assessment(found, fired, None, None, None, [], nearest, avisos)
    return _by_model(case, policy, model, fired)


def nearest_approval_without_model(case: Case, policy: Politica) -> Callable[[], Nearest]:
    """The search where no model may answer: nothing would be approved."""
    return lambda: nearest_approval(case, policy, None, None)


def _by_model(
    case: Case, policy: Politica, model: ServedModel, fired: Sequence[Fired]
) -> Assessment:
    columns = model.encoder.columns
    table = table_of([case.row], columns)
    explained = model.score_and_explain(table)[0]
    _verify(explained.score, explained.base_value, explained.contributions)
    limits = thresholds(policy, float(model.metadata["limiar"]))
    found = verdict(fired, explained.score, limits)
    values = {column.name: table[column.name][0] for column in columns}
    search = lambda: nearest_approval(case, policy, limits, _predictor(case, model, table))  # noqa: E731
    return Assessment(
        verdict=found,
        fired=fired,
        probabilidade=explained.score,
        valor_base=explained.base_value,
        limiares=limits,
        justificativas=reasons(explained.contributions, values, model.metadata["usual"], columns),
        contrafactual=_contrafactual(case, found, search, columns),
        avisos=_avisos(case, model, table),
    )


def _verify(score: float, base: float, contributions: Mapping[str, float]) -> None:
    off = abs(base + fsum(contributions.values()) - score)
    if not off <= SUM_TOLERANCE:
        raise ReasonsDoNotAddUp(f"off by {off:.3g}")


def _predictor(
    case: Case, model: ServedModel, table: Mapping[str, list[Any]]
) -> Callable[[Sequence[Changes]], Sequence[float]]:
    """Scores changes of a case in one call of the model."""

    def predict(changes: Sequence[Changes]) -> Sequence[float]:
        asked = {name: values * len(changes) for name, values in table.items()}
        for row, change in enumerate(changes):
            for name, value in case.columns_after(change).items():
                if name in asked:
                    asked[name][row] = value
        scores: list[float] = model.predict(asked).tolist()
        return scores

    return predict


def _contrafactual(
    case: Case, found: Verdict, search: Callable[[], Nearest], columns: Sequence[Column]
) -> dict[str, Any] | None:
    if found.decisao is not Situacao.NEGADO:
        return None
    nearest = search()
    mudancas = None
    if nearest.changes is not None:
        known = {column.name: column for column in (*BASE_COLUMNS, *columns)}
        mudancas = [
            _change(known.get(name, Column(name, "number")), case.number(name), value)
            for name, value in nearest.changes.items()
        ]
    return {
        "mudancas": mudancas,
        "distancia": nearest.distance,
        "probabilidade": nearest.probability,
        "linhas_testadas": nearest.rows,
        "motivo": nearest.reason,
    }


def _change(column: Column, now: float | None, value: float) -> dict[str, Any]:
    rises = value > (now or 0)
    return {
        "coluna": column.name,
        "rotulo": label(column),
        "de": now,
        "para": value,
        "direcao": "aumenta" if rises else "diminui",
        "texto": (
            f"{label(column)}: {'aumentar' if rises else 'diminuir'} de {shown(column, now)} "
            f"para {shown(column, value)}."
        ),
    }


UNSEEN = {
    "category": ("categoria_nova", "Categoria que o modelo não viu no treino"),
    "below_range": ("fora_da_faixa", "Valor abaixo de tudo o que o modelo viu no treino"),
    "above_range": ("fora_da_faixa", "Valor acima de tudo o que o modelo viu no treino"),
    "missing": ("coluna_ausente_inedita", "Sem valor, o que nunca ocorreu no treino"),
}


def _avisos(case: Case, model: ServedModel, table: Mapping[str, list[Any]]) -> Jsons:
    """What of the order the model does not know, or knows nothing like."""
    columns = model.encoder.columns
    passed_over = unread(case.row, columns)
    strange: dict[tuple[str, str], list[str]] = {}
    for unseen in model.encoder.unseen(table)[0]:
        strange.setdefault(UNSEEN[unseen.kind.value], []).append(unseen.source)
    missing = sorted(name for name, values in table.items() if values[0] is None)
    found = [
        _aviso("coluna_desconhecida", "O modelo não conhece", passed_over.unknown),
        _aviso("valor_de_outro_tipo", "O modelo espera outro tipo de valor", passed_over.misfit),
        _aviso("coluna_ausente", "Sem valor; o modelo tratou como ausente", missing),
        *(_aviso(kind, words, sorted(named)) for (kind, words), named in strange.items()),
    ]
    return [aviso for aviso in found if aviso["colunas"]]


def _aviso(kind: str, words: str, columns: Sequence[str] = ()) -> dict[str, Any]:
    text = f"{words}: {', '.join(columns)}." if columns else words
    return {"tipo": kind, "colunas": list(columns), "texto": text}
