"""Whether the churn model can still be trusted: what is measured, and what is made of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.gym.health import churn_health, judge
from chalicelib.gym.models import churn_model
from chalicelib.gym.schemas_models import DesempenhoOut, DesvioOut, Medicao
from chalicelib.gym.training_data import labelled_instants, read_snapshots
from chalicelib.gym.training_watch import (
    apart_from_contacts,
    churn_performance,
    outcomes_since,
    recent_instants,
)
from chalicelib.ml.schemas_health import Saude
from chalicelib.ml.stability import Stability
from chalicelib.ml.training.watch import Outcomes
from infra.local.scheduler import run_due, schedules_of
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.client import Client
from tests.conftest import MakeUser
from tests.gym.histories import execute, reader
from tests.gym.publishing import publish_model
from tests.gym.work import work_off

NOW = datetime(2026, 3, 18, 9, 26, tzinfo=UTC)
HEALTH = "/modelos/churn/saude"
GOOD = {"value": 0.8, "low": 0.75, "high": 0.85}


def measured(**changes: Any) -> Medicao:
    """A version in which nothing is wrong, but for what is given."""
    since = churn_performance(None).model_copy(update=changes.pop("desempenho", {}))
    fields: dict[str, Any] = {
        "versao": 1,
        "treinado_em": NOW - timedelta(days=3),
        "dados_ate": NOW - timedelta(days=33),
        "roc_auc_validacao": GOOD,
        "alunos": 200,
        "entradas": [],
        "score": None,
        "desempenho": since,
    }
    return Medicao(**{**fields, **changes})


def shift(psi: float, band: Stability) -> DesvioOut:
    return DesvioOut(coluna="plano", rotulo="Plano", psi=psi, linhas=200, faixa=band)


def states(found: Medicao) -> list[Saude]:
    return [state for state, _ in judge(found, NOW)]


def test_a_version_in_which_nothing_is_wrong() -> None:
    metrics = {"roc_auc": GOOD, "brier_skill": {"value": 0.1, "low": -0.1, "high": 0.2}}
    assert states(measured(desempenho={"metricas": metrics})) == []
    assert states(measured(entradas=[shift(9.9, Stability.TOO_FEW)])) == []


def test_what_has_moved_is_named_with_how_far() -> None:
    found = measured(entradas=[shift(0.12, Stability.ATTENTION)], score=shift(0.3, Stability.DRIFT))
    assert states(found) == [Saude.ATENCAO, Saude.DERIVA]
    reasons = [reason for _, reason in judge(found, NOW)]
    assert reasons[0] == "Plano: PSI 0,12 desde o treino."


def test_outcomes_that_are_surely_worse_than_at_validation_are_a_drift() -> None:
    skill = {"value": 0.1, "low": 0.0, "high": 0.2}
    for high, expected in ((0.76, []), (0.74, [Saude.DERIVA])):
        metrics = {"roc_auc": {"value": 0.7, "low": 0.6, "high": high}, "brier_skill": skill}
        assert states(measured(desempenho={"metricas": metrics})) == expected
    metrics = {"roc_auc": GOOD, "brier_skill": {"value": -0.3, "low": -0.5, "high": -0.1}}
    assert states(measured(desempenho={"metricas": metrics})) == [Saude.DERIVA]


def test_what_is_seen_only_with_the_contacted_may_be_the_contacts_doing() -> None:
    skill = {"value": 0.1, "low": 0.0, "high": 0.2}
    worse = {"roc_auc": {"value": 0.7, "low": 0.6, "high": 0.74}, "brier_skill": skill}
    as_before = {"roc_auc": GOOD, "brier_skill": skill}
    for apart, expected in (
        (as_before, Saude.ATENCAO),
        (worse, Saude.DERIVA),
        (None, Saude.DERIVA),
    ):
        without = churn_performance(None).model_copy(update={"metricas": apart})
        found = measured(desempenho={"metricas": worse}, desempenho_sem_contato=without)
        assert states(found) == [expected]
    both = measured(
        desempenho={"metricas": worse},
        desempenho_sem_contato=churn_performance(None).model_copy(update={"metricas": as_before}),
    )
    assert "efeito dos contatos" in next(judge(both, NOW))[1]


def test_a_version_that_four_trainings_did_not_replace_wants_attention() -> None:
    assert states(measured(treinado_em=NOW - timedelta(days=28))) == []
    assert states(measured(treinado_em=NOW - timedelta(days=29))) == [Saude.ATENCAO]


def test_few_outcomes_make_no_figure() -> None:
    few = Outcomes(
        answers=np.full(200, 0.1),
        y=np.repeat([0, 1], [196, 4]),
        who=np.arange(200),
        as_of=np.full(200, np.datetime64("2026-01-01", "us")),
    )
    found = churn_performance(few)
    assert (found.desfechos, found.positivos, found.metricas) == (200, 4, None)
    assert found.aviso
    assert isinstance(found, DesempenhoOut)


def test_shift_is_looked_at_on_the_hours_and_weekdays_of_training() -> None:
    found = recent_instants(NOW)
    assert found[-1] == datetime(2026, 3, 18, tzinfo=UTC)
    assert len({instant.weekday() for instant in found}) == 7


@pytest.fixture
def leitor(client_of: MakeUser) -> Client:
    """A leitor of a house with a simulated gym."""
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=300, meses=9, until=utc_now()))
    return client_of(Role.LEITOR)


def _analyse() -> None:
    """What happens each night."""
    evening = datetime(2026, 3, 17, 22, tzinfo=UTC)
    (nightly,) = [s for s in schedules_of(Client.app, evening) if s.name == "analyse_gym"]
    assert nightly.due == datetime(2026, 3, 18, 7, 30, tzinfo=UTC)
    run_due([nightly], nightly.due)
    assert work_off() == 1


def test_before_anything_is_known_it_says_so(leitor: Client) -> None:
    found = leitor.get(HEALTH).json
    assert (found["estado"], found["versao"], found["medicao"]) == ("sem_dados", None, None)
    _analyse()
    assert leitor.get(HEALTH).json["estado"] == "sem_dados"
    publish_model()
    found = leitor.get(HEALTH).json
    assert (found["estado"], found["versao"]) == ("sem_dados", 1)
    assert "Ainda não calculado" in found["motivos"][0]


def test_a_model_of_other_members_has_drifted_and_its_outcomes_are_counted(leitor: Client) -> None:
    publish_model()
    _analyse()
    found = leitor.get(HEALTH).json
    assert found["estado"] == "deriva"
    assert any("Plano: PSI" in reason for reason in found["motivos"])
    performance = found["medicao"]["desempenho"]
    assert performance["desfechos"] > 1000
    assert 0.5 < performance["metricas"]["roc_auc"]["value"] < 1
    assert sum(each["rows"] for each in performance["confiabilidade"]) == performance["desfechos"]
    assert 100 < found["medicao"]["alunos"] < 300
    publish_model(2)
    assert leitor.get(HEALTH).json["estado"] == "sem_dados"


def test_a_version_just_trained_has_no_outcomes_yet(leitor: Client) -> None:
    publish_model(trained_until=utc_now().replace(tzinfo=None).isoformat())
    _analyse()
    performance = leitor.get(HEALTH).json["medicao"]["desempenho"]
    assert (performance["desfechos"], performance["metricas"]) == (0, None)
    assert "Nenhum desfecho" in performance["aviso"]


def test_a_measurement_that_stopped_is_noticed(leitor: Client) -> None:
    publish_model()
    _analyse()
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        found = churn_health(session, utc_now() + timedelta(days=4))
    assert "a análise noturna parou" in found.motivos[-1]
    assert found.idade_dias == pytest.approx(4, abs=0.1)


def test_back_scores_are_what_the_version_would_have_answered_then(leitor: Client) -> None:
    publish_model()
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        model = churn_model(session, 1)
    instants = labelled_instants(reader())
    found = outcomes_since(reader(), model, instants[-3])
    assert found is not None
    assert len(np.unique(found.as_of)) == 2  # Only snapshots after the given one.
    then = read_snapshots(reader(), instants[-2:])
    assert then is not None
    assert (found.answers == model.predict(then.table)).all()


def test_outcomes_are_told_apart_by_contact_and_by_lot(leitor: Client) -> None:
    publish_model()
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        model = churn_model(session, 1)
    found = outcomes_since(reader(), model, labelled_instants(reader())[-3])
    assert found is not None
    contacted, held_out = np.unique(found.who)[:2].tolist()
    first, last = np.unique(found.as_of).astype("datetime64[us]").tolist()
    execute(
        "INSERT INTO contatos (aluno_id, canal, desfecho, criado_por, criado_em, concluido_em)"
        f" SELECT {contacted}, 'email', 'conversou', 'teste', em, em FROM unnest(ARRAY["
        f"'{last}+00'::timestamptz, '{first}+00'::timestamptz - interval '1 day']) em"
    )
    execute(
        "INSERT INTO grupos_retencao (aluno_id, grupo, semente, fracao, atribuido_em)"
        f" VALUES ({held_out}, 'controle', 's', 0.1, now()),"
        f" ({contacted}, 'contato', 's', 0.1, now())"
    )
    untouched, by_lot = apart_from_contacts(reader(), found)
    assert untouched is not None
    assert by_lot is not None
    # The contact fell into the days after the first instant, and on the second, not after it.
    gone = (found.who == contacted) & (found.as_of == found.as_of.min())
    assert gone.sum() == 1
    assert len(untouched.who) == len(found.who) - 1
    assert (untouched.answers == found.answers[~gone]).all()
    assert set(by_lot.who.tolist()) == {held_out}
    _analyse()
    measured_now = leitor.get(HEALTH).json["medicao"]
    assert measured_now["desempenho_controle"]["alunos"] == 1
    assert (
        measured_now["desempenho_sem_contato"]["desfechos"]
        < measured_now["desempenho"]["desfechos"]
    )
