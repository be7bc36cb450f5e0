"""Daily reports: counted by hand, the same whenever they are made, in three forms."""

import csv
import hashlib
import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app import app
from chalicelib.core import settings
from chalicelib.core.auth import Role
from chalicelib.core.claims import claim
from chalicelib.core.clock import day_bounds, utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.runs import LeaseLost
from chalicelib.core.settings import HOUSE
from chalicelib.core.sweep import sweep
from chalicelib.gym import service_reports
from chalicelib.gym.errors import DiaNaoTerminou
from chalicelib.gym.queues import DAILY_REPORT_QUEUE
from chalicelib.gym.service_members import ensure_planos
from infra.local.scheduler import run_due, schedules_of
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno, count
from tests.gym.histories import change, execute, visit
from tests.gym.work import finished_job, work_off

ASK = "/admin/relatorios"
DAY = date(2026, 3, 18)  # A Wednesday.
SAO_PAULO = "America/Sao_Paulo"
MIDNIGHT = datetime(2026, 3, 18, 3, 0, tzinfo=UTC)  # Its first instant there.
INSTANT = timedelta(microseconds=1)


def _at(clock: str, *, weeks_before: int = 0, days: int = 0) -> datetime:
    """A local time of the day, or of another."""
    hours, minutes = map(int, clock.split(":"))
    return MIDNIGHT + timedelta(days=days - 7 * weeks_before, hours=hours, minutes=minutes)


def _make(client: Client, dia: date = DAY) -> dict[str, Any]:
    job = finished_job(client, client.post(ASK, {"data": dia.isoformat()}))
    assert job["state"] == "succeeded", job["error"]
    result: dict[str, Any] = job["result"]
    return result


def _report(client: Client, dia: date = DAY) -> dict[str, Any]:
    """Make a day's report and give what it holds."""
    _make(client, dia)
    content: dict[str, Any] = client.get(f"/relatorios/{dia}").json["conteudo"]
    return content


def _hours(content: dict[str, Any]) -> dict[int, int]:
    return {hour["hora"]: hour["visitas"] for hour in content["por_hora"] if hour["visitas"]}


def _stored() -> tuple[str, datetime]:
    with unit_of_work(autocommit=True) as session:
        row = session.execute(text("SELECT conteudo, gerado_em FROM relatorios_diarios")).one()
    return row.conteudo, row.gerado_em


def test_a_day_made_by_hand_is_counted_as_by_hand(
    operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    with unit_of_work() as session:
        premium = ensure_planos(session, {"Premium": "199.90"})["Premium"]
    ana, bia, eva = (make_aluno(now=MIDNIGHT) for _ in range(3))
    change(bia, _at("12:00"), premium)
    newcomer = make_aluno(now=_at("10:00"), registered_days_ago=0)
    leaves = make_aluno(now=MIDNIGHT)
    change(leaves, _at("23:59"), plano_id, ativo=False)
    for who, clock in ((ana, "07:05"), (ana, "18:30"), (bia, "07:59"), (newcomer, "10:01")):
        visit(who, _at(clock))
    for weeks, visitors in ((1, (ana, bia, eva)), (2, (ana,)), (4, (ana, eva))):
        for who in visitors:
            visit(who, _at("07:00", weeks_before=weeks))
    found = _report(operador)

    assert {name: found[name] for name in ("visitas", "alunos", "ativos", "novos")} == {
        "visitas": 4,
        "alunos": 3,
        "ativos": 4,
        "novos": 1,
    }
    assert (found["cancelados"], found["dia_da_semana"]) == (1, "quarta-feira")
    assert _hours(found) == {7: 2, 10: 1, 18: 1}
    assert [hour["media"] for hour in found["por_hora"]][6:9] == [0.0, 2.0, 0.0]
    counted = ("plano", "visitas", "alunos", "ativos", "novos", "cancelados")
    assert [tuple(plano[name] for name in counted) for plano in found["por_plano"]] == [
        ("Padrão", 3, 2, 3, 1, 1),
        ("Premium", 1, 1, 1, 0, 0),
    ]
    comparison = found["comparacao"]
    assert [(d["dia"], d["visitas"], d["alunos"]) for d in comparison["dias"]] == [
        ("2026-03-11", 3, 3),
        ("2026-03-04", 1, 1),
        ("2026-02-18", 2, 2),
    ]
    assert (comparison["media_visitas"], comparison["media_alunos"]) == (2.0, 2.0)
    assert comparison["variacao_visitas"] == 1.0


def test_a_day_begins_and_ends_at_local_midnight(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno(now=MIDNIGHT)
    end = MIDNIGHT + timedelta(days=1)
    for instant in (MIDNIGHT - INSTANT, MIDNIGHT, end - INSTANT, end):
        visit(aluno_id, instant)
    visit(aluno_id, datetime(2026, 3, 18, 22, 0, tzinfo=UTC))
    visit(aluno_id, datetime(2026, 3, 19, 1, 30, tzinfo=UTC))
    found = _report(operador)
    assert _hours(found) == {0: 1, 19: 1, 22: 1, 23: 1}
    assert (found["inicio"], found["fim"]) == ("2026-03-18T03:00:00Z", "2026-03-19T03:00:00Z")
    assert _hours(_report(operador, DAY - timedelta(days=1))) == {23: 1}
    assert _hours(_report(operador, DAY + timedelta(days=1))) == {0: 1}


def test_a_visit_over_midnight_is_of_the_day_it_began_on(
    operador: Client, make_aluno: MakeAluno
) -> None:
    visit(make_aluno(now=MIDNIGHT), _at("23:30"), minutes=120)
    assert _hours(_report(operador)) == {23: 1}
    assert _report(operador, DAY + timedelta(days=1))["visitas"] == 0


def test_days_on_which_clocks_change_are_whole(
    operador: Client, make_aluno: MakeAluno, monkeypatch: pytest.MonkeyPatch
) -> None:
    # São Paulo's clocks went from 24:00 to 1:00 on 4 November 2018, and back from 24:00 to 23:00
    # on 16 February 2019.
    begins, ends = date(2018, 11, 4), date(2019, 2, 16)
    assert day_bounds(begins, SAO_PAULO) == (
        datetime(2018, 11, 4, 3, tzinfo=UTC),
        datetime(2018, 11, 5, 2, tzinfo=UTC),
    )
    assert day_bounds(ends, SAO_PAULO) == (
        datetime(2019, 2, 16, 2, tzinfo=UTC),
        datetime(2019, 2, 17, 3, tzinfo=UTC),
    )
    aluno_id = make_aluno(registered_days_ago=4000)
    for day in (begins, ends):
        first, end = day_bounds(day, SAO_PAULO)
        for instant in (first - INSTANT, first, end - INSTANT, end):
            visit(aluno_id, instant)
        assert _report(operador, day)["visitas"] == 2
    visit(aluno_id, datetime(2019, 2, 17, 1, 30, tzinfo=UTC))  # 23:30 for the first time.
    assert _hours(_report(operador, ends)) == {0: 1, 23: 2}


def test_another_zone_has_other_days(
    operador: Client, make_aluno: MakeAluno, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_TIMEZONE", "America/Manaus")
    settings.settings.cache_clear()
    visit(make_aluno(now=MIDNIGHT), MIDNIGHT)
    assert _report(operador)["visitas"] == 0
    assert _hours(_report(operador, DAY - timedelta(days=1))) == {23: 1}


def _regular(make_aluno: MakeAluno, *weeks_before: int) -> int:
    """A member who came on this weekday so many weeks before."""
    aluno_id = make_aluno(now=MIDNIGHT)
    for weeks in weeks_before:
        visit(aluno_id, _at("07:00", weeks_before=weeks))
    return aluno_id


def test_first_absences_are_of_those_who_came_four_times_running(
    operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    absent = _regular(make_aluno, 1, 2, 3, 4)
    often = _regular(make_aluno, 1, 2, 3, 4, 5)
    visit(often, _at("20:00", days=-1))
    present = _regular(make_aluno, 1, 2, 3, 4)
    visit(present, _at("21:00"))
    _regular(make_aluno, 2, 3, 4)
    _regular(make_aluno, 1, 2, 3)
    cancelled = _regular(make_aluno, 1, 2, 3, 4)
    change(cancelled, _at("09:00"), plano_id, ativo=False)
    found = _report(operador)["primeiras_ausencias"]
    assert found["total"] == 2
    assert found["alunos"] == [
        {
            "aluno_id": often,
            "plano": "Padrão",
            "ultima_visita": "2026-03-17T23:00:00Z",
            "visitas_28_dias": 5,
        },
        {
            "aluno_id": absent,
            "plano": "Padrão",
            "ultima_visita": "2026-03-11T10:00:00Z",
            "visitas_28_dias": 4,
        },
    ]
    assert "quatro últimas quartas-feiras" in found["definicao"]


def test_a_closed_day_is_skipped_in_comparisons_and_has_no_absences(
    operador: Client, make_aluno: MakeAluno
) -> None:
    # Nobody came two weeks before: the club was closed.
    regular = _regular(make_aluno, 1, 3, 4, 5)
    somebody = make_aluno(now=MIDNIGHT)
    closed = _report(operador)
    assert closed["primeiras_ausencias"]["total"] == 0
    assert closed["comparacao"]["variacao_visitas"] == -1.0
    visit(somebody, _at("08:00"))
    found = _report(operador)
    assert [day["dia"] for day in found["comparacao"]["dias"]] == [
        "2026-03-11",
        "2026-02-25",
        "2026-02-18",
        "2026-02-11",
    ]
    assert [each["aluno_id"] for each in found["primeiras_ausencias"]["alunos"]] == [regular]


def test_no_more_than_eight_weeks_are_looked_back(operador: Client, make_aluno: MakeAluno) -> None:
    _regular(make_aluno, 8, 9)
    days = _report(operador)["comparacao"]["dias"]
    assert [day["dia"] for day in days] == ["2026-01-21"]


def test_a_day_before_there_was_anything_is_an_empty_report(operador: Client) -> None:
    found = _report(operador, date(1999, 12, 31))
    assert (found["visitas"], found["alunos"], found["ativos"]) == (0, 0, 0)
    assert found["por_plano"] == []
    assert found["comparacao"] == {
        "dias": [],
        "media_visitas": None,
        "media_alunos": None,
        "variacao_visitas": None,
    }
    assert [hour["media"] for hour in found["por_hora"]] == [None] * 24
    page = operador.get("/relatorios/1999-12-31", formato="html").body.decode()
    assert "Nenhuma visita" in page
    assert "Visitas por hora" not in page


def test_a_day_of_less_than_half_the_usual_visits_is_said_to_be_one(
    operador: Client, make_aluno: MakeAluno
) -> None:
    regulars = [_regular(make_aluno, 1, 2, 3, 4) for _ in range(4)]

    def has_note() -> bool:
        _report(operador)
        page = operador.get(f"/relatorios/{DAY}", formato="html").body.decode()
        return "Menos da metade do movimento" in page

    assert not has_note()  # Nobody came at all: another note says so.
    visit(regulars[0], _at("08:00"))
    assert has_note()
    visit(regulars[1], _at("08:00"))
    assert not has_note()


def test_made_again_it_is_the_same_to_the_byte(operador: Client, make_aluno: MakeAluno) -> None:
    for _ in range(3):
        _regular(make_aluno, 1, 2, 3, 4)
    visit(_regular(make_aluno, 1), _at("07:00"))
    first = _make(operador)
    before = _stored()
    again = _make(operador)
    assert _stored() == before
    assert (first.pop("alterado"), again.pop("alterado")) == (True, False)
    assert first == again
    assert hashlib.sha256(before[0].encode()).hexdigest() == first["impressao_digital"]
    execute("DELETE FROM relatorios_diarios")
    _make(operador)
    assert _stored()[0] == before[0]


def test_what_happens_after_the_day_does_not_change_it(
    operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    with unit_of_work() as session:
        premium = ensure_planos(session, {"Premium": "199.90"})["Premium"]
    regular = _regular(make_aluno, 1, 2, 3, 4)
    inside = make_aluno(now=MIDNIGHT)
    visit(inside, _at("23:00"), minutes=None)
    _make(operador)
    before = _stored()
    end = MIDNIGHT + timedelta(days=1)
    visit(regular, end)
    visit(regular, end + timedelta(days=7))
    change(regular, end, premium)
    change(inside, end, plano_id, ativo=False)
    make_aluno((1,), now=end + timedelta(days=3), registered_days_ago=2)
    execute(
        "UPDATE checkins SET saida = entrada + interval '90 minutes', sem_saida = false"
        f" WHERE aluno_id = {inside}"
    )
    execute("UPDATE alunos SET nome = 'Outro Nome', ativo = false, revisao = 9")
    assert _make(operador)["alterado"] is False
    assert _stored() == before


def test_visits_recorded_late_are_counted_when_it_is_made_again(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno(now=MIDNIGHT)
    visit(aluno_id, _at("07:00"))
    first = _make(operador)
    visit(aluno_id, _at("19:00"))
    second = _make(operador)
    assert (first["visitas"], second["visitas"], second["alterado"]) == (1, 2, True)
    assert operador.get("/relatorios").json["total"] == 1


def test_a_visit_from_before_its_member_is_counted_without_a_plano(
    operador: Client, make_aluno: MakeAluno
) -> None:
    visit(make_aluno(now=_at("00:00", days=9), registered_days_ago=0), _at("07:00"))
    found = _report(operador)
    assert [(p["plano"], p["visitas"], p["ativos"]) for p in found["por_plano"]] == [(None, 1, 0)]
    assert sum(p["visitas"] for p in found["por_plano"]) == found["visitas"]
    assert "Ainda sem plano" in operador.get(f"/relatorios/{DAY}", formato="html").body.decode()


def test_the_forms_say_the_same(operador: Client, make_aluno: MakeAluno) -> None:
    absent = _regular(make_aluno, 1, 2, 3, 4)
    execute(f"UPDATE alunos SET nome = '=1+1;<script>x</script>' WHERE id = {absent}")
    visit(_regular(make_aluno, 1), _at("07:00"))
    _make(operador)
    path = f"/relatorios/{DAY}"
    as_json = operador.get(path)
    assert as_json.headers["Content-Type"] == "application/json"
    assert as_json.json["nomes"] == {str(absent): "=1+1;<script>x</script>"}
    assert _stored()[0] in as_json.body.decode()

    as_csv = operador.request("GET", path, headers={"accept": "text/csv"})
    assert as_csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="relatorio-{DAY}.csv"' in as_csv.headers["Content-Disposition"]
    written = as_csv.body.decode()
    assert written.startswith("\ufeffsecao;item;medida;valor\r\n")
    rows = {tuple(r[:3]): r[3] for r in csv.reader(io.StringIO(written[1:]), delimiter=";")}
    assert rows["resumo", "2026-03-18", "visitas"] == "1"
    assert rows["comparacao", "2026-03-18", "media_visitas"] == "1,25"
    assert rows["comparacao", "2026-03-18", "variacao_visitas"] == "-0,2"
    assert rows["primeira_ausencia", str(absent), "nome"] == "'=1+1;<script>x</script>"
    assert rows["primeira_ausencia", str(absent), "ultima_visita"] == "2026-03-11 07:00"

    as_html = operador.request("GET", path, headers={"accept": "text/html,*/*;q=0.8"})
    assert as_html.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in as_html.headers["Content-Security-Policy"]
    page = as_html.body.decode()
    assert "quarta-feira, 18 de março de 2026" in page
    assert "=1+1;&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script" not in page
    assert "−20 %" in page
    assert not re.search(r"(src|href)=", page)
    assert operador.get(path, formato="html").body == as_html.body


def test_who_was_erased_is_named_nowhere(operador: Client, make_aluno: MakeAluno) -> None:
    absent = _regular(make_aluno, 1, 2, 3, 4)
    visit(_regular(make_aluno, 1), _at("07:00"))
    _make(operador)
    execute(f"DELETE FROM alunos WHERE id = {absent}")
    answers = [operador.get(f"/relatorios/{DAY}", formato=f) for f in ("json", "csv", "html")]
    assert answers[0].json["nomes"] == {}
    assert "Aluno não encontrado" in answers[2].body.decode()


def test_the_form_follows_what_is_liked_best(operador: Client) -> None:
    _make(operador)

    def answered(accept: str) -> str:
        answer = operador.request("GET", f"/relatorios/{DAY}", headers={"accept": accept})
        assert answer.headers["Vary"] == "Accept, Origin"
        return answer.headers["Content-Type"].partition(";")[0]

    assert answered("*/*") == "application/json"
    assert answered("") == "application/json"
    assert answered("text/*") == "text/csv"
    assert answered("text/csv;q=0.5, text/html;q=0.9") == "text/html"
    assert answered("application/json;q=0, */*;q=0.1") == "text/csv"
    assert answered("image/png") == "application/json"
    assert answered("text/csv;q=muito, application/json;q=0.1") == "application/json"


def test_a_day_that_is_not_over_is_refused(operador: Client) -> None:
    first, end = day_bounds(DAY, SAO_PAULO)
    with unit_of_work(tenant=HOUSE) as session:
        for now in (first, end - INSTANT):
            with pytest.raises(DiaNaoTerminou):
                service_reports.ask_for_report(session, DAY, owner=SYSTEM, now=now)
        asked = service_reports.ask_for_report(session, DAY, owner=SYSTEM, now=end)
        assert asked.message == {"dia": "2026-03-18"}
    tomorrow = utc_now().date() + timedelta(days=1)
    answer = operador.post(ASK, {"data": tomorrow.isoformat()})
    assert_problem(answer, 422, "DiaNaoTerminou")


@pytest.mark.parametrize(
    "written", ["18/03/2026", "2026-02-30", "1773792000", "20260318", "0001-01-01", "9999-12-31"]
)
def test_what_is_no_day_is_refused(operador: Client, written: str) -> None:
    assert_problem(operador.post(ASK, {"data": written}), 422, "ValidationFailed")
    if "/" not in written:
        assert_problem(operador.get(f"/relatorios/{written}"), 422, "ValidationFailed")


def test_yesterday_is_meant_when_no_day_is_named(operador: Client) -> None:
    job = finished_job(operador, operador.post(ASK, {}))
    first, end = day_bounds(date.fromisoformat(job["result"]["dia"]), SAO_PAULO)
    assert end <= utc_now() < end + (end - first)


def test_a_report_that_was_not_made_is_not_there(operador: Client) -> None:
    assert_problem(operador.get(f"/relatorios/{DAY}"), 404, "RelatorioNotFound")
    assert operador.get("/relatorios").json["items"] == []


def test_reports_are_listed_latest_day_first(operador: Client, client_of: MakeUser) -> None:
    days = [DAY - timedelta(days=back) for back in range(5)]
    for day in (days[3], days[0], days[4], days[1], days[2]):
        operador.post(ASK, {"data": day.isoformat()})
    work_off()
    reader = client_of(Role.LEITOR)
    first = reader.get("/relatorios", limit=3)
    assert [item["dia"] for item in first.json["items"]] == [str(day) for day in days[:3]]
    assert (first.json["total"], first.json["total_exact"]) == (5, True)
    rest = reader.request("GET", first.json["next"]).json
    assert [item["dia"] for item in rest["items"]] == [str(day) for day in days[3:]]
    assert rest["next"] is None
    assert set(rest["items"][0]) == {"dia", "visitas", "alunos", "impressao_digital", "gerado_em"}


def test_asked_twice_one_report_is_made(operador: Client) -> None:
    first, second = (operador.post(ASK, {"data": str(DAY)}) for _ in range(2))
    other = operador.post(ASK, {"data": str(DAY - timedelta(days=1))})
    assert first.json["id"] == second.json["id"] != other.json["id"]
    assert work_off() == 2
    assert count("relatorios_diarios") == 2


def test_a_run_that_lost_its_job_keeps_no_report(operador: Client) -> None:
    operador.post(ASK, {"data": str(DAY)})
    lost = claim(DAILY_REPORT_QUEUE)
    assert lost is not None
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE jobs SET lease_until = now() - interval '1 second'"))
    sweep()
    with pytest.raises(LeaseLost):
        service_reports.make_report(lost, DAY)
    assert count("relatorios_diarios") == 0
    assert work_off() == 1
    assert operador.get(f"/relatorios/{DAY}").status == 200


def test_every_night_scores_and_report_are_asked_for(environment: dict[str, str]) -> None:
    evening = datetime(2026, 3, 18, 21, 0, tzinfo=UTC)  # 18:00 in São Paulo.
    schedules = {s.name: s for s in schedules_of(app, evening)}
    nightly, morning = schedules["score_members"], schedules["report_yesterday"]
    assert nightly.due == datetime(2026, 3, 19, 6, 30, tzinfo=UTC)
    assert morning.due == datetime(2026, 3, 19, 9, 0, tzinfo=UTC)
    run_due([nightly, morning], morning.due)
    nightly.due = morning.due = evening
    run_due([nightly, morning], evening)
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        jobs = session.execute(text("SELECT queue, owner, tenant, message FROM jobs")).all()
    yesterday = {"dia": str(_yesterday())}
    assert sorted((job.queue, job.owner, job.tenant) for job in jobs) == [
        ("churn_probabilities_queue", SYSTEM, HOUSE),
        ("daily_report_queue", SYSTEM, HOUSE),
    ]
    assert [job.message for job in jobs if job.queue == "daily_report_queue"] == [yesterday]


def _yesterday() -> date:
    today = utc_now()
    (found,) = (
        day
        for day in (today.date() - timedelta(days=back) for back in range(3))
        if day_bounds(day, SAO_PAULO)[1]
        <= today
        < day_bounds(day + timedelta(days=1), SAO_PAULO)[1]
    )
    return found
