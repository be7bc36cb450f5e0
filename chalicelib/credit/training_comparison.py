"""Versions of a company's model on the same orders, none of which any was trained on (law 7)."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from chalicelib.core.runs import JobRun
from chalicelib.credit.errors import AlvosDiferentes
from chalicelib.credit.models import credit_model_name
from chalicelib.credit.queues import ComparacaoMessage, TreinoMessage
from chalicelib.credit.schemas_models import ComparacaoReport, VersaoComparada
from chalicelib.credit.training import judgeable, source_of
from chalicelib.credit.training_costs import Judged, approval_at_risk, cost_estimate, point
from chalicelib.credit.training_data import read_orders
from chalicelib.credit.training_policy import Costs, training_policy
from chalicelib.credit.training_recipe import CreditRows, credit_recipe, labelled
from chalicelib.ml.registry import ModelVersion, version_of
from chalicelib.ml.training.comparison import NoCommonHoldOut, answers_of
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.judging import Floats
from chalicelib.ml.training.recipe import Recipe


def compare_versions(run: JobRun, message: ComparacaoMessage) -> ComparacaoReport:
    """Judge versions on every order of a dataset that none of them learned anything of.

    Raises:
        AlvosDiferentes: They do not foretell the same.
        NoCommonHoldOut: There are no such orders, or they cannot tell the versions apart.
        ModelUnloadable, ModelVersionNotFound, DatasetNotFound, DatasetAberto: One is not there.
    """
    run.progress(0, 3, "lendo os pedidos comuns")
    name = credit_model_name(run.tenant)
    with run.reading() as session:
        versions = [version_of(session, name, number) for number in message.versoes]
        alvo = common_alvo(versions)
        dataset = message.dataset or _newest(versions)
        asked = TreinoMessage(dataset=dataset, motivo="comparação", alvo=alvo)
        source = source_of(session, asked, run.started_at)
        costs = training_policy(session, run.tenant).costs
    orders = read_orders(run, source.dataset, alvo, source.now)
    recipe = credit_recipe(run.tenant, alvo)
    common: CreditRows = labelled(orders.part(judgeable(orders)), ())
    for version in versions:
        common = common.part(recipe.unseen(common, version.split))
    if not len(common.y):
        raise NoCommonHoldOut
    run.progress(1, 3, "perguntando às versões")
    with run.reading() as session:
        answers = [answers_of(session, recipe, each.version, common) for each in versions]
    run.progress(2, 3, "comparando")
    try:
        compared = _Comparison(recipe, common, costs).of(versions, answers)
    except TooLittleData as error:
        raise NoCommonHoldOut from error
    return ComparacaoReport(
        dataset=source.dataset,
        alvo=alvo,
        **common.span(),
        linhas=len(common.y),
        clientes=len(np.unique(common.who)),
        positivos=int(common.y.sum()),
        risco_de_referencia=compared[0].no_limiar["ruins_entre_aprovados"] or 0.0,
        custos=costs.to_json(),
        versoes=compared,
    )


def common_alvo(versions: Sequence[ModelVersion]) -> str:
    """What all of them foretell.

    Raises:
        AlvosDiferentes: They do not foretell the same.
    """
    first, *others = {str(version.data["alvo"]) for version in versions}
    if others:
        raise AlvosDiferentes
    return first


def _newest(versions: Sequence[ModelVersion]) -> UUID:
    return UUID(max(versions, key=lambda each: each.version).data["dataset"])


class _Comparison:
    """The orders, and how versions are judged on them."""

    def __init__(self, recipe: Recipe, rows: CreditRows, costs: Costs) -> None:
        self._recipe, self._rows, self._costs = recipe, rows, costs

    def of(
        self, versions: Sequence[ModelVersion], answers: Sequence[Floats]
    ) -> list[VersaoComparada]:
        """Every version beside the first.

        Raises:
            TooLittleData: The orders cannot tell them apart.
        """
        first = self._judged(answers[0])
        at_own = point(first, versions[0].data["limiar"], self._costs)
        risk = at_own.ruins_entre_aprovados or 0.0
        return [
            self._one(version, said, risk, None if place == 0 else answers[0])
            for place, (version, said) in enumerate(zip(versions, answers, strict=True))
        ]

    def _one(
        self, version: ModelVersion, said: Floats, risk: float, first: Floats | None
    ) -> VersaoComparada:
        judge, rows, limiar = self._recipe.judge, self._rows, version.data["limiar"]
        judged = self._judged(said)
        beside = None if first is None else judge.differences(rows.y, said, first, rows.who)
        cost = cost_estimate(judged, judged.p < limiar, self._costs, self._recipe.seed)
        return VersaoComparada(
            versao=version.version,
            algoritmo=version.algorithm,
            metricas=judge.metrics(rows.y, said, rows.who),
            limiar=limiar,
            no_limiar=point(judged, limiar, self._costs).to_json(),
            custo_por_pedido=cost.to_json(),
            aprovacao_a_igual_risco=approval_at_risk(judged, risk),
            diferencas=beside,
        )

    def _judged(self, said: Floats) -> Judged:
        rows = self._rows
        return Judged(rows.y, said, rows.orders.valor, rows.who)
