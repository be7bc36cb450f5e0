"""The score of every member: the same number as on their own page, kept by day, never lost."""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.core import settings
from chalicelib.core.auth import Role
from chalicelib.core.claims import claim
from chalicelib.core.clock import local_day, utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.runs import JobRun, RunCancelled
from chalicelib.core.settings import HOUSE
from chalicelib.core.sweep import sweep
from chalicelib.gym import service_scores, service_scoring
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.queues import CHURN_PROBABILITIES_QUEUE
from chalicelib.gym.schemas import MotivoOut, Origem, RiscoOut, TipoResposta
from chalicelib.gym.scores import ScoredDay, read_members, score, store
from chalicelib.gym.service_risk import churn_risk
from chalicelib.ml.registry import Alias, point_alias
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.client import Client
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno, count
from tests.gym.histories import execute, visit
from tests.gym.publishing import publish_model
from tests.gym.work import finished_job, work_off

SCORE = "/admin/calcular-probabilidades"
REGULAR = (2, 5, 9, 12, 16, 19, 23, 26, 40, 60)


class WorkerDied(Exception):
    """Power was lost."""


@dataclass
class MortalRun(JobRun):
    """A run whose worker dies, or whose owner cancels it, before some step."""

    steps_left: int = 0
    ends_with: type[Exception] = WorkerDied

    @classmethod
    def of(cls, run: JobRun, steps: int, ends_with: type[Exception]) -> "MortalRun":
        """The same run, with so many steps to live."""
        same = {each.name: getattr(run, each.name) for each in fields(run) if each.init}
        return cls(**same, steps_left=steps, ends_with=ends_with)

    def progress(self, done: float, total: float, step: str) -> None:
        """Show progress, or end."""
        super().progress(done, total, step)
        if self.steps_left == 0:
            raise self.ends_with
        self.steps_left -= 1


@pytest.fixture
def cientista(client_of: MakeUser) -> Client:
    """A signed-in cientista of the house."""
    return client_of(Role.CIENTISTA)


def _score(client: Client) -> dict[str, Any]:
    job = finished_job(client, client.post(SCORE))
    assert job["state"] == "succeeded", job["error"]
    report: dict[str, Any] = job["result"]
    return report


def _today() -> date:
    return local_day(utc_now(), "America/Sao_Paulo")


def _rows() -> dict[int, Any]:
    """Member -> their row of today."""
    with unit_of_work(autocommit=True) as session:
        found = session.execute(
            text("SELECT * FROM probabilidades_churn WHERE dia = :dia ORDER BY aluno_id"),
            {"dia": _today()},
        )
        return {row.aluno_id: row for row in found}


def _risk(aluno_id: int) -> RiscoOut:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return churn_risk(session, aluno_id, utc_now())


def _begun(steps: int, ends_with: type[Exception] = WorkerDied) -> MortalRun:
    """A pass that has been asked for and claimed."""
    with unit_of_work(tenant=HOUSE) as session:
        service_scores.ask_for_scores(session, owner=SYSTEM, motivo="teste", dedupe_key="teste")
    run = claim(CHURN_PROBABILITIES_QUEUE)
    assert run is not None
    return MortalRun.of(run, steps, ends_with)


def _assert_equals_own_page(row: Any, answer: RiscoOut) -> None:
    assert (row.tipo, row.probabilidade) == (answer.tipo, answer.probabilidade_churn)
    if answer.tipo is TipoResposta.SEM_VISITA:
        return
    assert (row.modelo_versao, row.calculado_em) == (answer.modelo_versao, answer.calculado_em)
    if row.explicacao is not None:
        assert row.explicacao["probabilidade_base"] == answer.probabilidade_base
        assert [MotivoOut(**each) for each in row.explicacao["motivos"]] == answer.motivos


def test_every_member_has_the_number_kind_and_reasons_of_their_own_page(
    cientista: Client, make_aluno: MakeAluno
) -> None:
    publish_model()
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=120, meses=8, until=utc_now()))
    for visits in ((), (1,), (29.9,), (30.1,), (200,), REGULAR):
        for registered in (0.5, 29, 31, 400):
            make_aluno(tuple(v for v in visits if v < registered), registered_days_ago=registered)
    asked_before = list(range(1, 120, 10))
    answers = {aluno_id: _risk(aluno_id) for aluno_id in asked_before}

    report = _score(cientista)
    rows = _rows()
    with unit_of_work(autocommit=True) as session:
        active = set(session.execute(text("SELECT id FROM alunos WHERE ativo")).scalars())
    assert set(rows) == active
    assert report["alunos"] == len(active)
    assert {tipo for tipo, n in report["por_tipo"].items() if n} == {
        "modelo",
        "inicio",
        "ausente",
        "sem_visita",
    }
    for aluno_id in active:
        _assert_equals_own_page(rows[aluno_id], _risk(aluno_id))
    for aluno_id in set(asked_before) & active:
        _assert_equals_own_page(rows[aluno_id], answers[aluno_id])


def test_the_highest_scores_are_explained_and_no_others(
    cientista: Client, make_aluno: MakeAluno, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_EXPLICADOS", "3")
    settings.settings.cache_clear()
    publish_model()
    for days in (1, 5, 10, 15, 20, 25, 29, 45, 60):
        make_aluno((days, days + 7))
    assert _score(cientista)["explicados"] == 3
    by_score = sorted(
        (row for row in _rows().values() if row.tipo == "modelo"), key=lambda r: -r.probabilidade
    )
    assert [row.explicacao is not None for row in by_score] == [True] * 3 + [False] * 4
    assert all(row.explicacao is None for row in _rows().values() if row.tipo == "ausente")
    for row in by_score[:3]:
        shares = [each["contribuicao"] for each in row.explicacao["motivos"]]
        base = row.explicacao["probabilidade_base"]
        assert sum(shares) == pytest.approx(row.probabilidade - base, rel=1e-6)


def test_a_pass_repeated_on_the_same_day_changes_nothing(
    cientista: Client, make_aluno: MakeAluno
) -> None:
    publish_model()
    for days in (1, 20, 40):
        make_aluno((days,))
    first = _score(cientista)
    before = _rows()
    assert _score(cientista) == first
    assert _rows() == before


def test_who_came_meanwhile_is_scored_anew_and_nobody_else(
    cientista: Client, make_aluno: MakeAluno
) -> None:
    publish_model()
    away, regular = make_aluno((20, 30)), make_aluno(REGULAR)
    _score(cientista)
    before = _rows()
    visit(away, utc_now() - timedelta(minutes=5))
    execute(f"UPDATE alunos SET revisao = revisao + 1 WHERE id = {away}")
    _score(cientista)
    after = _rows()
    assert after[regular] == before[regular]
    assert after[away].probabilidade < before[away].probabilidade
    _assert_equals_own_page(after[away], _risk(away))


def test_a_number_of_the_night_is_the_number_of_the_day(
    operador: Client, cientista: Client, make_aluno: MakeAluno
) -> None:
    publish_model()
    aluno_id = make_aluno(REGULAR)
    _score(cientista)
    night = _rows()[aluno_id]
    by_day = _risk(aluno_id)
    assert by_day.calculado_em == night.calculado_em
    assert operador.post("/aluno/checkin", {"aluno_id": aluno_id}).status == 201
    after = _risk(aluno_id)
    assert after.origem is Origem.RECALCULADO
    assert after.calculado_em is not None
    assert after.calculado_em > night.calculado_em
    assert after.fatores["dias_desde_ultimo_checkin"] == pytest.approx(0, abs=0.01)


def test_the_number_of_the_day_before_stays_beside_it(
    cientista: Client, make_aluno: MakeAluno
) -> None:
    first = publish_model(1)
    old = make_aluno((10, 20))
    _score(cientista)
    yesterday = _rows()[old]
    assert (yesterday.anterior, yesterday.anterior_versao) == (None, None)
    execute("UPDATE probabilidades_churn SET dia = dia - 1")
    new = make_aluno((3,))
    second = publish_model(2, steepness=0.1)
    _score(cientista)
    rows = _rows()
    assert rows[old].modelo_versao == second
    assert (rows[old].anterior, rows[old].anterior_versao) == (yesterday.probabilidade, first)
    assert rows[new].anterior is None


def test_a_promotion_is_followed_by_the_next_pass(cientista: Client, make_aluno: MakeAluno) -> None:
    first = publish_model(1)
    aluno_id = make_aluno((10, 20))
    _score(cientista)
    before = _rows()[aluno_id]
    publish_model(2, steepness=-0.3)
    _score(cientista)
    after = _rows()[aluno_id]
    assert after.probabilidade != before.probabilidade
    with unit_of_work(tenant=HOUSE) as session:
        point_alias(session, CHURN, Alias.CHAMPION, first, by="teste", reason="teste")
    _score(cientista)
    back = _rows()[aluno_id]
    assert (back.modelo_versao, back.calculado_em > after.calculado_em) == (first, True)
    _assert_equals_own_page(back, _risk(aluno_id))


def test_a_killed_pass_goes_on_where_it_was(cientista: Client, make_aluno: MakeAluno) -> None:
    publish_model()
    ids = [make_aluno((days,)) for days in (1, 3, 5, 7, 9, 11, 40)]
    with pytest.raises(WorkerDied):
        service_scoring.score_members(_begun(steps=2), alunos_per_chunk=2)
    done = _rows()
    assert list(done) == ids[:4]
    execute("UPDATE probabilidades_churn SET explicacao = '{\"sinal\": 1}' WHERE tipo = 'modelo'")
    execute(f"UPDATE alunos SET revisao = revisao + 1 WHERE id = {ids[0]}")  # The next pass's.
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE jobs SET lease_until = now() - interval '1 second'"))
    assert sweep() == 1
    assert work_off() == 1
    rows = _rows()
    assert list(rows) == ids
    assert [rows[i].explicacao == {"sinal": 1} for i in ids] == [True] * 4 + [False] * 3
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        job = session.execute(text("SELECT state, attempt, result, checkpoint FROM jobs")).one()
    assert (job.state, job.attempt, job.result["alunos"]) == ("succeeded", 2, 7)
    assert (job.checkpoint["after"], job.checkpoint["alunos"]) == (ids[-1], 7)


def test_a_pass_begun_before_midnight_begins_anew_after_it(make_aluno: MakeAluno) -> None:
    version = publish_model()
    ids = [make_aluno((days,)) for days in (1, 3, 5)]
    run = _begun(steps=99)
    with run.transaction() as session:
        yesterday = str(_today() - timedelta(days=1))
        run.save_checkpoint(
            session, {"dia": yesterday, "versao": version, "after": ids[1], "alunos": 2}
        )
    assert service_scoring.score_members(run).alunos == 3
    assert list(_rows()) == ids


def test_a_promotion_between_two_chunks_begins_the_pass_anew(make_aluno: MakeAluno) -> None:
    publish_model(1)
    ids = [make_aluno((days,)) for days in (1, 3, 5)]
    run = _begun(steps=1)
    with pytest.raises(WorkerDied):
        service_scoring.score_members(run, alunos_per_chunk=2)
    second = publish_model(2)
    run.steps_left = 99
    report = service_scoring.score_members(run, alunos_per_chunk=2)
    assert (report.modelo_versao, report.alunos) == (second, 3)
    assert {_rows()[i].modelo_versao for i in ids} == {second}


def test_scores_of_a_model_that_is_champion_no_more_are_not_kept(make_aluno: MakeAluno) -> None:
    version = publish_model(1)
    aluno_id = make_aluno((1,))
    day = ScoredDay(_today(), version)
    with unit_of_work(tenant=HOUSE) as session:
        members = read_members(session, day, (0, aluno_id), utc_now())
        scored = score(churn_model(session, version), members)
    publish_model(2)
    with unit_of_work(tenant=HOUSE) as session:
        assert not store(session, day, scored)
    assert count("probabilidades_churn") == 0


def test_a_cancelled_pass_keeps_what_is_done_and_stops(make_aluno: MakeAluno) -> None:
    publish_model()
    ids = [make_aluno((days,)) for days in (1, 3, 5)]
    run = _begun(steps=1)
    with pytest.raises(WorkerDied):
        service_scoring.score_members(run, alunos_per_chunk=1)
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE jobs SET cancel_requested = true"))
    run.steps_left = 99
    with pytest.raises(RunCancelled):
        service_scoring.score_members(run, alunos_per_chunk=1)
    assert len(_rows()) in (1, 2)
    assert set(_rows()) < set(ids)


def test_without_a_model_nothing_is_scored(cientista: Client, make_aluno: MakeAluno) -> None:
    make_aluno((1,))
    report = _score(cientista)
    assert (report["modelo_versao"], report["alunos"]) == (None, 0)
    assert count("probabilidades_churn") == 0


def test_members_who_cancelled_are_not_scored(cientista: Client, make_aluno: MakeAluno) -> None:
    publish_model()
    make_aluno((1,), ativo=False)
    stays, leaves = make_aluno((1,)), make_aluno((2,))
    assert _score(cientista)["alunos"] == 2
    execute(f"UPDATE alunos SET ativo = false WHERE id = {leaves}")
    report = _score(cientista)
    assert (report["alunos"], report["explicados"]) == (1, 1)
    assert set(_rows()) == {stays, leaves}


def test_a_gym_without_members_is_scored_at_once(cientista: Client) -> None:
    publish_model()
    assert _score(cientista)["alunos"] == 0


def test_of_the_past_a_week_and_a_year_of_mondays_are_kept(
    cientista: Client, make_aluno: MakeAluno
) -> None:
    publish_model()
    make_aluno((1,))
    _score(cientista)
    execute(
        "INSERT INTO probabilidades_churn (dia, aluno_id, tipo, probabilidade, modelo_versao,"
        " revisao, calculado_em) SELECT dia - back, aluno_id, tipo, probabilidade, modelo_versao,"
        " revisao, calculado_em FROM probabilidades_churn, generate_series(1, 500) back"
    )
    _score(cientista)
    with unit_of_work(autocommit=True) as session:
        kept = set(session.execute(text("SELECT dia FROM probabilidades_churn")).scalars())
    past = [_today() - timedelta(days=back) for back in range(401)]
    expected = {*past[:7], *(day for day in past if day.weekday() == 0)}
    assert kept == expected


def test_erasing_a_member_erases_their_scores(cientista: Client, make_aluno: MakeAluno) -> None:
    publish_model()
    aluno_id = make_aluno((1,))
    _score(cientista)
    execute(f"DELETE FROM alunos WHERE id = {aluno_id}")
    assert count("probabilidades_churn") == 0


def test_bands_are_counted_as_they_are_answered(cientista: Client, make_aluno: MakeAluno) -> None:
    publish_model()
    ids = [make_aluno((days, days + 9)) for days in (1, 8, 12, 15, 18, 22, 29, 50)]
    report = _score(cientista)
    bands = [str(_risk(aluno_id).faixa) for aluno_id in ids]
    assert report["por_faixa"] == {name: bands.count(name) for name in ("baixo", "medio", "alto")}
    assert len(set(bands)) == 3


def test_the_nightly_pass_is_asked_for_once(environment: dict[str, str]) -> None:
    night = datetime(2026, 3, 18, 6, 30, tzinfo=UTC)
    for minutes in (0, 1):
        service_scores.ask_for_nightly_scores(night + timedelta(minutes=minutes))
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        jobs = session.execute(text("SELECT tenant, owner, dedupe_key FROM jobs")).all()
    assert [tuple(job) for job in jobs] == [(HOUSE, SYSTEM, "dia:2026-03-18")]


def test_asked_twice_by_hand_one_pass_answers(operador: Client) -> None:
    first, second = operador.post(SCORE), operador.post(SCORE)
    assert (first.status, second.status) == (202, 202)
    assert first.json["id"] == second.json["id"]
