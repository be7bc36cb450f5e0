"""Bulk files: every kind of row, and what becomes of a file sent again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.imports import ROWS_PER_BLOCK
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno, count
from tests.gym.work import CSV, NDJSON, counts, finished_job, import_report, rejections

VISITS = "/aluno/checkin/lote"
MEMBERS = "/aluno/registro/lote"


def _ago(**units: float) -> str:
    return (utc_now() - timedelta(**units)).isoformat()


def _rows(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _visits() -> list[tuple[datetime, datetime | None, bool, str | None]]:
    with unit_of_work(autocommit=True) as session:
        found = session.execute(
            text("SELECT entrada, saida, sem_saida, chave_evento FROM checkins ORDER BY entrada")
        )
        return [(row.entrada, row.saida, row.sem_saida, row.chave_evento) for row in found]


def _situations(client: Client, aluno_id: int) -> list[str]:
    return [v["situacao"] for v in client.get(f"/aluno/{aluno_id}/frequencia").json["items"]]


def test_visits_of_a_csv_are_loaded(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    report = import_report(
        operador,
        VISITS,
        "aluno_id,entrada,saida,chave_evento\n"
        f"{aluno_id},2026-03-02T07:15:00-03:00,2026-03-02T08:15:00-03:00,a\n"
        f"{aluno_id},2026-03-04T10:00:00Z,,b\n",
    )
    assert counts(report) == (2, 0, 0)
    assert _visits() == [
        (
            datetime(2026, 3, 2, 10, 15, tzinfo=UTC),
            datetime(2026, 3, 2, 11, 15, tzinfo=UTC),
            False,
            "a",
        ),
        (datetime(2026, 3, 4, 10, 0, tzinfo=UTC), None, True, "b"),
    ]


def test_ndjson_loads_the_same_visits_as_csv(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    report = import_report(
        operador,
        VISITS,
        _rows(
            {"aluno_id": aluno_id, "entrada": "2026-03-02T07:15:00-03:00", "tipo": "entrada"},
            {"aluno_id": str(aluno_id), "saida": "2026-03-02T08:15:00-03:00"},
        )
        + "\n"
        + _rows({"aluno_id": aluno_id, "entrada": "2026-03-03T10:00:00Z", "saida": None}),
        NDJSON,
    )
    assert counts(report) == (3, 0, 0)
    assert [(saida is None, without) for _, saida, without, _ in _visits()] == [
        (False, False),
        (True, True),
    ]


def test_a_naive_time_is_local(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    import_report(
        operador, VISITS, f"aluno_id;entrada;saida\n{aluno_id};2026-03-02 22:30;2026-03-03 00:10\n"
    )
    entrada, saida, *_ = _visits()[0]
    assert entrada == datetime(2026, 3, 3, 1, 30, tzinfo=UTC)
    assert saida == datetime(2026, 3, 3, 3, 10, tzinfo=UTC)


def test_semicolons_a_byte_order_mark_and_windows_line_ends_are_read(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    report = import_report(
        operador,
        VISITS,
        "\ufeffALUNO_ID; Entrada ;ignorada\r\n"
        f'{aluno_id};"2026-03-02T07:15:00Z";"a ""quoted""; text"\r\n'
        "\r\n"
        f"{aluno_id}; 2026-03-03T07:15:00Z ;x",
    )
    assert counts(report) == (2, 0, 0)


def test_a_member_may_be_named_by_email(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    with unit_of_work() as session:
        session.execute(text("UPDATE alunos SET email = 'ana@example.com'"))
    report = import_report(
        operador, VISITS, "email,entrada\n ANA@example.com ,2026-03-02T07:15:00Z\n"
    )
    assert counts(report) == (1, 0, 0)
    assert _situations(operador, aluno_id) == ["sem_saida"]


def test_every_bad_row_is_refused_with_its_line_and_reason(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a = make_aluno()
    tomorrow = _ago(days=-1)
    bad = [
        ("404,2026-03-02T07:00:00Z,,,", "Aluno desconhecido"),
        (",2026-03-02T07:00:00Z,,,", "Informe aluno_id ou email"),
        ("x1,2026-03-02T07:00:00Z,,,", "aluno_id"),
        ("-1,2026-03-02T07:00:00Z,,,", "aluno_id"),
        (f"{10**19},2026-03-02T07:00:00Z,,,", "aluno_id"),
        (f"{a},02/03/2026 07:00,,,", "entrada: use data e hora ISO"),
        (f"{a},2026-02-30T07:00:00Z,,,", "entrada: use data e hora ISO"),
        (f"{a},2026-03-02,,,", "entrada: use data e hora ISO"),
        (f"{a},2026-03-02T07:00:00Z,2026-W10-1,,", "saida: use data e hora ISO"),
        (f"{a},{tomorrow},,,", "entrada: fora do intervalo"),
        (f"{a},1969-12-31T00:00:00Z,,,", "entrada: fora do intervalo"),
        (f"{a},0001-01-01T00:00:00+14:00,,,", "entrada: fora do intervalo"),
        (f"{a},,{tomorrow},,", "saida: fora do intervalo"),
        (f"{a},2026-03-02T07:00:00Z,2026-03-02T07:00:00Z,,", "A saída deve vir depois"),
        (f"{a},2026-03-02T07:00:00Z,2026-03-03T07:00:01Z,,", "A saída deve vir depois"),
        (f"{a},2026-03-02T07:00:00Z,,pausa,", "tipo: use"),
        (f"{a},2026-03-02T07:00:00Z,,saida,", "Uma saída precisa de saida"),
        (f"{a},,,,", "Uma saída precisa de saida"),
        (f"{a},,2026-03-02T07:00:00Z,entrada,", "Uma entrada precisa de entrada"),
        (f"{a},2026-03-02T07:00:00Z,,,{'k' * 255}", "Texto com mais de 254"),
        (f"{a},2026-03-02T07:00:00Z,,", "número de campos"),
        (f"{a},2026-03-02T07:00:00Z,,,,", "número de campos"),
    ]
    good = f"{a},2026-02-01T07:00:00Z,,,\n"
    lines = "aluno_id,entrada,saida,tipo,chave_evento\n" + good + "\n".join(row for row, _ in bad)
    report = import_report(operador, VISITS, lines)
    assert counts(report) == (1, 0, len(bad))
    reasons = rejections(report)
    assert sorted(reasons) == list(range(3, 3 + len(bad)))
    for line, (row, reason) in enumerate(bad, start=3):
        assert reason in reasons[line], row


def test_every_bad_line_of_ndjson_is_refused_alone(operador: Client, make_aluno: MakeAluno) -> None:
    a = make_aluno()
    at = "2026-03-02T07:00:00Z"
    bad = [
        b"[1, 2]",
        b"{",
        b'"text"',
        b'{"aluno_id": "\xff"}',
        json.dumps({"aluno_id": a, "entrada": 1772434800}).encode(),
        json.dumps({"aluno_id": 1.5, "entrada": at}).encode(),
        json.dumps({"aluno_id": True, "entrada": at}).encode(),
        json.dumps({"aluno_id": a, "entrada": at, "tipo": ["entrada"]}).encode(),
        json.dumps({"aluno_id": a, "entrada": at, "chave_evento": "a\0b"}).encode(),
        json.dumps({"aluno_id": a, "entrada": at, "chave_evento": "\ud800"}).encode(),
        json.dumps({"email": "\udfff@example.com", "entrada": at}).encode(),
    ]
    good = json.dumps({"aluno_id": a, "entrada": at, "chave_evento": "tab\tand \\ stay"}).encode()
    file = b"\n".join([*bad, good])
    job = finished_job(operador, operador.post(VISITS, file, content_type=NDJSON))
    assert job["state"] == "succeeded", job["error"]
    assert counts(job["result"]) == (1, 0, len(bad))
    assert sorted(rejections(job["result"])) == list(range(1, 1 + len(bad)))
    assert _visits()[0][3] == "tab\tand \\ stay"


def test_a_csv_row_that_is_not_utf8_is_refused_alone(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a = make_aluno()
    file = (
        b"aluno_id,entrada,chave_evento\n%d,2026-03-02T07:00:00Z,\xe9\n%d,2026-03-03T07:00,\n"
        % (a, a)
    )
    report = finished_job(operador, operador.post(VISITS, file, content_type=CSV))["result"]
    assert counts(report) == (1, 0, 1)
    assert "CSV UTF-8" in rejections(report)[2]


def test_rows_known_by_key_or_by_member_and_entry_are_duplicates(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a = make_aluno()
    header = "aluno_id,entrada,chave_evento\n"
    import_report(operador, VISITS, f"{header}{a},2026-03-02T07:00Z,k1\n{a},2026-03-03T07:00Z,\n")
    report = import_report(
        operador,
        VISITS,
        header
        + f"{a},2026-03-09T07:00Z,k1\n"  # A key that is known, at another time.
        + f"{a},2026-03-03T07:00Z,k3\n"  # A visit that is known, under a new key.
        + f"{a},2026-03-04T07:00Z,k4\n"
        + f"{a},2026-03-05T07:00Z,k4\n"  # Twice in the file, by key.
        + f"{a},2026-03-06T07:00Z,\n"
        + f"{a},2026-03-06T04:00:00-03:00,\n",  # Twice in the file, by entry.
    )
    assert counts(report) == (2, 4, 0)
    assert count("checkins") == 4


def test_known_key_at_a_time_nothing_is_known_of_is_a_duplicate(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a, b = make_aluno(), make_aluno()
    header = "aluno_id,entrada,saida,chave_evento\n"
    visit = "2026-03-{0:02}T07:00Z,2026-03-{0:02}T08:00Z"
    import_report(operador, VISITS, f"{header}{a},{visit.format(2)},k1\n")
    report = import_report(
        operador,
        VISITS,
        header
        + f"{b},{visit.format(5)},k1\n"
        + f"{a},{visit.format(6)},k2\n"
        + f"{b},{visit.format(7)},\n",
    )
    assert counts(report) == (2, 1, 0)
    assert [key for *_, key in _visits()] == ["k1", "k2", None]


@pytest.mark.parametrize("saida", ["", "2026-03-02T08:00Z"], ids=["entries", "visits"])
def test_visit_twice_in_a_file_of_new_ones_is_one(
    operador: Client, make_aluno: MakeAluno, saida: str
) -> None:
    a = make_aluno()
    row = f"{a},2026-03-02T07:00Z,{saida}\n"
    report = import_report(operador, VISITS, "aluno_id,entrada,saida\n" + row * 3)
    assert counts(report) == (1, 2, 0)
    assert count("checkins") == 1


def test_entry_and_the_visit_it_begins_in_one_file_are_one(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a = make_aluno()
    at = f"{a},2026-03-02T07:00Z"
    report = import_report(
        operador, VISITS, f"aluno_id,entrada,saida\n{at},\n{at},2026-03-02T08Z\n"
    )
    assert sum(counts(report)) == 2
    assert [saida is not None for _, saida, *_ in _visits()] == [True]


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T07:15:00Z",
        "2026-03-02 07:15:00.1Z",
        "2026-03-02T07:15:00.123456-03:00",
        "2026-03-02T07:15:00.9999999Z",  # PostgreSQL would round it, and Python does not.
        "2026-03-02T07:15:00.999999900+14:00",
        "2026-W10-1T07:15:00+05:30",
        "20260302T071500,25Z",
    ],
)
def test_instants_are_what_python_reads(
    operador: Client, make_aluno: MakeAluno, written: str
) -> None:
    row = {"aluno_id": make_aluno(), "entrada": written}
    assert counts(import_report(operador, VISITS, _rows(row), NDJSON)) == (1, 0, 0)
    assert _visits()[0][0] == datetime.fromisoformat(written)


def test_a_file_sent_again_adds_nothing(operador: Client, make_aluno: MakeAluno) -> None:
    a, b = make_aluno(), make_aluno()
    file = (
        "aluno_id,entrada,saida,tipo,chave_evento\n"
        f"{a},2026-03-02T07:00Z,2026-03-02T08:00Z,,a1\n"
        f"{a},2026-03-03T07:00Z,,,\n"
        f"{a},,2026-03-03T08:00Z,saida,a2\n"
        f"{b},2026-03-03T07:00Z,,,\n"
        f"{b},,2026-03-03T08:00Z,,\n"
        f"{b},{_ago(hours=1)},,,b2\n"
        "404,2026-03-03T07:00Z,,,\n"
    )
    assert counts(import_report(operador, VISITS, file)) == (6, 0, 1)
    before = _visits()
    assert counts(import_report(operador, VISITS, file)) == (0, 6, 1)
    assert _visits() == before
    assert _situations(operador, b) == ["aberta", "encerrada"]


def test_a_visit_sent_again_with_its_exit_is_completed(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a = make_aluno()
    header = "aluno_id,entrada,saida\n"
    import_report(operador, VISITS, f"{header}{a},2026-03-02T07:00Z,\n")
    late = f"{header}{a},2026-03-02T07:00Z,2026-03-02T08:30Z\n"
    assert counts(import_report(operador, VISITS, late)) == (1, 0, 0)
    assert counts(import_report(operador, VISITS, late)) == (0, 1, 0)
    other = f"{header}{a},2026-03-02T07:00Z,2026-03-02T09:00Z\n"
    assert counts(import_report(operador, VISITS, other)) == (0, 1, 0)
    answer = operador.get(f"/aluno/{a}/frequencia").json["items"]
    assert [visit["duracao_minutos"] for visit in answer] == [90.0]


def test_each_exit_ends_the_last_entry_before_it(operador: Client, make_aluno: MakeAluno) -> None:
    a = make_aluno()
    report = import_report(
        operador,
        VISITS,
        "aluno_id,entrada,saida\n"
        f"{a},,2026-03-02T08:00Z\n"  # Before its entry in the file, after it in time.
        f"{a},2026-03-02T07:00Z,\n"
        f"{a},2026-03-03T23:30Z,\n"
        f"{a},,2026-03-04T00:45Z\n"
        f"{a},,2026-03-04T00:50Z\n"  # A second exit of the same visit.
        f"{a},,2026-03-06T00:50Z\n",  # Nothing within 24 hours before.
    )
    assert counts(report) == (6, 0, 0)
    items = operador.get(f"/aluno/{a}/frequencia").json["items"]
    assert [visit["duracao_minutos"] for visit in items] == [75.0, 60.0]


def test_only_the_last_recent_entry_of_a_file_is_open(
    operador: Client, make_aluno: MakeAluno
) -> None:
    recent, old, followed = make_aluno(), make_aluno(), make_aluno((0.01,))
    import_report(
        operador,
        VISITS,
        "aluno_id,entrada\n"
        f"{recent},{_ago(hours=3)}\n{recent},{_ago(hours=1)}\n"
        f"{old},{_ago(hours=6, minutes=1)}\n"
        f"{followed},{_ago(hours=1)}\n",
    )
    assert _situations(operador, recent) == ["aberta", "sem_saida"]
    assert _situations(operador, old) == ["sem_saida"]
    assert _situations(operador, followed) == ["encerrada", "sem_saida"]


def test_an_entry_of_a_file_closes_the_visit_open_at_the_desk(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a = make_aluno()
    operador.post("/aluno/checkin", {"aluno_id": a, "entrada": _ago(hours=2)})
    import_report(operador, VISITS, f"aluno_id,entrada\n{a},{_ago(hours=1)}\n")
    assert _situations(operador, a) == ["aberta", "sem_saida"]
    again = operador.post("/aluno/checkin", {"aluno_id": a})
    assert_problem(again, 409, "CheckinAberto")


def test_an_import_raises_the_revision_of_whom_it_touches_only(
    operador: Client, make_aluno: MakeAluno
) -> None:
    touched, other = make_aluno(), make_aluno()
    import_report(
        operador, VISITS, f"aluno_id,entrada\n{touched},2026-03-02T07:00Z\n404,2026-03-02T07:00Z\n"
    )
    with unit_of_work(autocommit=True) as session:
        rows = session.execute(text("SELECT id, revisao FROM alunos ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(touched, 1), (other, 0)]


def test_rejections_beyond_the_first_hundred_are_counted(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a = make_aluno()
    rows = "404,2026-03-02T07:00Z\n" * (ROWS_PER_BLOCK + 150)
    report = import_report(operador, VISITS, f"aluno_id,entrada\n{rows}{a},2026-03-02T07:00Z\n")
    assert counts(report) == (1, 0, ROWS_PER_BLOCK + 150)
    assert sorted(rejections(report)) == list(range(2, 102))
    assert count_rejections() == ROWS_PER_BLOCK + 150


def count_rejections() -> int:
    with unit_of_work(tenant="casa", autocommit=True) as session:
        return int(session.execute(text("SELECT count(*) FROM import_rejections")).scalar_one())


@pytest.mark.parametrize("path", [VISITS, MEMBERS])
def test_an_empty_file_is_refused_at_once(operador: Client, plano_id: int, path: str) -> None:
    for content_type in (CSV, NDJSON):
        assert_problem(operador.post(path, b"", content_type=content_type), 422, "EmptyFile")
    assert operador.get("/jobs").json["total"] == 0


@pytest.mark.parametrize(
    ("path", "header"),
    [
        (VISITS, "nome,entrada"),
        (VISITS, "aluno_id,quando"),
        (VISITS, "aluno_id,aluno_id,entrada"),
        (VISITS, ""),
        (MEMBERS, "nome,plano"),
        (MEMBERS, "nome,email"),
    ],
)
def test_a_csv_without_its_header_fails_with_the_reason(
    operador: Client, plano_id: int, path: str, header: str
) -> None:
    job = finished_job(operador, operador.post(path, f"{header}\n1,2\n".encode(), content_type=CSV))
    assert job["state"] == "failed"
    assert job["attempt"] == 1
    assert job["error"]["title"] == "HeaderInvalid"
    assert "cabeçalho" in job["error"]["detail"]


def test_a_header_alone_is_an_import_of_nothing(operador: Client, plano_id: int) -> None:
    assert counts(import_report(operador, VISITS, "aluno_id,entrada\n")) == (0, 0, 0)


@pytest.mark.parametrize("content_type", [CSV, NDJSON])
def test_an_uploaded_object_is_imported(
    operador: Client, make_aluno: MakeAluno, content_type: str
) -> None:
    a = make_aluno()
    files = {
        CSV: f"aluno_id,entrada\n{a},2026-03-02T07:00Z\n",
        NDJSON: _rows({"aluno_id": a, "entrada": "2026-03-02T07:00Z"}),
    }
    data = files[content_type].encode()
    upload = operador.post(
        "/uploads", {"tamanho_bytes": len(data), "content_type": content_type}
    ).json
    early = operador.post(VISITS, {"objeto": upload["objeto"]})
    assert_problem(early, 422, "ObjectMissing")
    object_store().put(upload["objeto"], data, content_type=content_type)
    job = finished_job(operador, operador.post(VISITS, {"objeto": upload["objeto"]}))
    assert counts(job["result"]) == (1, 0, 0)


def test_an_object_of_another_tenant_is_refused(client_of: MakeUser, operador: Client) -> None:
    foreign = client_of(Role.OPERADOR, "outra-casa")
    upload = foreign.post("/uploads", {"tamanho_bytes": 5, "content_type": CSV}).json
    object_store().put(upload["objeto"], b"a,b\n1", content_type=CSV)
    for path in (VISITS, MEMBERS):
        assert_problem(operador.post(path, {"objeto": upload["objeto"]}), 422, "ObjectMissing")
        assert_problem(operador.post(path, {"objeto": "casa/../x"}), 422, "ObjectMissing")
        assert_problem(operador.post(path, {"chave": "x"}), 422, "ValidationFailed")


def test_an_object_that_is_gone_fails_the_job_with_the_reason(
    operador: Client, plano_id: int
) -> None:
    accepted = operador.post(VISITS, b"aluno_id,entrada\n", content_type=CSV)
    with unit_of_work(tenant="casa", autocommit=True) as session:
        objeto = session.execute(text("SELECT objeto FROM uploads")).scalar_one()
    object_store().delete(objeto)
    job = finished_job(operador, accepted)
    assert (job["state"], job["error"]["title"]) == ("failed", "ObjectMissing")


def test_other_content_types_are_refused(operador: Client) -> None:
    answer = operador.post(VISITS, b"<a/>", content_type="application/xml")
    assert_problem(answer, 415, "UnsupportedMediaType")


def test_only_the_desk_imports(client_of: MakeUser, plano_id: int) -> None:
    for path in (VISITS, MEMBERS):
        answer = client_of(Role.CIENTISTA).post(path, b"a", content_type=CSV)
        assert_problem(answer, 403, "Forbidden")
        assert_problem(Client().post(path, b"a", content_type=CSV), 401, "Unauthorized")


def test_members_of_a_csv_are_registered_as_of_then(operador: Client, plano_id: int) -> None:
    report = import_report(
        operador,
        MEMBERS,
        "nome;email;plano;telefone;data_nascimento;matriculado_em;cancelado_em\n"
        "Ana Lima;ANA@example.com;padrão;+55 11 98765-4321;1990-05-17;2025-01-10;\n"
        "Bia Reis;bia@example.com;Padrão;;;2025-01-10T09:00:00-03:00;2025-06-01\n",
    )
    assert counts(report) == (2, 0, 0)
    with unit_of_work(autocommit=True) as session:
        found = session.execute(
            text(
                "SELECT a.email, a.ativo, v.desde, v.ativo AS entao FROM alunos a"
                " JOIN aluno_vigencias v ON v.aluno_id = a.id ORDER BY a.id, v.desde"
            )
        )
        rows = [tuple(row) for row in found]
    assert rows == [
        ("ana@example.com", True, datetime(2025, 1, 10, 3, tzinfo=UTC), True),
        ("bia@example.com", False, datetime(2025, 1, 10, 12, tzinfo=UTC), True),
        ("bia@example.com", False, datetime(2025, 6, 1, 3, tzinfo=UTC), False),
    ]


def test_members_of_ndjson_are_registered(operador: Client, plano_id: int) -> None:
    report = import_report(
        operador,
        MEMBERS,
        _rows({"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano_id}),
        NDJSON,
    )
    assert counts(report) == (1, 0, 0)


def test_known_members_stay_as_they_are(operador: Client, plano_id: int) -> None:
    file = "nome,email,plano\nAna Lima,ana@example.com,Padrão\n"
    assert counts(import_report(operador, MEMBERS, file)) == (1, 0, 0)
    assert counts(import_report(operador, MEMBERS, file)) == (0, 1, 0)
    renamed = "nome,email,plano\nOutra,Ana@Example.com,Padrão\nBia,bia@example.com,Padrão\n"
    twice = renamed + "Bia Dois,BIA@example.com,Padrão\n"
    assert counts(import_report(operador, MEMBERS, twice)) == (1, 2, 0)
    with unit_of_work(autocommit=True) as session:
        nomes = session.execute(text("SELECT nome FROM alunos ORDER BY id")).scalars().all()
    assert nomes == ["Ana Lima", "Bia"]
    assert count("aluno_vigencias") == 2


def test_every_bad_member_is_refused_with_its_line_and_reason(
    operador: Client, plano_id: int
) -> None:
    bad = [
        (",a@example.com,Padrão,,,,", "nome"),
        ("Ana,not an address,Padrão,,,,", "email"),
        ("Ana,a@example.com,,,,,", "Informe plano ou plano_id"),
        ("Ana,a@example.com,Luxo,,,,", "Plano desconhecido; há: Padrão."),
        ("Ana,a@example.com,,999,,,", "Plano desconhecido"),
        ("Ana,a@example.com,,x,,,", "plano_id"),
        ("Ana,a@example.com,Padrão,,1990-13-01,,", "data_nascimento: uma data passada, como 1990"),
        (",not an address,Padrão,,,,", "até 200 caracteres; email: obrigatório, como ana.lima@"),
        ("Ana,a@example.com,Padrão,,2190-01-01,,", "data_nascimento"),
        ("Ana,a@example.com,Padrão,,,ontem,", "matriculado_em"),
        (f"Ana,a@example.com,Padrão,,,{_ago(days=-1)},", "no futuro"),
        ("Ana,a@example.com,Padrão,,,2025-02-01,2025-01-01", "fora de ordem"),
        ("Ana,a@example.com,Padrão", "número de campos"),
    ]
    header = "nome,email,plano,plano_id,data_nascimento,matriculado_em,cancelado_em\n"
    report = import_report(operador, MEMBERS, header + "\n".join(row for row, _ in bad))
    assert counts(report) == (0, 0, len(bad))
    reasons = rejections(report)
    for line, (row, reason) in enumerate(bad, start=2):
        assert reason in reasons[line], row
    assert count("alunos") == 0


def test_a_member_who_left_on_the_day_they_came_was_never_active(
    operador: Client, plano_id: int
) -> None:
    import_report(
        operador,
        MEMBERS,
        "nome,email,plano,matriculado_em,cancelado_em\n"
        "Ana,ana@example.com,Padrão,2025-01-10,2025-01-10\n",
    )
    with unit_of_work(autocommit=True) as session:
        rows = session.execute(text("SELECT ativo FROM aluno_vigencias")).scalars().all()
        ativo = session.execute(text("SELECT ativo FROM alunos")).scalar_one()
    assert (rows, ativo) == ([False], False)


def test_times_that_would_break_out_of_a_line_are_rows_refused(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    good = {"aluno_id": aluno_id, "entrada": "2026-01-09T10:00:00-03:00"}
    odd = (
        "2026-01-07\n07:15:00-03:00",
        "2026-01-07\t07:15:00-03:00",
        "9999-12-31T23:59:59",
        "2026-03-05T10:00:00+23:59",
    )
    rows = [{"aluno_id": aluno_id, "entrada": entrada} for entrada in odd]
    report = import_report(operador, VISITS, _rows(*rows, good), NDJSON)
    assert sum(counts(report)) == 5
    assert list(rejections(report)) == [3]
    assert count("checkins") == counts(report)[0]


def test_fractions_of_a_naive_time_do_not_make_it_utc(
    operador: Client, make_aluno: MakeAluno
) -> None:
    row = {"aluno_id": make_aluno(), "entrada": "2026-03-02T07:15:00.12345"}
    import_report(operador, VISITS, _rows(row), NDJSON)
    assert _visits()[0][0] == datetime(2026, 3, 2, 10, 15, 0, 123450, tzinfo=UTC)


def test_exit_key_that_two_members_share_costs_one_row(
    operador: Client, make_aluno: MakeAluno
) -> None:
    members = [make_aluno(), make_aluno()]
    entries = [{"aluno_id": m, "entrada": "2026-01-05T10:00:00Z"} for m in members]
    exits = [{"aluno_id": m, "saida": "2026-01-05T11:00:00Z", "chave_evento": "k"} for m in members]
    report = import_report(operador, VISITS, _rows(*entries, *exits), NDJSON)
    assert counts(report) == (3, 1, 0)


def test_stray_quote_costs_its_own_row(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    lines = [
        f"{aluno_id},2026-01-0{n}T10:00:00Z,{'' if n != 3 else chr(34)}k{n}" for n in range(1, 9)
    ]
    data = "aluno_id,entrada,chave_evento\n" + "\n".join(lines) + "\n"
    report = import_report(operador, VISITS, data)
    assert counts(report) == (7, 0, 1)
    assert list(rejections(report)) == [4]


def test_only_files_of_rows_are_taken(operador: Client) -> None:
    upload = operador.post("/uploads", {"tamanho_bytes": 3, "content_type": "image/png"}).json
    object_store().put(upload["objeto"], b"abc")
    answer = operador.post(VISITS, {"objeto": upload["objeto"]})
    assert_problem(answer, 422, "FileTypeUnsupported")


def test_import_is_on_the_trail_with_its_counts(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    row = f"{aluno_id},2026-03-02T07:15:00-03:00"
    data = f"aluno_id,entrada\n{row}\n{row}\n999999,2026-03-02T07:15:00-03:00\n".encode()
    job = finished_job(operador, operador.post(VISITS, data, content_type=CSV))
    trail = "SELECT ator, acao, detalhes FROM auditoria WHERE objeto = :job ORDER BY id"
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        found = session.execute(text(trail), {"job": f"job:{job['id']}"}).all()
    counts = {"linhas": 3, "aceitas": 1, "duplicadas": 1, "rejeitadas": 1}
    assert [tuple(entry) for entry in found] == [
        (operador.subject, "job.pedido", {"fila": "checkin_queue"}),
        (operador.subject, "importacao.gravada", counts),
    ]


def test_visits_before_the_registration_are_kept_and_named_in_the_report(
    operador: Client, make_aluno: MakeAluno
) -> None:
    a = make_aluno(now=datetime(2026, 3, 10, 15, tzinfo=UTC), registered_days_ago=0)
    late = make_aluno()
    rows = [
        f"{a},2026-03-09T23:59:59-03:00,",
        f"{a},2026-03-10T00:00:00-03:00,",  # The day itself: tried first, registered then.
        f"{late},2026-03-01T10:00:00-03:00,",
        f"{a},,2026-03-01T11:00:00-03:00",
        "404,2026-03-01T10:00:00-03:00,",
    ]
    file = "aluno_id,entrada,saida\n" + "\n".join(rows) + "\n"
    report = import_report(operador, VISITS, file)
    assert counts(report) == (4, 0, 1)
    (notice,) = report["avisos"]
    assert "matrícula" in notice["aviso"]
    assert (notice["linhas"], notice["primeiras"]) == (2, [2, 5])
    assert operador.get(f"/aluno/{a}/frequencia").json["total"] == 2
    assert (
        import_report(operador, VISITS, f"aluno_id,entrada\n{late},2026-03-02T10:00:00Z\n")[
            "avisos"
        ]
        == []
    )


def test_a_members_plan_is_found_without_accents_and_case_if_that_leaves_no_doubt(
    operador: Client, plano_id: int
) -> None:
    for nome in ("Família", "FAMÍLIA", "Noturno"):
        assert operador.post("/planos", {"nome": nome, "mensalidade": "99.90"}).status == 201
    written = ["padrao", " PADRÃO ", "Família", "FAMÍLIA", "familia", "noturno"]
    file = "nome,email,plano\n" + "".join(
        f"Ana,a{n}@example.com,{plano}\n" for n, plano in enumerate(written)
    )
    report = import_report(operador, MEMBERS, file)
    assert counts(report) == (5, 0, 1)
    assert "há: Padrão, Família, FAMÍLIA, Noturno" in rejections(report)[6]
    with unit_of_work(autocommit=True) as session:
        planos = session.execute(
            text("SELECT p.nome FROM alunos a JOIN planos p ON p.id = a.plano_id ORDER BY a.email")
        ).scalars()
        assert planos.all() == ["Padrão", "Padrão", "Família", "FAMÍLIA", "Noturno"]
