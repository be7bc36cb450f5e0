"""Measuring a project's versions: shift of what they are asked, error and coverage since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import settings
from chalicelib.ml.monitoring import SCORE, Binning, population_stability, stability
from chalicelib.ml.proportions import wilson
from chalicelib.ml.registry import (
    ModelName,
    ModelVersion,
    champion_of,
    training_profile,
    version_of,
)
from chalicelib.ml.schemas_health import Desvio
from chalicelib.ml.serving import ServedModel
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.watch import Outcomes, performance
from chalicelib.prices.answers import CLASSES
from chalicelib.prices.inputs import read_stored
from chalicelib.prices.models import price_model_name
from chalicelib.prices.schemas_models import DesempenhoPreco, MedicaoPreco, SaudePrecoReport
from chalicelib.prices.service_predictions import stated_interval, usable_model
from chalicelib.prices.tables_models import MedicaoRow
from chalicelib.prices.training_recipes import recipe_of

WINDOW = timedelta(days=30)
MOST_ROWS = 20_000
MOST_OTHERS = 20

ASKED = """
SELECT entrada, valor, probabilidades FROM precos_previsoes
WHERE projeto_id = :projeto AND versao = :versao AND em > :since
ORDER BY em DESC, id DESC LIMIT :most
"""
FILES = """
SELECT faixas FROM precos_chamadas
WHERE projeto_id = :projeto AND versao = :versao AND em > :since AND faixas IS NOT NULL
ORDER BY em DESC LIMIT 1000
"""
TOLD = """
SELECT id, em, valor, classe, probabilidades, baixo, alto, observado, observado_classe,
    coalesce(referencia, 'previsao:' || id) AS caso
FROM precos_previsoes
WHERE projeto_id = :projeto AND versao = :versao AND observado_em IS NOT NULL
ORDER BY id DESC LIMIT :most
"""
WITH_ACTUALS = """
SELECT DISTINCT versao FROM precos_previsoes
WHERE projeto_id = :projeto AND observado_em IS NOT NULL
ORDER BY versao DESC LIMIT :most
"""


@dataclass(frozen=True)
class Watched:
    """A version that is measured.

    Attributes:
        projeto_id: Whose.
        row: It, as the registry has it.
        model: It, ready to answer.
        recipe: How it is judged.
    """

    projeto_id: UUID
    row: ModelVersion
    model: ServedModel
    recipe: Recipe


def measure_project(run: JobRun, projeto_id: UUID, now: datetime) -> SaudePrecoReport:
    """Measure the version that answers and those with real values; the day's last one counts."""
    run.progress(0, 1, "medindo o modelo")
    name = price_model_name(run.tenant, projeto_id)
    with run.reading() as session:
        champion = champion_of(session, name)
    if champion is None:
        return SaudePrecoReport(versao=None, previsoes=0, desfechos=0)
    measured = _measure(run, name, projeto_id, champion, now)
    values = {"medido_em": now, "conteudo": measured.model_dump(mode="json")}
    day = local_day(now, settings().local_timezone)
    with run.transaction() as session:
        session.execute(
            insert(MedicaoRow)
            .values(tenant=run.tenant, projeto_id=projeto_id, dia=day, **values)
            .on_conflict_do_update(index_elements=["projeto_id", "dia"], set_=values)
        )
    return SaudePrecoReport(
        versao=champion.version,
        previsoes=measured.previsoes,
        desfechos=measured.desempenho.desfechos,
    )


def _measure(
    run: JobRun, name: ModelName, projeto_id: UUID, champion: ModelVersion, now: datetime
) -> MedicaoPreco:
    with run.reading() as session:
        watched = _watch(session, name, projeto_id, champion)
        inputs, score, rows = _shifts(session, watched, now)
        found = session.scalars(
            text(WITH_ACTUALS), {"projeto": projeto_id, "most": MOST_OTHERS + 1}
        ).all()
        others = [version_of(session, name, n) for n in found if n != champion.version]
        return MedicaoPreco(
            versao=champion.version,
            treinado_em=champion.created_at,
            dados_ate=champion.created_at,
            entradas=inputs,
            score=score,
            previsoes=rows,
            desempenho=_since(session, watched),
            outras=[
                _since(session, _watch(session, name, projeto_id, each))
                for each in others[:MOST_OTHERS]
            ],
        )


def _watch(session: Session, name: ModelName, projeto_id: UUID, row: ModelVersion) -> Watched:
    model = usable_model(session, name, row.version)
    return Watched(projeto_id, row, model, recipe_of(name, row))


def _shifts(
    session: Session, watched: Watched, now: datetime
) -> tuple[list[Desvio], Desvio | None, int]:
    """How far every input and the score have moved, and over how many rows that was counted."""
    scope = {"projeto": watched.projeto_id, "versao": watched.row.version, "since": now - WINDOW}
    rows = _rows(session, ASKED, {**scope, "most": MOST_ROWS})
    files = [row["faixas"] for row in _rows(session, FILES, scope)]
    name = price_model_name(watched.row.tenant, watched.projeto_id)
    bins = [Binning.from_json(b) for b in training_profile(session, name, watched.row.version)]
    asked = _asked(watched, rows)
    found = [_moved(each, asked, files, watched.recipe) for each in bins]
    counted = len(rows) + sum(int(each["linhas"]) for each in files)
    if not counted:
        return [], None, 0
    inputs = [each for each in found if each.coluna != SCORE.name]
    return inputs, next((each for each in found if each.coluna == SCORE.name), None), counted


def _asked(watched: Watched, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Column -> (n,) values of the rows that were asked about, the score among them."""
    table = read_stored([row["entrada"] for row in rows], watched.row.data["esquema"])
    return {**table, SCORE.name: scores_of(rows, watched.row.data)}


def scores_of(rows: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> NDArray[np.float64]:
    """(n,) answers as training binned them: values, or the likeliest class's probability."""
    if data["tarefa"] == CLASSES:
        return np.array([max(row["probabilidades"].values()) for row in rows], dtype=np.float64)
    return np.array([row["valor"] for row in rows], dtype=np.float64)


def _moved(
    each: Binning,
    asked: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    recipe: Recipe,
) -> Desvio:
    counts = np.zeros(each.bins)
    if each.column in asked and len(asked[each.column]):
        counts += each.count(asked[each.column])
    for file in files:
        counts += np.array(file["colunas"].get(each.column, np.zeros(each.bins)), dtype=np.float64)
    index = population_stability(np.array(each.counts, dtype=np.float64), counts)
    rows = int(counts.sum())
    return Desvio(
        coluna=each.column,
        rotulo=recipe.labels.get(each.column, recipe.answer_label),
        psi=index,
        linhas=rows,
        faixa=stability(index, rows, each.bins),
    )


def _since(session: Session, watched: Watched) -> DesempenhoPreco:
    """How a version does on real values, beside its own hold-out."""
    row = watched.row
    scope = {"projeto": watched.projeto_id, "versao": row.version, "most": MOST_ROWS}
    told = _rows(session, TOLD, scope)
    found = performance(watched.recipe, _outcomes(told, row.data), _Performance)
    return found.model_copy(
        update={
            "versao": row.version,
            "linhas": len(told),
            "validacao": row.metrics["validacao"],
            "cobertura": _coverage(told),
            "cobertura_validacao": stated_interval(row.data),
        }
    )


class _Performance(DesempenhoPreco):
    """Before it is known of which version it is said."""

    versao: int = 0


def _outcomes(told: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> Outcomes | None:
    if not told:
        return None
    instants = np.array([row["em"].replace(tzinfo=None) for row in told], dtype="datetime64[us]")
    who = np.array([row["caso"] for row in told])
    if data["tarefa"] == CLASSES:
        names = list(data["classes"])
        kept = [row for row in told if row["observado_classe"] in names]
        if not kept:
            return None
        y = np.array([names.index(row["observado_classe"]) for row in kept])
        chances = np.array([[row["probabilidades"][name] for name in names] for row in kept])
        known = np.array([row["observado_classe"] in names for row in told])
        return Outcomes(chances, y, who[known], instants[known])
    y = np.array([float(row["observado"]) for row in told])
    return Outcomes(np.array([row["valor"] for row in told], dtype=np.float64), y, who, instants)


def _coverage(told: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """The share of real values within their interval, with Wilson's interval."""
    held = Counter(
        row["baixo"] <= float(row["observado"]) <= row["alto"]
        for row in told
        if row["observado"] is not None and row["baixo"] is not None
    )
    if not held:
        return None
    share = wilson(held[True], held.total())
    return {"value": share.value, "low": share.low, "high": share.high}


def _rows(session: Session, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(text(statement), dict(values)).mappings()]
