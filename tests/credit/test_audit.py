"""A company's trail: read, exported and verified by its people and programs, and by nobody else."""

import hashlib
import json

import pytest
from sqlalchemy import Engine, text

from chalicelib.core.audit_heads import head_folder, store_heads
from chalicelib.core.clock import utc_now
from chalicelib.core.uploads import object_store
from tests.client import Client, assert_problem
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany

ROUTES = ("", "/exportar", "/verificar")
SIGNED_UP = ["empresa.cadastrada", "usuario.criado", "sessao.iniciada", "chave.criada"]


def test_company_reads_what_was_done_in_it_page_by_page(company: Company) -> None:
    company.program.patch("/credito/empresa", {"nome": "Nova"})
    page = company.client.get("/credito/auditoria", limit=2)
    assert page.json["total"] == 5
    found = page.json["items"]
    while page.json["next"]:
        page = company.program.request("GET", page.json["next"])
        found += page.json["items"]
    assert {item["acao"] for item in found} == {*SIGNED_UP, "empresa.alterada"}
    (changed,) = company.client.get("/credito/auditoria", acao="empresa.alterada").json["items"]
    assert changed["ator"] == f"chave:{company.credentials.chave.id}"
    assert changed["detalhes"] == {"campos": ["nome"]}


def test_company_exports_its_trail_as_a_chain(company: Company, make_company: MakeCompany) -> None:
    make_company()
    lines = company.program.get("/credito/auditoria/exportar").body.decode().splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4]
    before = "0" * 64
    for entry in entries:
        assert hashlib.sha256(entry["texto"].encode()).hexdigest() == entry["hash"]
        assert json.loads(entry["texto"])[:2] == [before, company.tenant]
        before = entry["hash"]


def test_company_verifies_its_trail_against_the_heads_stored_for_it(
    company: Company, make_company: MakeCompany, used_database: tuple[str, Engine]
) -> None:
    other = make_company()
    assert store_heads(utc_now()) == 2
    for one in (company, other):
        assert len(list(object_store().list(head_folder(one.tenant)))) == 1
        found = one.client.get("/credito/auditoria/verificar").json
        assert (found["ok"], found["verificadas"], found["cabecas_guardadas"]) == (True, 4, 1)
        assert found["cabeca"]["seq"] == 4
    with used_database[1].connect() as connection:
        change = "UPDATE auditoria SET ator = 'x' WHERE tenant = :tenant AND seq = 3"
        connection.execute(text(change), {"tenant": company.tenant})
    broken = company.client.get("/credito/auditoria/verificar").json
    assert (broken["ok"], broken["quebra"]["seq"]) == (False, 3)
    assert other.client.get("/credito/auditoria/verificar").json["ok"] is True


def test_what_the_house_does_to_a_company_is_on_the_companys_trail(
    company: Company, admin: Client
) -> None:
    admin.patch(f"/credito/empresas/{company.id}", {"ativa": False})
    admin.patch(f"/credito/empresas/{company.id}", {"ativa": True})
    by_house = company.client.get("/credito/auditoria", ator=admin.subject).json["items"]
    assert [item["acao"] for item in by_house] == ["empresa.reativada", "empresa.desativada"]


@pytest.mark.parametrize("route", ROUTES)
def test_trail_is_the_companies_alone(
    company: Company, make_company: MakeCompany, admin: Client, anonymous: Client, route: str
) -> None:
    path = f"/credito/auditoria{route}"
    assert anonymous.get(path).status == 401
    assert_problem(admin.get(path), 403, "CompaniesOnly")
    stranger = make_company()
    for client in (stranger.client, stranger.program):
        answer = client.get(path)
        assert answer.status == 200
        assert company.tenant not in answer.body.decode()
        assert f"empresa:{company.id}" not in answer.body.decode()
    assert_problem(company.client.get(f"/auditoria{route}"), 403, "Forbidden")
    assert_problem(company.client.get(path, x=1), 422, "ValidationFailed")
