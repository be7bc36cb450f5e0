"""Entries and exits at the desk."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import Problem
from chalicelib.gym.schemas import CheckinIn
from chalicelib.gym.service_checkins import record_checkin
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno, count


def _hours_ago(hours: float) -> str:
    return (utc_now() - timedelta(hours=hours)).isoformat()


def _situations(client: Client, aluno_id: int) -> list[str]:
    return [v["situacao"] for v in client.get(f"/aluno/{aluno_id}/frequencia").json["items"]]


def test_entry_then_exit_is_one_visit(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    entry = operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": _hours_ago(1)})
    assert (entry.status, entry.json["situacao"]) == (201, "aberta")
    left = operador.post("/aluno/checkin", {"aluno_id": aluno_id, "tipo": "saida"})
    assert (left.status, left.json["situacao"]) == (201, "encerrada")
    assert left.json["entrada"] == entry.json["entrada"]
    assert 59.9 <= left.json["duracao_minutos"] <= 60.5


def test_second_entry_within_six_hours_is_refused(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": _hours_ago(5.9)})
    assert_problem(operador.post("/aluno/checkin", {"aluno_id": aluno_id}), 409, "CheckinAberto")
    assert _situations(operador, aluno_id) == ["aberta"]


def test_entry_after_six_hours_closes_the_open_visit(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    # Recorded while it was fresh, as the turnstile would have.
    with unit_of_work() as session:
        earlier = utc_now() - timedelta(hours=7)
        record_checkin(session, CheckinIn(aluno_id=aluno_id, entrada=earlier), earlier)
    assert operador.post("/aluno/checkin", {"aluno_id": aluno_id}).status == 201
    assert _situations(operador, aluno_id) == ["aberta", "sem_saida"]


def test_visit_past_midnight_keeps_its_duration(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    visit = {
        "aluno_id": aluno_id,
        "entrada": "2026-03-02T23:10:00-03:00",
        "saida": "2026-03-03T00:40:00-03:00",
    }
    answer = operador.post("/aluno/checkin", visit)
    assert answer.status == 201
    assert answer.json["duracao_minutos"] == 90.0
    assert answer.json["entrada"] == "2026-03-03T02:10:00Z"


def test_event_sent_twice_counts_once(operador: Client, make_aluno: MakeAluno) -> None:
    event = {"aluno_id": make_aluno(), "entrada": _hours_ago(1), "chave_evento": "catraca-1"}
    first, again = operador.post("/aluno/checkin", event), operador.post("/aluno/checkin", event)
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json
    assert count("checkins") == 1


def test_exit_sent_twice_counts_once(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": _hours_ago(1)})
    event = {"aluno_id": aluno_id, "saida": _hours_ago(0.5), "chave_evento": "catraca-2"}
    first, again = operador.post("/aluno/checkin", event), operador.post("/aluno/checkin", event)
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json


def test_event_key_of_somebody_else_is_refused(operador: Client, make_aluno: MakeAluno) -> None:
    operador.post("/aluno/checkin", {"aluno_id": make_aluno(), "chave_evento": "catraca-3"})
    answer = operador.post(
        "/aluno/checkin", {"aluno_id": make_aluno(), "chave_evento": "catraca-3"}
    )
    assert_problem(answer, 409, "ChaveEventoTaken")


def test_exit_without_entry_and_without_key_is_refused(
    operador: Client, make_aluno: MakeAluno
) -> None:
    answer = operador.post("/aluno/checkin", {"aluno_id": make_aluno(), "tipo": "saida"})
    assert_problem(answer, 409, "SemVisitaAberta")
    assert count("saidas") == 0


def test_late_entry_does_not_disturb_the_open_visit(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": _hours_ago(1)})
    late = operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": _hours_ago(50)})
    assert (late.status, late.json["situacao"]) == (201, "sem_saida")
    assert _situations(operador, aluno_id) == ["aberta", "sem_saida"]


def test_unknown_and_inactive_alunos_are_refused(operador: Client, make_aluno: MakeAluno) -> None:
    assert_problem(operador.post("/aluno/checkin", {"aluno_id": 404}), 404, "AlunoNotFound")
    gone = make_aluno(ativo=False)
    assert_problem(operador.post("/aluno/checkin", {"aluno_id": gone}), 409, "AlunoInativo")
    assert count("checkins") == 0


def test_future_and_impossible_events_are_refused(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    future = operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": _hours_ago(-1)})
    assert assert_problem(future, 422, "ValidationFailed")["errors"][0]["campo"] == "entrada"
    too_long = {"aluno_id": aluno_id, "entrada": _hours_ago(40), "saida": _hours_ago(10)}
    assert_problem(operador.post("/aluno/checkin", too_long), 422, "VisitaImpossivel")
    naive = operador.post(
        "/aluno/checkin", {"aluno_id": aluno_id, "entrada": "2026-03-02T07:00:00"}
    )
    assert_problem(naive, 422, "ValidationFailed")


def test_every_change_raises_the_revision(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    operador.post("/aluno/checkin", {"aluno_id": aluno_id})
    operador.post("/aluno/checkin", {"aluno_id": aluno_id, "tipo": "saida"})
    with unit_of_work(autocommit=True) as session:
        from chalicelib.gym.tables import Aluno

        aluno = session.get(Aluno, aluno_id)
        assert aluno is not None
        assert aluno.revisao == 2


def test_two_desks_at_once_record_one_entry(
    environment: dict[str, str], make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()

    def enter(at: datetime) -> str:
        try:
            with unit_of_work(autocommit=True) as session:
                record_checkin(session, CheckinIn(aluno_id=aluno_id, entrada=at), utc_now())
        except Problem as problem:
            return type(problem).__name__
        return "recorded"

    instants = [utc_now() - timedelta(seconds=n) for n in range(8)]
    with ThreadPoolExecutor(4) as desks:
        outcomes = sorted(desks.map(enter, instants))
    # Entries behind the first recorded one are late events; the open visit stays one.
    assert outcomes.count("recorded") + outcomes.count("CheckinAberto") == 8
    with unit_of_work(autocommit=True) as session:
        from sqlalchemy import text

        is_open = "saida IS NULL AND NOT sem_saida"
        assert session.execute(text(f"SELECT count(*) FROM checkins WHERE {is_open}")).scalar() == 1


def test_event_sent_again_later_leaves_its_visit_open_to_its_exit(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    first = utc_now() - timedelta(hours=7)
    event = CheckinIn(aluno_id=aluno_id, entrada=first, chave_evento="catraca-9")
    with unit_of_work() as session:
        record_checkin(session, event, first)
    again = operador.post("/aluno/checkin", {"aluno_id": aluno_id, "chave_evento": "catraca-9"})
    assert (again.status, again.json["situacao"]) == (201, "aberta")
    assert _situations(operador, aluno_id) == ["aberta"]


def test_refused_entry_changes_nothing(operador: Client, make_aluno: MakeAluno) -> None:
    other, aluno_id = make_aluno(), make_aluno()
    operador.post("/aluno/checkin", {"aluno_id": other, "chave_evento": "catraca-10"})
    first = utc_now() - timedelta(hours=7)
    with unit_of_work() as session:
        record_checkin(session, CheckinIn(aluno_id=aluno_id, entrada=first), first)
    event = {"aluno_id": aluno_id, "chave_evento": "catraca-10"}
    assert_problem(operador.post("/aluno/checkin", event), 409, "ChaveEventoTaken")
    assert _situations(operador, aluno_id) == ["aberta"]


def test_whole_visit_inside_an_open_one_is_refused(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": _hours_ago(2)})
    inside = {"aluno_id": aluno_id, "entrada": _hours_ago(1), "saida": _hours_ago(0.5)}
    assert_problem(operador.post("/aluno/checkin", inside), 409, "CheckinAberto")
    assert _situations(operador, aluno_id) == ["aberta"]


def test_the_gym_is_the_houses_alone(client_of: MakeUser, make_aluno: MakeAluno) -> None:
    stranger = client_of(Role.OPERADOR, tenant="padaria")
    answer = stranger.get(f"/aluno/{make_aluno()}/frequencia")
    assert_problem(answer, 403, "Forbidden")
