"""What the gym of `make run` is worth to learn from: the claim that its model is of use."""

from datetime import UTC, datetime

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.conftest import MakeUser
from tests.gym.conftest import count
from tests.gym.work import finished_job


@pytest.mark.slow
def test_its_model_clearly_beats_the_naive_rule(client_of: MakeUser) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(until=datetime(2026, 3, 1, tzinfo=UTC)))
    assert count("alunos") == 2_000
    cientista = client_of(Role.CIENTISTA)
    job = finished_job(cientista, cientista.post("/admin/atualizar-modelo"))
    report = job["result"]
    assert report["metricas"]["roc_auc"]["value"] > 0.75
    assert report["ganho_sobre_regra"]["roc_auc"]["low"] > 0
    assert report["ganho_sobre_regra"]["pr_auc"]["value"] > 0
    for name in ("brier", "log_loss"):
        assert report["metricas"][name]["value"] < report["metricas_regra_ingenua"][name]["value"]
