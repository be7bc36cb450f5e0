"""The risk of one member: kinds of answer, when it is computed anew, and its reasons."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from chalicelib.core import settings
from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from chalicelib.gym.features import COLUMNS
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.schemas import Origem, RiscoOut, TipoResposta
from chalicelib.gym.service_risk import churn_risk
from chalicelib.ml.registry import Alias, point_alias
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno, count
from tests.gym.histories import change, execute, known, visit
from tests.gym.publishing import publish_model

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)
REGULAR = (2, 5, 9, 12, 16, 19, 23, 26, 40, 60)


def _risk(aluno_id: int, now: datetime = NOW) -> RiscoOut:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return churn_risk(session, aluno_id, now)


def _assert_no_number(answer: RiscoOut, tipo: TipoResposta) -> None:
    assert answer.tipo is tipo
    assert answer.aviso
    assert answer.probabilidade_churn is None
    assert answer.faixa is None
    assert answer.motivos == []
    assert answer.modelo_versao is None
    assert count("riscos_churn") == 0


def _promote(version: int) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        point_alias(session, CHURN, Alias.CHAMPION, version, by="teste", reason="teste")


def test_without_a_model_there_is_no_number(make_aluno: MakeAluno) -> None:
    _assert_no_number(_risk(make_aluno(REGULAR, now=NOW)), TipoResposta.SEM_MODELO)
    publish_model(alias=Alias.CHALLENGER)
    _assert_no_number(_risk(make_aluno(REGULAR, now=NOW)), TipoResposta.SEM_MODELO)


def test_an_inactive_member_has_no_number(make_aluno: MakeAluno) -> None:
    publish_model()
    _assert_no_number(_risk(make_aluno(REGULAR, ativo=False, now=NOW)), TipoResposta.INATIVO)


def test_a_member_without_visits_has_no_number(make_aluno: MakeAluno) -> None:
    publish_model()
    _assert_no_number(_risk(make_aluno(now=NOW)), TipoResposta.SEM_VISITA)


def test_a_member_of_just_now_has_no_number_on_a_clock_that_is_behind(
    make_aluno: MakeAluno,
) -> None:
    publish_model()
    aluno_id = make_aluno(registered_days_ago=0, now=NOW)
    _assert_no_number(_risk(aluno_id, NOW - timedelta(seconds=2)), TipoResposta.SEM_VISITA)


def test_newcomers_and_the_long_absent_are_told_apart(make_aluno: MakeAluno) -> None:
    publish_model()
    cases = {
        make_aluno(REGULAR, now=NOW): TipoResposta.MODELO,
        make_aluno((2,), registered_days_ago=29, now=NOW): TipoResposta.INICIO,
        make_aluno((2,), registered_days_ago=31, now=NOW): TipoResposta.MODELO,
        make_aluno((30,), now=NOW): TipoResposta.AUSENTE,
        make_aluno((29.9,), now=NOW): TipoResposta.MODELO,
    }
    for aluno_id, tipo in cases.items():
        for answer in (_risk(aluno_id), _risk(aluno_id)):  # Computed, then stored.
            assert answer.tipo is tipo
            assert (answer.aviso is None) == (tipo is TipoResposta.MODELO)
            assert answer.probabilidade_churn is not None


def test_the_answer_is_the_model_s_own(make_aluno: MakeAluno) -> None:
    version = publish_model()
    aluno_id = make_aluno(REGULAR, now=NOW)
    answer = _risk(aluno_id)
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        model = churn_model(session, version)
    values = known(aluno_id, NOW)
    assert answer.probabilidade_churn == model.predict({n: [v] for n, v in values.items()})[0]
    assert answer.fatores == values
    assert (answer.modelo_versao, answer.calculado_em) == (version, NOW)


def test_contributions_sum_to_score_minus_base(make_aluno: MakeAluno) -> None:
    publish_model()
    for visits in (REGULAR, (1,), (29,)):
        answer = _risk(make_aluno(visits, now=NOW))
        assert answer.probabilidade_churn is not None
        assert answer.probabilidade_base is not None
        assert {reason.fator for reason in answer.motivos} == {c.name for c in COLUMNS}
        weights = [reason.contribuicao for reason in answer.motivos]
        difference = answer.probabilidade_churn - answer.probabilidade_base
        assert sum(weights) == pytest.approx(difference, rel=1e-6)
        assert weights == sorted(weights, key=lambda weight: -abs(weight))


def test_long_absence_is_answered_by_the_rule_that_defines_leaving(
    make_aluno: MakeAluno,
) -> None:
    publish_model()
    answer = _risk(make_aluno((45,), now=NOW))
    assert (answer.tipo, answer.probabilidade_churn) == (TipoResposta.AUSENTE, 1.0)
    assert (answer.faixa, answer.motivos, answer.probabilidade_base) == ("alto", [], None)
    assert answer.aviso is not None
    assert "regra" in answer.aviso


def test_reasons_are_sentences_of_the_front_desk(make_aluno: MakeAluno) -> None:
    publish_model()
    answer = _risk(make_aluno((12, 20), minutes=None, now=NOW))
    texts = {reason.fator: reason.texto for reason in answer.motivos}
    assert texts["dias_desde_ultimo_checkin"].startswith("Última visita há 12 dias; o usual é ")
    assert texts["frequencia_semanal"].startswith("Frequência de 0,5 visita por semana")
    assert texts["duracao_media_minutos"] == "Duração das visitas desconhecida."
    assert texts["plano"] == "Plano Padrão."
    assert "visita por semana a mais que o seu costume" in texts["variacao_do_ritmo"]
    assert texts["meses_de_casa"].startswith("Matrícula há 12,0 meses")


def test_longer_absence_is_a_higher_risk(make_aluno: MakeAluno) -> None:
    publish_model()
    scores = [_risk(make_aluno((days,), now=NOW)).probabilidade_churn for days in (1, 10, 20, 28)]
    assert scores == sorted(scores, key=lambda score: score or 0)


def test_the_stored_answer_stands_while_nothing_changed(make_aluno: MakeAluno) -> None:
    publish_model()
    aluno_id = make_aluno(REGULAR, now=NOW)
    first, again = _risk(aluno_id), _risk(aluno_id, NOW + timedelta(hours=8))
    assert (first.origem, again.origem) == (Origem.RECALCULADO, Origem.ARMAZENADO)
    assert again.calculado_em == NOW
    same = {"origem"}
    assert again.model_dump(mode="json", exclude=same) == first.model_dump(
        mode="json", exclude=same
    )


def test_an_entry_at_the_desk_makes_it_new(operador: Client, make_aluno: MakeAluno) -> None:
    publish_model()
    aluno_id = make_aluno(REGULAR)
    path = f"/aluno/{aluno_id}/risco-churn"
    before = operador.get(path).json
    assert operador.get(path).json["origem"] == "armazenado"
    assert operador.post("/aluno/checkin", {"aluno_id": aluno_id}).status == 201
    after = operador.get(path).json
    assert after["origem"] == "recalculado"
    assert after["fatores"]["dias_desde_ultimo_checkin"] < 0.01
    assert after["probabilidade_churn"] < before["probabilidade_churn"]
    assert operador.get(path).json["origem"] == "armazenado"


def test_a_new_local_day_makes_it_new(make_aluno: MakeAluno) -> None:
    publish_model()
    aluno_id = make_aluno(REGULAR, now=NOW)
    _risk(aluno_id)
    midnight = datetime(2026, 3, 19, 3, 0, tzinfo=UTC)  # In São Paulo.
    assert _risk(aluno_id, midnight - timedelta(seconds=1)).origem is Origem.ARMAZENADO
    tomorrow = _risk(aluno_id, midnight)
    assert (tomorrow.origem, tomorrow.calculado_em) == (Origem.RECALCULADO, midnight)
    assert _risk(aluno_id, midnight + timedelta(hours=1)).origem is Origem.ARMAZENADO


def test_a_promotion_and_a_rollback_are_followed_without_a_restart(make_aluno: MakeAluno) -> None:
    first = publish_model(1)
    aluno_id = make_aluno(REGULAR, now=NOW)
    before = _risk(aluno_id)
    second = publish_model(2, steepness=-0.3)
    after = _risk(aluno_id)
    assert (after.origem, after.modelo_versao) == (Origem.RECALCULADO, second)
    assert after.probabilidade_churn != before.probabilidade_churn
    _promote(first)
    back = _risk(aluno_id)
    assert (back.origem, back.modelo_versao) == (Origem.RECALCULADO, first)
    assert back.probabilidade_churn == before.probabilidade_churn


def test_a_challenger_does_not_answer(make_aluno: MakeAluno) -> None:
    first = publish_model(1)
    aluno_id = make_aluno(REGULAR, now=NOW)
    _risk(aluno_id)
    publish_model(2, alias=Alias.CHALLENGER)
    answer = _risk(aluno_id)
    assert (answer.origem, answer.modelo_versao) == (Origem.ARMAZENADO, first)


def test_a_score_of_an_older_revision_never_replaces_a_newer_one(make_aluno: MakeAluno) -> None:
    publish_model()
    aluno_id = make_aluno(REGULAR, now=NOW)
    execute("UPDATE alunos SET revisao = 5")
    newer = _risk(aluno_id)
    # Somebody read revision 4 before the change and is only now done computing.
    execute("UPDATE alunos SET revisao = 4")
    _risk(aluno_id)
    with unit_of_work(autocommit=True) as session:
        stored = session.execute(text("SELECT revisao, probabilidade FROM riscos_churn")).one()
    assert tuple(stored) == (5, newer.probabilidade_churn)


def test_the_features_used_are_those_of_the_instant(make_aluno: MakeAluno) -> None:
    publish_model()
    aluno_id = make_aluno(REGULAR, now=NOW)
    before = _risk(aluno_id)
    visit(aluno_id, NOW + timedelta(hours=1))
    change(aluno_id, NOW + timedelta(hours=2), 1, ativo=False)
    execute("UPDATE alunos SET revisao = revisao + 1")
    after = _risk(aluno_id)
    assert after.origem is Origem.RECALCULADO
    assert after.probabilidade_churn == before.probabilidade_churn


def test_bands_follow_the_settings(make_aluno: MakeAluno, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_model()
    aluno_id = make_aluno(REGULAR, now=NOW)
    score = _risk(aluno_id).probabilidade_churn
    assert score is not None

    def band(media: float, alta: float) -> str:
        monkeypatch.setenv("CHURN_FAIXA_MEDIA", repr(media))
        monkeypatch.setenv("CHURN_FAIXA_ALTA", repr(alta))
        settings.settings.cache_clear()
        return str(_risk(aluno_id).faixa)

    assert band(score / 2, score) == "alto"
    assert band(score, (score + 1) / 2) == "medio"
    assert band((score + 1) / 2, (score + 3) / 4) == "baixo"


def test_unknown_members_and_strangers_are_refused(
    client_of: MakeUser, make_aluno: MakeAluno
) -> None:
    path = f"/aluno/{make_aluno(REGULAR)}/risco-churn"
    assert client_of(Role.LEITOR).get(path).json["tipo"] == "sem_modelo"
    assert_problem(client_of(Role.LEITOR).get("/aluno/404/risco-churn"), 404, "AlunoNotFound")
    assert_problem(client_of(Role.EMPRESA, "acme").get(path), 403, "Forbidden")
    assert_problem(Client().get(path), 401, "Unauthorized")


def test_a_damaged_artefact_is_not_served(make_aluno: MakeAluno, operador: Client) -> None:
    version = publish_model()
    key = f"{HOUSE}/models/churn/{version}/model.onnx"
    object_store().put(key, object_store().read(key) + b"\0")
    answer = operador.get(f"/aluno/{make_aluno(REGULAR, now=utc_now())}/risco-churn")
    assert_problem(answer, 500, "InternalError")
    assert count("riscos_churn") == 0
