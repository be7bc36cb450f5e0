"""Features: counted by hand, the same in training and serving, blind to the future (law 5)."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.gym.features import COLUMNS
from chalicelib.gym.service_members import ensure_planos
from chalicelib.gym.service_risk import feature_values, read_features
from chalicelib.gym.training_data import read_training_set
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.training.rows import LabelledRows
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.gym.conftest import MakeAluno
from tests.gym.histories import NAMES, change, execute, known, reader, visit

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def test_features_of_a_regular_counted_by_hand(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno((1, 3, 10, 40, 200), now=NOW, minutes=45)
    assert known(aluno_id, NOW) == pytest.approx(
        {
            "frequencia_semanal": 3 / 4,
            "dias_desde_ultimo_checkin": 1.0,
            "duracao_media_minutos": 45.0,
            "plano": "Padrão",
            "variacao_do_ritmo": 3 / 4 - 1 / 12,
            "ausencia_relativa": 1 * (4 + 1) / 112,
            "semanas_ativas": 3.0,
            "meses_de_casa": 365 / 30.4375,
        }
    )


def test_features_of_a_newcomer_are_not_thinned_by_weeks_they_had_not(
    make_aluno: MakeAluno,
) -> None:
    aluno_id = make_aluno((1, 5), registered_days_ago=10, now=NOW)
    found = known(aluno_id, NOW)
    assert found["frequencia_semanal"] == pytest.approx(2 / (10 / 7))
    assert found["variacao_do_ritmo"] == pytest.approx(2 / (10 / 7))
    assert found["ausencia_relativa"] == pytest.approx(1 * (2 + 1) / 10)
    assert found["meses_de_casa"] == pytest.approx(10 / 30.4375)


def test_a_member_without_visits_has_no_days_since_one(make_aluno: MakeAluno) -> None:
    found = known(make_aluno(now=NOW), NOW)
    assert found["dias_desde_ultimo_checkin"] is None
    assert found["duracao_media_minutos"] is None
    assert found["ausencia_relativa"] is None
    assert (found["frequencia_semanal"], found["semanas_ativas"]) == (0.0, 0.0)


def test_a_visit_counts_from_its_very_instant_and_for_112_days(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno(now=NOW)
    visit(aluno_id, NOW)
    assert known(aluno_id, NOW - INSTANT)["dias_desde_ultimo_checkin"] is None
    assert known(aluno_id, NOW)["dias_desde_ultimo_checkin"] == 0.0
    last = NOW + timedelta(days=112) - INSTANT
    assert known(aluno_id, last)["duracao_media_minutos"] == 60.0
    assert known(aluno_id, last + INSTANT)["duracao_media_minutos"] is None
    assert known(aluno_id, last + INSTANT)["dias_desde_ultimo_checkin"] == 112.0


def test_a_visit_still_going_on_has_no_duration_yet(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno(now=NOW)
    visit(aluno_id, NOW, minutes=90)
    assert known(aluno_id, NOW + timedelta(minutes=89))["duracao_media_minutos"] is None
    assert known(aluno_id, NOW + timedelta(minutes=90))["duracao_media_minutos"] == 90.0


def test_the_plano_is_the_one_of_then(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno((1,), now=NOW)
    with unit_of_work() as session:
        premium = ensure_planos(session, {"Premium": "199.90"})["Premium"]
    change(aluno_id, NOW, premium)
    assert known(aluno_id, NOW - INSTANT)["plano"] == "Padrão"
    assert known(aluno_id, NOW)["plano"] == "Premium"


def test_nothing_after_the_instant_is_looked_at(make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno((1, 3, 10, 40), now=NOW)
    visit(aluno_id, NOW - timedelta(minutes=30), minutes=75)  # Inside at the instant.
    before = known(aluno_id, NOW)
    with unit_of_work() as session:
        planos = ensure_planos(session, {"Premium": "199.90", "Padrão": "1.00"})
    for days in (0.001, 0.5, 3, 29, 31, 100):
        visit(aluno_id, NOW + timedelta(days=days))
        assert known(aluno_id, NOW) == before
    execute(
        "UPDATE checkins SET entrada = entrada + interval '1 hour', saida = NULL,"
        f" sem_saida = true WHERE entrada > '{NOW}'"
    )
    assert known(aluno_id, NOW) == before
    execute(f"UPDATE checkins SET saida = saida + interval '2 hours' WHERE saida > '{NOW}'")
    assert known(aluno_id, NOW) == before
    execute(f"UPDATE checkins SET saida = NULL, sem_saida = true WHERE saida > '{NOW}'")
    assert known(aluno_id, NOW) == before
    change(aluno_id, NOW + INSTANT, planos["Premium"])
    change(aluno_id, NOW + timedelta(days=5), planos["Padrão"], ativo=False)
    execute(f"UPDATE alunos SET ativo = false, plano_id = {planos['Premium']}, revisao = 99")
    assert known(aluno_id, NOW) == before
    execute(f"DELETE FROM checkins WHERE entrada > '{NOW}'")
    execute(f"DELETE FROM aluno_vigencias WHERE desde > '{NOW}'")
    assert known(aluno_id, NOW) == before
    execute(f"DELETE FROM checkins WHERE entrada > '{NOW - timedelta(hours=1)}'")
    assert known(aluno_id, NOW) != before


def _simulated_training_set() -> LabelledRows:
    with unit_of_work() as session:
        load_gym(session, simulate(alunos=80, meses=8, until=utc_now()))
    found = read_training_set(reader())
    assert found is not None
    assert len(found.y) > 200
    return found


def test_training_and_serving_see_the_same_to_the_last_bit(environment: dict[str, str]) -> None:
    trained = _simulated_training_set()
    encoder = Encoder.fit(COLUMNS, trained.table)
    served = _as_served(trained)
    for name in NAMES:
        expected = [None if value != value else value for value in trained.table[name].tolist()]
        assert served[name] == expected, name
    every_row = np.ones(len(trained.y), dtype=np.bool_)
    in_training = encoder.encode(trained.take(every_row))
    one_by_one = [
        encoder.encode({name: [served[name][row]] for name in NAMES})
        for row in range(len(trained.y))
    ]
    assert np.concatenate(one_by_one).tobytes() == in_training.tobytes()


def _as_served(trained: LabelledRows) -> dict[str, list[object]]:
    """The rows of a training set as serving reads them, one instant after the other."""
    served: dict[str, list[object]] = {name: [] for name in NAMES}
    with unit_of_work(autocommit=True) as session:
        for instant in np.unique(trained.instants):
            ids = trained.who[trained.instants == instant].tolist()
            as_of = instant.astype(datetime).replace(tzinfo=UTC)
            rows = read_features(session, ids, [as_of] * len(ids))
            for row in sorted(rows, key=lambda each: each.aluno_id):
                for name, value in feature_values(row).items():
                    served[name].append(value)
    return served


def test_the_future_of_the_last_snapshot_changes_labels_but_no_feature(
    environment: dict[str, str],
) -> None:
    before = _simulated_training_set()
    latest = before.instants.max().astype(datetime).replace(tzinfo=UTC)
    # Every visit after the last snapshot moves by hours; the last one stays, as it dates the set.
    execute(
        "UPDATE checkins c SET entrada = entrada + interval '3 hours 7 seconds',"
        " saida = saida + interval '3 hours 9 seconds'"
        f" WHERE entrada > '{latest}'::timestamptz + interval '6 hours'"
        " AND entrada < (SELECT max(entrada) FROM checkins) - interval '6 hours'"
        " AND NOT EXISTS (SELECT 1 FROM checkins d WHERE d.aluno_id = c.aluno_id"
        "   AND d.entrada > c.entrada AND d.entrada < c.entrada + interval '8 hours')"
        " AND (sem_saida OR saida IS NOT NULL)"
    )
    execute(
        "DELETE FROM checkins WHERE aluno_id % 3 = 0"
        f" AND entrada > '{latest}' AND entrada < (SELECT max(entrada) FROM checkins)"
    )
    execute(f"DELETE FROM aluno_vigencias WHERE desde > '{latest}'")
    after = read_training_set(reader())
    assert after is not None
    assert after.who.tolist() == before.who.tolist()
    for name in NAMES:
        assert (
            after.table[name].tolist()
            == pytest.approx(before.table[name].tolist(), rel=0, abs=0, nan_ok=True)
            if name != "plano"
            else after.table[name].tolist() == before.table[name].tolist()
        )
    assert after.y.tolist() != before.y.tolist()
