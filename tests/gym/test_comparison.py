"""Two versions are compared on rows that neither was trained on, or not at all (law 7)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from chalicelib.gym.models import CHURN
from chalicelib.gym.training_recipe import CHURN_RECIPE
from chalicelib.ml.registry import Alias, champion_of
from chalicelib.ml.training.comparison import Challenge, Verdict, verdict_beside
from chalicelib.ml.training.rows import LabelledRows
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.client import Client
from tests.conftest import MakeUser, forget_process_state
from tests.gym.histories import reader
from tests.gym.publishing import made_up_members, publish_model
from tests.gym.work import finished_job

EARLY, LATE = "2026-01-01T00:00:00", "2026-03-01T00:00:00"

Judge = Callable[[str], Verdict]


@pytest.fixture
def verdict_after(environment: dict[str, str]) -> Judge:
    """The verdict on a challenger that is wrong about early rows and right about late ones,
    beside a champion whose last trained snapshot is given.
    """

    def judge(trained_until: str) -> Verdict:
        publish_model(1, trained_until=trained_until)
        table, y = made_up_members(2, 0.3)
        is_late = np.arange(len(y)) % 2 == 0
        as_of = np.where(is_late, np.datetime64(LATE), np.datetime64(EARLY))
        rows = LabelledRows(table, y, np.arange(len(y)), as_of.astype("datetime64[us]"), "")
        challenger = np.where(is_late, y, 1 - y).astype(np.float64)
        with unit_of_work(tenant=HOUSE, autocommit=True) as session:
            champion = champion_of(session, CHURN)
        assert champion is not None
        return verdict_beside(reader(), CHURN_RECIPE, champion, Challenge(rows, challenger))

    return judge


def test_all_rows_count_that_lie_after_both_training_windows(verdict_after: Judge) -> None:
    verdict = verdict_after("2025-12-02T00:00:00")  # Its labels were known on the first of January.
    assert not verdict.promoted
    assert "pode ser pior que a da versão 1: -0" in verdict.why


def test_rows_inside_the_champions_training_window_do_not_count(verdict_after: Judge) -> None:
    verdict = verdict_after("2025-12-03T00:00:00")
    assert verdict.promoted
    assert "não inferior à versão 1: +0" in verdict.why


def test_without_common_rows_the_champion_stays_and_the_reason_says_so(
    verdict_after: Judge,
) -> None:
    verdict = verdict_after(LATE)
    assert not verdict.promoted
    assert "sem comparação honesta" in verdict.why


def test_a_champion_that_cannot_be_loaded_is_replaced(verdict_after: Judge) -> None:
    publish_model(1)
    object_store().delete(f"{HOUSE}/models/churn/1/model.onnx")
    forget_process_state()
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        champion = champion_of(session, CHURN)
    assert champion is not None
    late = np.array([LATE] * 2, dtype="datetime64[us]")
    rows = LabelledRows({}, np.array([0, 1]), np.array([1, 2]), late, "")
    challenge = Challenge(rows, np.array([0.1, 0.9]))
    verdict = verdict_beside(reader(), CHURN_RECIPE, champion, challenge)
    assert verdict == Verdict(True, "A versão 1 não pode mais ser carregada.")
    unfit = replace(challenge, unfit="Não sabe nada.")
    kept = verdict_beside(reader(), CHURN_RECIPE, champion, unfit)
    assert (kept.promoted, kept.why.startswith("Não sabe nada.")) == (False, True)


@pytest.fixture
def cientista(client_of: MakeUser) -> Client:
    """A cientista of a house with a simulated gym."""
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=300, meses=9, until=utc_now()))
    return client_of(Role.CIENTISTA)


def _compared(client: Client, a: int, b: int) -> dict[str, Any]:
    return finished_job(client, client.post("/modelos/churn/comparar", {"a": a, "b": b}))


def _days_ago(days: float) -> str:
    return (utc_now() - timedelta(days=days)).replace(tzinfo=None).isoformat()


def test_the_better_of_two_versions_is_named_with_its_interval(cientista: Client) -> None:
    publish_model(1)
    publish_model(2, steepness=-0.3, alias=Alias.CHALLENGER)
    job = _compared(cientista, 1, 2)
    assert job["state"] == "succeeded", job["error"]
    report = job["result"]
    assert (report["a"], report["b"]) == (1, 2)
    assert report["linhas"] > report["alunos"] > report["positivos"] / 10 > 0
    for name in ("roc_auc", "brier"):
        assert report["diferencas"][name]["low"] > 0
    assert report["metricas_a"]["roc_auc"]["value"] > report["metricas_b"]["roc_auc"]["value"]
    again = _compared(cientista, 2, 1)["result"]
    assert again["diferencas"]["roc_auc"]["high"] == -report["diferencas"]["roc_auc"]["low"]


def test_the_hold_out_begins_where_the_later_training_window_ends(cientista: Client) -> None:
    publish_model(1)
    publish_model(2, trained_until=_days_ago(100), alias=Alias.CHALLENGER)
    report = _compared(cientista, 1, 2)["result"]
    first = datetime.fromisoformat(report["desde"])
    window_end = datetime.fromisoformat(_days_ago(70))
    assert window_end - timedelta(seconds=5) <= first < window_end + timedelta(days=11)


def test_without_later_rows_a_comparison_fails_and_says_so(cientista: Client) -> None:
    publish_model(1)
    publish_model(2, trained_until=_days_ago(40), alias=Alias.CHALLENGER)
    job = _compared(cientista, 1, 2)
    assert (job["state"], job["attempt"]) == ("failed", 1)
    assert job["error"]["title"] == "NoCommonHoldOut"
