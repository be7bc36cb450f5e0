"""Training by a job, on a small simulated gym: report, registry, gate, served model."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.training_data import LABEL, read_training_set
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.registry import Alias, ModelVersion, aliased_version
from chalicelib.ml.training.export import load_joblib
from chalicelib.ml.training.splits import temporal_split
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.client import Client, assert_problem
from tests.conftest import MakeUser, forget_process_state
from tests.gym.conftest import MakeAluno, count
from tests.gym.histories import execute, reader
from tests.gym.work import finished_job

TRAIN = "/admin/atualizar-modelo"

pytestmark = pytest.mark.usefixtures("small_forests")


@pytest.fixture(autouse=True)
def gym(environment: dict[str, str]) -> None:
    """A simulated gym of 300 members over nine months."""
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=300, meses=9, until=utc_now()))


@pytest.fixture
def cientista(client_of: MakeUser) -> Client:
    """A signed-in cientista of the house."""
    return client_of(Role.CIENTISTA)


def _train(client: Client) -> dict[str, Any]:
    job = finished_job(client, client.post(TRAIN))
    assert job["state"] == "succeeded", job["error"]
    report: dict[str, Any] = job["result"]
    return report


def _version(version: int) -> ModelVersion:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        found = session.get(ModelVersion, (HOUSE, CHURN.model, version))
        assert found is not None
        return found


def _alias(alias: Alias) -> int | None:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return aliased_version(session, CHURN, alias)


@pytest.mark.slow
def test_a_first_training_is_published_promoted_and_answers(cientista: Client) -> None:
    report = _train(cientista)
    assert (report["versao"], report["promovido"]) == (1, True)
    assert report["motivo"] == "Primeira versão do modelo."
    assert report["algoritmo"] in {
        "regressao_logistica",
        "floresta_aleatoria",
        "histograma_gradiente",
    }
    for name in ("roc_auc", "pr_auc", "brier", "log_loss"):
        for metrics in (report["metricas"], report["metricas_regra_ingenua"]):
            assert metrics[name]["low"] <= metrics[name]["value"] <= metrics[name]["high"]
    assert set(report["ganho_sobre_regra"]) == {"roc_auc", "pr_auc"}
    assert _alias(Alias.CHAMPION) == 1
    # A promotion is followed by everybody's scores.
    assert 0 < count("probabilidades_churn") <= 300
    _assert_registered_whole(_version(1), report, cientista)
    _assert_served_model_is_the_trained_one(_version(1))
    _assert_card_is_whole(cientista)
    forget_process_state()
    assert _answers(cientista) == {1}


def _assert_registered_whole(row: ModelVersion, report: dict[str, Any], by: Client) -> None:
    assert row.created_by == by.subject
    contenders = row.metrics["selecao"]
    assert set(contenders) == {"regressao_logistica", "floresta_aleatoria", "histograma_gradiente"}
    assert all(len(each["losses"]) > 1 for each in contenders.values())
    affordable = {n: c["log_loss"] for n, c in contenders.items() if c["within_budget"]}
    best = min(affordable, key=lambda name: affordable[name])
    assert best == row.algorithm == report["algoritmo"]
    assert len(row.data["impressao_digital"]) == 64
    assert {"scikit-learn", "onnx", "numpy"} <= set(row.libraries)
    columns = [column.name for column in Encoder.from_json(row.encoder).columns]
    assert columns[:4] == [
        "frequencia_semanal",
        "dias_desde_ultimo_checkin",
        "duracao_media_minutos",
        "plano",
    ]
    treino_ate = np.datetime64(row.split["treino_ate"])
    assert treino_ate + np.timedelta64(LABEL) <= np.datetime64(row.split["validacao_desde"])


def _assert_card_is_whole(client: Client) -> None:
    """What a person wants to know before trusting the version, and the first look at its health."""
    card = client.get("/modelos/churn/1").json
    assert len(client.get("/modelos/churn/1").body) < 50_000
    metrics = card["metricas"]
    assert sum(b["rows"] for b in metrics["confiabilidade"]) == metrics["validacao"]["rows"]
    assert all(
        b["observed_low"] <= b["observed_share"] <= b["observed_high"]
        for b in metrics["confiabilidade"]
    )
    assert {each["column"] for each in metrics["importancia"]} == set(card["colunas"])
    for groups in (metrics["por_plano"], metrics["por_tempo_de_casa"]):
        assert sum(each["linhas"] for each in groups) == metrics["validacao"]["rows"]
        for each in groups:
            is_few = each["alunos"] < 30 or each["positivos"] < 5
            assert (each["metricas"] is None) == is_few == (each["aviso"] is not None)
    assert set(card["figuras"]) == {"roc", "pr", "calibracao", "importancia"}
    for address in card["figuras"].values():
        figure = client.get(address)
        assert figure.status == 200
        assert figure.json["data"]
        assert len(figure.body) < 20_000
    health = client.get("/modelos/churn/saude").json
    assert health["versao"] == health["medicao"]["versao"] == 1
    assert {each["coluna"] for each in health["medicao"]["entradas"]} == set(card["colunas"])
    assert client.get("/retencao/coortes").json["retencao"]["curvas"]


def _assert_served_model_is_the_trained_one(row: ModelVersion) -> None:
    """ONNX and joblib agree on every row that judged, and each is what its digest says."""
    stored = row.artefacts["joblib"]
    estimator = load_joblib(
        object_store().read(stored["objeto"]), stored["sha256"], row.libraries["scikit-learn"]
    )
    data = read_training_set(reader())
    assert data is not None
    judged = temporal_split(data.instants, LABEL, 3).validation
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        served = churn_model(session, row.version)
    rows = served.encoder.encode(data.take(judged))
    trained = estimator.predict_proba(rows)[:, 1]
    assert np.abs(served.score_rows(rows) - trained).max() <= 1e-5


def _answers(client: Client) -> set[int]:
    """Which versions answer for the active members who came lately."""
    with unit_of_work(autocommit=True) as session:
        ids = session.execute(
            text(
                "SELECT DISTINCT a.id FROM alunos a JOIN checkins c ON c.aluno_id = a.id"
                " WHERE a.ativo AND c.entrada > now() - interval '20 days' ORDER BY a.id LIMIT 10"
            )
        )
        found = [client.get(f"/aluno/{i}/risco-churn").json for i in ids.scalars()]
    assert len(found) == 10
    assert all(0 <= answer["probabilidade_churn"] <= 1 for answer in found)
    return {answer["modelo_versao"] for answer in found}


@pytest.mark.slow
def test_the_same_data_make_the_same_model_and_it_may_follow(cientista: Client) -> None:
    first, second = _train(cientista), _train(cientista)
    assert second["versao"] == 2
    assert second["metricas"] == first["metricas"]
    assert second["promovido"] is True
    assert "não inferior à versão 1: +0,0000" in second["motivo"]
    assert _alias(Alias.CHAMPION) == 2
    assert _alias(Alias.CHALLENGER) is None
    assert _version(1).data["impressao_digital"] == _version(2).data["impressao_digital"]


@pytest.mark.slow
def test_a_worse_model_is_kept_as_challenger_and_does_not_answer(cientista: Client) -> None:
    _train(cientista)
    # What it could learn from is now noise; what it is judged on is as it was.
    execute(
        "WITH fim AS (SELECT max(entrada) - interval '100 days' AS ate FROM checkins)"
        " DELETE FROM checkins c USING fim WHERE c.entrada < fim.ate"
        " AND hashtextextended(c.aluno_id::text || c.entrada::text, 0) % 10 <> 0"
    )
    report = _train(cientista)
    assert (report["versao"], report["promovido"]) == (2, False)
    assert "pode ser pior que a da versão 1" in report["motivo"]
    assert (_alias(Alias.CHAMPION), _alias(Alias.CHALLENGER)) == (1, 2)
    assert _answers(cientista) == {1}


@pytest.mark.slow
def test_a_training_asked_for_twice_or_killed_before_it_could_say_so_is_done_once(
    cientista: Client,
) -> None:
    accepted = cientista.post(TRAIN)
    assert cientista.post(TRAIN).json["id"] == accepted.json["id"]
    job = finished_job(cientista, accepted)
    assert job["state"] == "succeeded"
    assert count_versions() == 1
    # As if the worker had died between the registration and the end of the run.
    with unit_of_work(tenant=HOUSE) as session:
        session.execute(text("UPDATE jobs SET state = 'queued', result = NULL, finished_at = NULL"))
    again = finished_job(cientista, accepted)
    assert (again["state"], again["attempt"], again["result"]) == ("succeeded", 2, job["result"])
    assert count_versions() == 1
    assert cientista.post(TRAIN).json["id"] != accepted.json["id"]


def count_versions() -> int:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return int(session.execute(text("SELECT count(*) FROM model_versions")).scalar_one())


@pytest.mark.parametrize(
    "history",
    ["DELETE FROM checkins", "DELETE FROM checkins WHERE entrada < now() - interval '110 days'"],
)
def test_too_little_history_fails_with_the_reason(cientista: Client, history: str) -> None:
    execute(history)
    job = finished_job(cientista, cientista.post(TRAIN))
    assert (job["state"], job["attempt"]) == ("failed", 1)
    assert job["error"]["title"] == "TooLittleHistory"
    assert "vários meses" in job["error"]["detail"]
    assert count_versions() == 0
    assert _alias(Alias.CHAMPION) is None


def test_a_gym_in_which_nobody_leaves_teaches_nothing(
    cientista: Client, make_aluno: MakeAluno
) -> None:
    execute("DELETE FROM alunos")
    for _ in range(20):
        make_aluno(tuple(range(0, 300, 4)), registered_days_ago=400)
    job = finished_job(cientista, cientista.post(TRAIN))
    assert (job["state"], job["error"]["title"]) == ("failed", "TooLittleHistory")


def test_who_may_train(client_of: MakeUser) -> None:
    for role in (Role.OPERADOR, Role.LEITOR):
        assert_problem(client_of(role).post(TRAIN), 403, "Forbidden")
    assert_problem(Client().post(TRAIN), 401, "Unauthorized")
    assert client_of(Role.ADMIN).post(TRAIN).status == 202


def test_a_cancelled_training_publishes_nothing(cientista: Client) -> None:
    accepted = cientista.post(TRAIN)
    assert cientista.post(f"/jobs/{accepted.json['id']}/cancelar").status == 200
    assert finished_job(cientista, accepted)["state"] == "cancelled"
    assert count_versions() == 0
