"""One publication for every product: a company's classifier, another one's price, one gate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.pages import PageQuery
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store
from chalicelib.ml.promotion import AlreadyChampion
from chalicelib.ml.registry import Alias, ModelVersionNotFound, aliased_version, version_of
from chalicelib.ml.schemas import ComparisonReport, Uso, VersaoOut, VersaoResumoOut
from chalicelib.ml.training import publication
from chalicelib.ml.training.classifiers import ClassifierJudge
from chalicelib.ml.training.comparison import ModelUnloadable, NoCommonHoldOut, compare
from chalicelib.ml.training.judging import Floats, Gate
from chalicelib.ml.training.publication import earlier_report, publish
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.versions import (
    ModelUnusable,
    list_versions,
    model_card,
    promote,
    roll_back,
    served_model,
)
from tests.conftest import forget_process_state
from tests.ml.training.models import (
    COLUMNS,
    PAYER_RECIPE,
    PAYERS,
    PRICE_RECIPE,
    PRICES,
    as_classes,
    claimed_run,
    draw_rows,
    made_ready,
    nothing_follows,
    published,
)

pytestmark = pytest.mark.usefixtures("environment")


class PriceSummary(VersaoOut):
    """A version of a price model in a list."""

    mae: dict[str, float] | None


class ClientComparison(ComparisonReport):
    """Two versions on the same clients."""

    clientes: int
    positivos: int


def champion(recipe: Recipe) -> int | None:
    with unit_of_work(tenant=recipe.name.tenant, autocommit=True) as session:
        return aliased_version(session, recipe.name, Alias.CHAMPION)


def test_a_companys_classifier_is_published_under_its_own_name() -> None:
    report = published(PAYER_RECIPE, as_classes(draw_rows(1)))
    assert (report.versao, report.promovido) == (1, True)
    assert report.metricas["roc_auc"]["low"] > 0.8
    with unit_of_work(tenant=PAYERS.tenant, autocommit=True) as session:
        card = model_card(session, PAYERS, 1, label="Se paga.", figures_at="/figuras")
        key = version_of(session, PAYERS, 1).artefacts["onnx"]["objeto"]
        listed, _, _ = list_versions(session, PAYERS, PageQuery(), VersaoResumoOut)
    assert key == "empresa-a/models/credito/1/model.onnx"
    assert (card.rotulo, card.uso, card.dados["clientes"]) == ("Se paga.", Uso.CAMPEAO, 300)
    assert set(card.figuras) == {"roc", "pr", "calibracao", "importancia"}
    assert card.divisao["tipo"] == "entidades"
    assert {group["grupo"] for group in card.metricas["por_regiao"]} == {"None", "norte", "sul"}
    assert card.metricas["selecao"]["regressao_logistica"]["log_loss"] < 0.6
    assert [version.roc_auc for version in listed] == [report.metricas["roc_auc"]]


def test_a_price_passes_the_same_way_and_answers_in_its_own_unit() -> None:
    rows = draw_rows(1)
    report = published(PRICE_RECIPE, rows)
    assert report.ganho_sobre_regra["mae"]["low"] > 0
    forget_process_state()
    with unit_of_work(tenant=PRICES.tenant, autocommit=True) as session:
        model = served_model(session, PRICES, 1)
        card = model_card(session, PRICES, 1, label="O preço.", figures_at="/figuras")
        listed, _, _ = list_versions(session, PRICES, PageQuery(), PriceSummary)
    assert np.median(model.predict(rows.table)) == pytest.approx(np.median(rows.y), rel=0.1)
    (explained,) = model.score_and_explain({name: v[:1] for name, v in rows.table.items()})
    total = explained.base_value + sum(explained.contributions.values())
    assert total == pytest.approx(explained.score)
    assert card.dados["mediana"] == pytest.approx(np.median(rows.y))
    assert all(each["loss"] > 0 for each in card.metricas["importancia"])
    assert [version.mae for version in listed] == [report.metricas["mae"]]


def test_a_store_that_is_away_is_what_the_job_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def put(self, *_: object) -> None:
            raise StorageUnavailable

    monkeypatch.setattr(publication, "object_store", Away)
    with pytest.raises(ServiceUnavailable):
        published(PRICE_RECIPE, draw_rows(1))


def test_the_gate_is_the_recipes_judge() -> None:
    published(PRICE_RECIPE, draw_rows(1))
    better = published(PRICE_RECIPE, draw_rows(1))
    assert (better.promovido, better.motivo[:28]) == (True, "R² não inferior à versão 1: ")
    worse = published(replace(PRICE_RECIPE, columns=COLUMNS[1:]), draw_rows(1))
    assert (worse.promovido, champion(PRICE_RECIPE)) == (False, 2)
    assert "R² pode ser pior que a da versão 2" in worse.motivo


def test_another_companys_session_finds_nothing_of_it() -> None:
    published(PAYER_RECIPE, as_classes(draw_rows(1)))
    with unit_of_work(tenant=PAYERS.tenant, autocommit=True) as session:
        served_model(session, PAYERS, 1)  # In the cache of this process from now on.
    with unit_of_work(tenant=PRICES.tenant, autocommit=True) as session:
        assert list_versions(session, PAYERS, PageQuery(), VersaoResumoOut)[0] == []
        with pytest.raises(ModelVersionNotFound):
            served_model(session, PAYERS, 1)


def test_what_follows_a_promotion_is_in_its_transaction() -> None:
    def fails(session: Session, version: int, by: str) -> None:
        raise ZeroDivisionError

    published(PAYER_RECIPE, as_classes(draw_rows(1)))
    run, ready = claimed_run(PAYERS.tenant), made_ready(PAYER_RECIPE, as_classes(draw_rows(1)))
    with pytest.raises(ZeroDivisionError):
        publish(run, ready, fails)
    assert champion(PAYER_RECIPE) == 1
    assert earlier_report(run) is None
    with unit_of_work(tenant=PAYERS.tenant, autocommit=True) as session:
        assert session.execute(text("SELECT version FROM model_versions")).scalars().all() == [1]


def test_a_version_is_promoted_and_rolled_back_by_name() -> None:
    followed: list[tuple[int, str]] = []

    def follow(session: Session, version: int, by: str) -> None:
        followed.append((version, by))

    for seed in (1, 2):
        published(PAYER_RECIPE, as_classes(draw_rows(seed)))
    with unit_of_work(tenant=PAYERS.tenant) as session:
        promote_or_skip(session, 2)
        assert roll_back(session, PAYERS, by="ana", reason="melhor antes", then=follow) == 1
        with pytest.raises(AlreadyChampion):
            promote(session, PAYERS, 1, by="ana", reason="de novo", then=follow)
    assert followed == [(1, "ana")]


def promote_or_skip(session: Session, version: int) -> None:
    """Let a version answer, if it does not yet."""
    if aliased_version(session, PAYERS, Alias.CHAMPION) != version:
        promote(session, PAYERS, version, by="ana", reason="teste", then=nothing_follows)


def test_what_cannot_be_loaded_is_neither_promoted_nor_compared() -> None:
    for seed in (1, 2):
        published(PAYER_RECIPE, as_classes(draw_rows(seed)))
    object_store().delete(f"{PAYERS.tenant}/models/{PAYERS.model}/1/model.onnx")
    forget_process_state()
    with unit_of_work(tenant=PAYERS.tenant) as session:
        promote_or_skip(session, 2)
        with pytest.raises(ModelUnusable):
            promote(session, PAYERS, 1, by="ana", reason="teste", then=nothing_follows)
    with pytest.raises(ModelUnloadable):
        compared(as_classes(draw_rows(3)))


def compared(rows: LabelledRows) -> ClientComparison:
    return compare(claimed_run(PAYERS.tenant), PAYER_RECIPE, (1, 2), rows, ClientComparison)


def test_versions_are_compared_on_entities_that_neither_was_trained_on() -> None:
    for seed, noise in ((1, 0.3), (2, 3.0)):
        published(PAYER_RECIPE, as_classes(draw_rows(seed, noise=noise)))
    rows = as_classes(draw_rows(3))
    report = compared(rows)
    assert (report.desde, report.linhas) == (None, report.clientes * 2)
    assert 0.2 * len(rows.y) < report.linhas < 0.4 * len(rows.y)
    assert report.diferencas["roc_auc"]["value"] == pytest.approx(
        report.metricas_a["roc_auc"]["value"] - report.metricas_b["roc_auc"]["value"]
    )
    with pytest.raises(NoCommonHoldOut):
        compared(rows.part(np.zeros(len(rows.y), dtype=np.bool_)))


@dataclass(frozen=True)
class Interrupted(ClassifierJudge):
    """A judge during whose first look somebody else promotes the first version again."""

    looks: list[int] = field(default_factory=list)

    def gate(
        self, y: NDArray[Any], challenger: Floats, champion: Floats, who: NDArray[Any]
    ) -> Gate:
        if not self.looks:
            with unit_of_work(tenant=PAYERS.tenant) as session:
                promote_or_skip(session, 1)
        self.looks.append(len(y))
        return super().gate(y, challenger, champion, who)


def test_a_champion_that_moves_meanwhile_is_judged_anew() -> None:
    rows = as_classes(draw_rows(1))
    for _ in range(2):
        published(PAYER_RECIPE, rows)
    assert champion(PAYER_RECIPE) == 2
    judge = Interrupted()
    report = published(replace(PAYER_RECIPE, judge=judge), rows)
    assert len(judge.looks) == 2
    assert report.motivo.startswith("ROC AUC não inferior à versão 1: ")
    assert champion(PAYER_RECIPE) == report.versao == 3


def test_an_attempt_after_the_registration_finds_the_report() -> None:
    run = claimed_run(PAYERS.tenant)
    assert earlier_report(run) is None
    ready = made_ready(PAYER_RECIPE, as_classes(draw_rows(1)))
    report = publish(run, ready, nothing_follows)
    assert earlier_report(run) == report
