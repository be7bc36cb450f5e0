"""Visits put right by the desk, and the reports that change with them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from chalicelib.core.clock import local_day, utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import enqueue
from chalicelib.core.settings import HOUSE
from chalicelib.gym.queues import DAILY_REPORT_QUEUE
from chalicelib.gym.schemas_reports import RelatorioMessage
from chalicelib.gym.service_recounts import ask_for_recounts
from tests.client import Client, assert_problem
from tests.gym.conftest import MakeAluno, count
from tests.gym.work import counts, import_report, work_off

VISITS = "/aluno/checkin/lote"
HEADER = "aluno_id,entrada,saida,tipo,chave_evento\n"
SAO_PAULO = "America/Sao_Paulo"


def _noon(days_ago: int) -> datetime:
    """Noon of a local day, so that an hour around it is of the same day."""
    day = local_day(utc_now(), SAO_PAULO) - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, 15, tzinfo=UTC)


def _path(aluno_id: int, entrada: datetime) -> str:
    return f"/aluno/{aluno_id}/visitas/{entrada:%Y-%m-%dT%H:%M:%SZ}"


def _history(client: Client, aluno_id: int) -> list[tuple[str, float | None]]:
    items = client.get(f"/aluno/{aluno_id}/frequencia").json["items"]
    return [(visit["situacao"], visit["duracao_minutos"]) for visit in items]


def _revision(aluno_id: int) -> int:
    with unit_of_work(autocommit=True) as session:
        found = text("SELECT revisao FROM alunos WHERE id = :id")
        return int(session.execute(found, {"id": aluno_id}).scalar_one())


def _event(aluno_id: int, instant: datetime, tipo: str, key: str) -> str:
    entrada, saida = (instant, "") if tipo == "entrada" else ("", instant)
    return f"{aluno_id},{entrada},{saida},{tipo},{key}\n"


def test_corrected_exit_changes_durations_and_stands(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id, entrada = make_aluno(), _noon(3)
    file = HEADER + _event(aluno_id, entrada, "entrada", "a")
    import_report(operador, VISITS, file)
    before = _revision(aluno_id)
    saida = (entrada + timedelta(minutes=45)).isoformat()
    answer = operador.patch(_path(aluno_id, entrada), {"saida": saida})
    assert (answer.status, answer.json["duracao_minutos"]) == (200, 45.0)
    assert _revision(aluno_id) == before + 1
    # The exit that the turnstile then sends, and the visit sent with another one, change nothing.
    earlier = entrada + timedelta(minutes=30)
    late = f"{aluno_id},{entrada},{earlier},,\n{_event(aluno_id, earlier, 'saida', 'b')}"
    import_report(operador, VISITS, HEADER + late)
    assert _history(operador, aluno_id) == [("encerrada", 45.0)]


def test_visit_whose_end_nobody_knows_has_no_duration(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id, entrada = make_aluno(), _noon(3)
    rows = _event(aluno_id, entrada, "entrada", "a")
    rows += _event(aluno_id, entrada + timedelta(hours=20), "saida", "b")
    import_report(operador, VISITS, HEADER + rows)
    assert _history(operador, aluno_id) == [("encerrada", 1200.0)]
    assert operador.patch(_path(aluno_id, entrada), {"saida": None}).json["saida"] is None
    import_report(operador, VISITS, HEADER + rows)
    assert _history(operador, aluno_id) == [("sem_saida", None)]
    assert operador.get(f"/aluno/{aluno_id}/frequencia").json["duracao_media_minutos"] is None


def test_struck_visit_is_gone_with_its_exit_and_does_not_come_back(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id, entrada = make_aluno(), _noon(3)
    wrong = _event(aluno_id, entrada, "entrada", "a")
    wrong += _event(aluno_id, entrada + timedelta(hours=1), "saida", "b")
    file = HEADER + _event(aluno_id, entrada - timedelta(hours=8), "entrada", "c") + wrong
    import_report(operador, VISITS, file)
    assert _history(operador, aluno_id) == [("encerrada", 60.0), ("sem_saida", None)]
    before = _revision(aluno_id)
    assert operador.delete(_path(aluno_id, entrada)).status == 204
    assert _revision(aluno_id) == before + 1
    # The visit before it does not get the exit: it was of the wrong card too.
    assert _history(operador, aluno_id) == [("sem_saida", None)]
    assert counts(import_report(operador, VISITS, file)) == (0, 3, 0)
    assert _history(operador, aluno_id) == [("sem_saida", None)]
    again = {"aluno_id": aluno_id, "entrada": entrada.isoformat(), "chave_evento": "a"}
    assert_problem(operador.post("/aluno/checkin", again), 409, "VisitaJaAnulada")
    assert_problem(operador.delete(_path(aluno_id, entrada)), 404, "VisitaNotFound")


def test_exit_goes_back_to_the_visit_before_a_struck_entry(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id, entrada = make_aluno(), _noon(3)
    wrong = entrada + timedelta(hours=1)
    rows = _event(aluno_id, entrada, "entrada", "a")
    rows += f"{aluno_id},{wrong},{wrong + timedelta(minutes=5)},,b\n"
    rows += _event(aluno_id, entrada + timedelta(hours=2), "saida", "c")
    import_report(operador, VISITS, HEADER + rows)
    assert _history(operador, aluno_id) == [("encerrada", 5.0), ("sem_saida", None)]
    operador.delete(_path(aluno_id, wrong))
    assert _history(operador, aluno_id) == [("encerrada", 120.0)]


def test_visit_before_a_struck_fresh_entry_is_open_again(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id, now = make_aluno(), utc_now().replace(microsecond=0)
    rows = "".join(
        _event(aluno_id, now - timedelta(hours=hours), "entrada", str(hours)) for hours in (2, 1)
    )
    import_report(operador, VISITS, HEADER + rows)
    operador.delete(_path(aluno_id, now - timedelta(hours=1)))
    assert _history(operador, aluno_id) == [("aberta", None)]


def test_impossible_corrections_are_refused(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id, entrada = make_aluno(), _noon(3)
    import_report(operador, VISITS, HEADER + _event(aluno_id, entrada, "entrada", "a"))
    path, before = _path(aluno_id, entrada), _revision(aluno_id)
    for hours in (-1, 25):
        body = {"saida": (entrada + timedelta(hours=hours)).isoformat()}
        assert_problem(operador.patch(path, body), 422, "VisitaImpossivel")
    tomorrow = {"saida": (utc_now() + timedelta(days=1)).isoformat()}
    assert_problem(operador.patch(path, tomorrow), 422, "ValidationFailed")
    assert_problem(operador.patch(path, {}), 422, "ValidationFailed")
    assert_problem(operador.patch(f"/aluno/{aluno_id}/visitas/ontem", {}), 422, "ValidationFailed")
    other = _path(aluno_id, entrada + timedelta(hours=1))
    assert_problem(operador.patch(other, {"saida": None}), 404, "VisitaNotFound")
    assert_problem(operador.delete(_path(404, entrada)), 404, "AlunoNotFound")
    assert (_history(operador, aluno_id), _revision(aluno_id)) == ([("sem_saida", None)], before)


def test_corrections_are_on_the_trail_of_the_member(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id, entrada = make_aluno(), _noon(3)
    import_report(operador, VISITS, HEADER + _event(aluno_id, entrada, "entrada", "a"))
    operador.patch(_path(aluno_id, entrada), {"saida": None})
    operador.delete(_path(aluno_id, entrada))
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        trail = text(
            "SELECT ator, acao, detalhes FROM auditoria WHERE objeto = :objeto ORDER BY id"
        )
        found = session.execute(trail, {"objeto": f"aluno:{aluno_id}"}).all()
    details = {"entrada": entrada.isoformat()}
    assert [tuple(entry) for entry in found] == [
        (operador.subject, "visita.corrigida", details),
        (operador.subject, "visita.anulada", details),
    ]


def _report(client: Client, days_ago: int) -> dict[str, Any]:
    content: dict[str, Any] = client.get(f"/relatorios/{_day(days_ago)}").json["conteudo"]
    return content


def _day(days_ago: int) -> date:
    return local_day(_noon(days_ago), SAO_PAULO)


def _make_reports(client: Client, *days_ago: int) -> None:
    for days in days_ago:
        assert client.post("/admin/relatorios", {"data": str(_day(days))}).status == 202
    work_off()


def _recounted() -> list[str]:
    """Days whose reports are waiting to be made again."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        jobs = session.scalars(
            text("SELECT message->>'dia' FROM jobs WHERE state = 'queued' ORDER BY 1")
        )
        return list(jobs)


def test_late_file_has_the_reports_of_its_days_made_again(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno((0.1,))
    _make_reports(operador, 1, 2, 3, 10, 70)
    late = "".join(
        _event(aluno_id, _noon(days) + timedelta(minutes=n), "entrada", f"{days}/{n}")
        for days in (3, 5, 10, 70)
        for n in range(3)
    )
    # Counted again: the third day, the tenth, and with it the third once more. Of the fifth there
    # is no report, and the seventieth is too long ago.
    import_report(operador, VISITS, HEADER + late)
    assert _report(operador, 3)["visitas"] == _report(operador, 10)["visitas"] == 3
    assert [day["visitas"] for day in _report(operador, 3)["comparacao"]["dias"]][:1] == [3]
    assert _report(operador, 70)["visitas"] == 0
    assert count("relatorios_diarios") == 5


def test_late_entry_and_struck_visit_ask_for_each_report_once(
    operador: Client, make_aluno: MakeAluno
) -> None:
    _make_reports(operador, 2)
    members = [make_aluno(), make_aluno()]
    for aluno_id in members:
        entrada = _noon(2).isoformat()
        operador.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": entrada})
        operador.post("/aluno/checkin", {"aluno_id": aluno_id})
    assert _recounted() == [str(_day(2))]
    operador.delete(_path(members[0], _noon(2)))
    assert _recounted() == [str(_day(2))]
    work_off()
    assert _report(operador, 2)["visitas"] == 1


def test_report_that_is_being_made_is_asked_for_again(
    operador: Client, make_aluno: MakeAluno
) -> None:
    _make_reports(operador, 2)
    with unit_of_work(tenant=HOUSE) as session:
        ask_for_recounts(session, [_noon(2)], owner="teste", now=utc_now())
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(
            text(
                "UPDATE jobs SET state = 'running', lease_until = now() + interval '1 minute'"
                " WHERE state = 'queued'"
            )
        )
    for _ in range(2):
        with unit_of_work(tenant=HOUSE) as session:
            ask_for_recounts(session, [_noon(2)], owner="teste", now=utc_now())
    assert _recounted() == [str(_day(2))]
    with unit_of_work(tenant=HOUSE) as session:
        again = RelatorioMessage(dia=_day(2))
        key = f"recontar:{_day(2)}:depois"
        job = enqueue(session, DAILY_REPORT_QUEUE, again, tenant=HOUSE, owner="x", dedupe_key=key)
        assert job.owner == "teste"


def test_reports_stay_when_nothing_of_their_days_has_come(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    _make_reports(operador, 2)
    operador.post("/aluno/checkin", {"aluno_id": aluno_id})
    saida = (_noon(2) + timedelta(hours=1)).isoformat()
    event = {"aluno_id": aluno_id, "saida": saida, "chave_evento": "k"}
    assert operador.post("/aluno/checkin", event).status == 201
    assert _recounted() == []
