"""A person's copy of what is held of them; and their erasure, after which nothing is found."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from chalicelib.core.audit_heads import store_heads
from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.idempotency import HEADER
from chalicelib.core.personal_data import export_folder
from chalicelib.core.settings import HOUSE
from chalicelib.core.uploads import object_store
from chalicelib.gym.service_lgpd import tables_about_alunos
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.conftest import MakeAluno, count
from tests.gym.publishing import publish_model
from tests.gym.work import CSV, NDJSON, finished_job, work_off
from tests.traces import objects_with, tables_with

NAME = "Zenóbia Quixadá"
EMAIL = "zenobia.quixada@example.com"
PHONE = "+55 11 91357-2468"
KEYS = ("catraca-zq-entrada", "catraca-zq-saida", "catraca-zq-lote")
REASON = "Zenóbia vai morar em Quixeramobim"
TRACES = ("zenóbia", "zenobia", "quixad", "quixeramobim", "91357", "913572468", "catraca-zq")


def _traces_in_tables() -> set[str]:
    return tables_with(TRACES)


def _traces_in_objects(environment: dict[str, str]) -> list[str]:
    return objects_with(TRACES, environment)


def _send(client: Client, path: str, data: str, content_type: str = CSV) -> None:
    job = finished_job(client, client.post(path, data.encode(), content_type=content_type))
    assert job["state"] == "succeeded", job


def _live_through_everything(operador: Client, plano_id: int) -> int:
    """A person who has left traces in every way there is; gives their id."""
    publish_model()
    new = {"nome": NAME, "email": EMAIL, "plano_id": plano_id, "telefone": PHONE}
    keyed = {HEADER: f"registro-{EMAIL}"}
    aluno_id = int(operador.post("/aluno/registro", new, headers=keyed).json["id"])
    with unit_of_work() as session:
        session.execute(text("UPDATE alunos SET matriculado_em = now() - interval '90 days'"))
        session.execute(text("UPDATE aluno_vigencias SET desde = now() - interval '90 days'"))
    now = utc_now()
    entry = {
        "aluno_id": aluno_id,
        "entrada": (now - timedelta(hours=5)).isoformat(),
        "chave_evento": KEYS[0],
    }
    operador.post("/aluno/checkin", entry, headers={HEADER: "entrada-1"})
    exit_ = {"aluno_id": aluno_id, "tipo": "saida", "chave_evento": KEYS[1]}
    operador.post("/aluno/checkin", exit_, headers={HEADER: "saida-1"})
    _send(
        operador,
        "/aluno/registro/lote",
        "nome,email,plano,telefone\n"
        f"{NAME},{EMAIL},Padrão,{PHONE}\n"
        f"{NAME},{EMAIL} nenhum,Padrão,{PHONE}\n"
        f"{NAME},{EMAIL},{NAME},{PHONE}\n"
        f"{NAME},{EMAIL}\n",
    )
    visit = {"email": EMAIL, "entrada": (now - timedelta(days=9)).isoformat(), "saida": None}
    rows = [
        {**visit, "chave_evento": KEYS[2]},
        {**visit, "tipo": NAME, "chave_evento": KEYS[2]},
        {"email": f"outra.{EMAIL}", "entrada": visit["entrada"]},
        {"email": EMAIL, "entrada": f"ontem, disse {NAME}"},
    ]
    lines = "\n".join(map(json.dumps, rows)) + f"\n{{{NAME}\n"
    _send(operador, "/aluno/checkin/lote", lines, NDJSON)
    assert operador.get(f"/aluno/{aluno_id}/risco-churn").json["tipo"] == "modelo"
    operador.patch(f"/aluno/{aluno_id}/desativar", {"motivo": REASON})
    operador.patch(f"/aluno/{aluno_id}/ativar")
    changed = {**new, "nome": f"{NAME} Filha"}
    assert operador.put(f"/aluno/{aluno_id}", changed).status == 200
    return aluno_id


@pytest.fixture
def zenobia(operador: Client, plano_id: int) -> int:
    """The id of a person who has left traces everywhere."""
    return _live_through_everything(operador, plano_id)


def test_nothing_of_the_person_is_found_after_the_erasure(
    admin: Client, operador: Client, zenobia: int, environment: dict[str, str]
) -> None:
    signed = operador.post("/uploads", {"tamanho_bytes": 9, "content_type": "text/csv"}).json
    object_store().put(signed["objeto"], f"nome\n{NAME}\n".encode())
    object_store().put(f"{export_folder(HOUSE, zenobia)}copia.json", EMAIL.encode())
    assert _traces_in_tables() == {
        "alunos",
        "aluno_vigencias",
        "checkins",
        "saidas",
        "idempotency_keys",
    }
    assert len(_traces_in_objects(environment)) == 4

    accepted = admin.delete(f"/aluno/{zenobia}/dados")
    assert accepted.status == 202
    assert _traces_in_tables() == set()
    job = finished_job(admin, accepted)
    assert (job["state"], job["result"]) == (
        "succeeded",
        {"arquivos_removidos": 3, "exportacoes_removidas": 1},
    )
    assert _traces_in_tables() == set()
    assert _traces_in_objects(environment) == []
    tables = ("checkins", "saidas", "riscos_churn", "aluno_vigencias")
    assert [count(table) for table in tables] == [0] * len(tables)


def test_erased_member_is_nobody_and_their_address_free(
    admin: Client, zenobia: int, plano_id: int
) -> None:
    path = f"/aluno/{zenobia}"
    admin.delete(f"{path}/dados")
    for answer in (
        admin.get(path),
        admin.get(f"{path}/dados"),
        admin.get(f"{path}/frequencia"),
        admin.get(f"{path}/risco-churn"),
        admin.delete(f"{path}/dados"),
    ):
        assert_problem(answer, 404, "AlunoNotFound")
    again = {"nome": NAME, "email": EMAIL, "plano_id": plano_id}
    registered = admin.post("/aluno/registro", again, headers={HEADER: f"registro-{EMAIL}"})
    assert (registered.status, registered.json["id"] > zenobia) == (201, True)


def test_trail_says_who_erased_whom_by_number_and_when(admin: Client, zenobia: int) -> None:
    job_id = admin.delete(f"/aluno/{zenobia}/dados").json["id"]
    statement = "SELECT * FROM auditoria WHERE objeto = :objeto ORDER BY id DESC LIMIT 1"
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        last = session.execute(text(statement), {"objeto": f"aluno:{zenobia}"}).one()
    assert (last.ator, last.acao) == (admin.subject, "aluno.dados_apagados")
    assert last.detalhes == {"job": job_id}
    assert utc_now() - last.em < timedelta(minutes=1)


def test_others_keep_what_is_theirs(
    admin: Client, operador: Client, make_aluno: MakeAluno, plano_id: int
) -> None:
    new = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano_id}
    kept = {HEADER: "k"}
    ana = operador.post("/aluno/registro", new, headers=kept).json["id"]
    operador.post("/aluno/checkin", {"aluno_id": ana}, headers=kept)
    other = make_aluno((3, 2))
    admin.delete(f"/aluno/{other}/dados")
    assert (count("alunos"), count("checkins")) == (1, 1)
    again = operador.post("/aluno/registro", new, headers=kept)
    assert (again.status, again.json["id"]) == (201, ana)
    assert operador.post("/aluno/checkin", {"aluno_id": ana}, headers=kept).status == 201


def test_erasure_waits_for_imports_that_could_bring_the_person_back(
    admin: Client, operador: Client, make_aluno: MakeAluno
) -> None:
    path = f"/aluno/{make_aluno()}/dados"
    operador.post("/aluno/registro/lote", b"nome,email,plano\n", content_type=CSV)
    assert_problem(admin.delete(path), 409, "ImportacaoEmAndamento")
    work_off()
    assert admin.delete(path).status == 202


def test_files_come_after_an_import_that_began_in_between(
    admin: Client, operador: Client, make_aluno: MakeAluno
) -> None:
    rows = f"aluno_id,entrada\n{make_aluno()},2026-03-02T07:15:00-03:00\n".encode()
    job = finished_job(operador, operador.post("/aluno/checkin/lote", rows, content_type=CSV))
    erased = admin.delete(f"/aluno/{make_aluno()}/dados").json["id"]
    _set_job(job["id"], "state = 'running', lease_until = now() + interval '1 hour'")
    work_off()
    waiting = admin.get(f"/jobs/{erased}").json
    assert (waiting["state"], waiting["error"]["title"]) == ("queued", "ArquivoEmUso")
    _set_job(job["id"], "state = 'succeeded', lease_until = NULL")
    _set_job(erased, "next_attempt_at = now()")
    work_off()
    assert admin.get(f"/jobs/{erased}").json["result"]["arquivos_removidos"] == 1


def _set_job(job_id: str, assignments: str) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(f"UPDATE jobs SET {assignments} WHERE id = :id"), {"id": job_id})


def test_files_taken_in_later_stay(
    admin: Client, operador: Client, make_aluno: MakeAluno, environment: dict[str, str]
) -> None:
    accepted = admin.delete(f"/aluno/{make_aluno()}/dados")
    later = operador.post("/aluno/registro/lote", b"nome,email,plano\n", content_type=CSV)
    assert finished_job(admin, accepted)["result"]["arquivos_removidos"] == 0
    objects = (Path(environment["DATA_DIR"]) / "objects").rglob("*")
    assert later.status == 202
    assert len([p for p in objects if p.is_file() and "/uploads/" in p.as_posix()]) == 1


def test_every_row_about_a_member_goes_with_them() -> None:
    found = {table.name: column for table, column in tables_about_alunos()}
    assert {"aluno_vigencias", "checkins", "riscos_churn"} <= set(found)
    for name, column in found.items():
        rules = {key.ondelete for key in column.foreign_keys}
        assert rules == {"CASCADE"}, name


def test_every_column_that_names_a_member_is_a_foreign_key(environment: dict[str, str]) -> None:
    columns = text(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'aluno_id'"
    )
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        named = set(session.execute(columns).scalars())
    assert named == {table.name for table, _ in tables_about_alunos()}


def test_copy_holds_all_there_is(operador: Client, zenobia: int) -> None:
    answer = operador.get(f"/aluno/{zenobia}/dados")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json
    assert (found["aluno"]["email"], found["aluno"]["telefone"]) == (EMAIL, PHONE)
    records = found["registros"]
    assert [v["motivo"] for v in records["aluno_vigencias"]] == [None, REASON, None]
    keys = {row["chave_evento"] for row in records["checkins"]}
    assert keys == {KEYS[0], KEYS[2]}
    assert len(records["riscos_churn"]) == 1
    assert json.loads(records["riscos_churn"][0]["resposta"])["fatores"]["plano"] == "Padrão"
    assert [k["route"].split()[1] for k in found["respostas_guardadas"]] == [
        "/aluno/registro",
        "/aluno/checkin",
        "/aluno/checkin",
    ]
    assert "aluno.registrado" in {entry["acao"] for entry in found["auditoria"]}
    assert len(found["arquivos_recebidos"]) == 2
    _assert_complete(found, zenobia)


def _assert_complete(found: dict[str, Any], aluno_id: int) -> None:
    """Every table that names the member is in the copy, with as many rows as there are."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        for table, column in tables_about_alunos():
            rows = session.execute(
                text(f"SELECT count(*) FROM {table.name} WHERE {column.name} = :id"),
                {"id": aluno_id},
            ).scalar_one()
            assert len(found["registros"][table.name]) == rows, table.name


def test_copying_is_in_the_trail(operador: Client, make_aluno: MakeAluno) -> None:
    aluno_id = make_aluno()
    operador.get(f"/aluno/{aluno_id}/dados")
    entries = operador.get(f"/aluno/{aluno_id}/dados").json["auditoria"]
    assert [(e["ator"], e["acao"]) for e in entries] == [
        (operador.subject, "aluno.dados_exportados")
    ]


def test_large_copy_is_fetched_from_the_store_and_does_not_stay(
    operador: Client, make_aluno: MakeAluno
) -> None:
    aluno_id = make_aluno()
    with unit_of_work() as session:
        session.execute(
            text(
                "INSERT INTO checkins (aluno_id, entrada, sem_saida) SELECT :id,"
                " now() - interval '1 hour' * n, true FROM generate_series(1, 30000) n"
            ),
            {"id": aluno_id},
        )
    answer = operador.get(f"/aluno/{aluno_id}/dados")
    assert (answer.status, answer.body) == (303, b"")
    stored = [found.key for found in object_store().list(export_folder(HOUSE))]
    assert len(stored) == 1
    assert stored[0] in urlsplit(answer.headers["Location"]).path
    copy = json.loads(object_store().read(stored[0]))
    assert len(copy["registros"]["checkins"]) == 30_000
    store_heads(utc_now() + timedelta(hours=23))
    assert len(list(object_store().list(export_folder(HOUSE)))) == 1
    store_heads(utc_now() + timedelta(hours=25))
    assert list(object_store().list(export_folder(HOUSE))) == []


def test_only_an_admin_erases(client_of: MakeUser, make_aluno: MakeAluno) -> None:
    path = f"/aluno/{make_aluno()}/dados"
    assert_problem(Client().delete(path), 401, "Unauthorized")
    for role in (Role.OPERADOR, Role.CIENTISTA, Role.LEITOR):
        assert_problem(client_of(role).delete(path), 403, "Forbidden")
    assert count("alunos") == 1
