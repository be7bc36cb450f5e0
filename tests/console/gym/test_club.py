"""Plans, reports, imports, synthetic members, and what Início says of it all."""

import json
import re

import pytest
from sqlalchemy import select

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.gym.tables import RelatorioDiario
from tests.console.browsing import Browser
from tests.console.conftest import Visitor
from tests.gym.conftest import MakeAluno, count
from tests.gym.work import work_off

PLANS = "/console/academia/planos"
IMPORTS = "/console/academia/importar"
REPORTS = "/console/academia/relatorios"
SYNTHETIC = "/console/academia/sinteticos"
BOUNDARY = "fronteira"


def file_of(content: bytes, **fields: str) -> bytes:
    """A form with a file, as browsers send it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="arquivo"; filename="a.csv"\r\n'
        "Content-Type: application/vnd.ms-excel\r\n\r\n"
    )
    return b"".join([*parts, head.encode(), content, f"\r\n--{BOUNDARY}--\r\n".encode()])


def send_file(desk: Browser, content: bytes, tipo: str = "alunos") -> str:
    """Import a file without scripts; gives where it leads."""
    token = desk.get(IMPORTS).form("importar").fields["ficha"]
    data = file_of(content, ficha=token, acao="importar", objeto="", tipo=tipo)
    media_type = f"multipart/form-data; boundary={BOUNDARY}"
    page = desk._send("POST", IMPORTS, data, content_type=media_type)
    return page.location or page.text


def test_plan_is_added_priced_and_taken_off_offer(desk: Browser, plano_id: int) -> None:
    page = desk.submit(desk.get(PLANS), PLANS, "criar", nome="Anual", mensalidade="1.119,90")
    assert "O plano Anual está em oferta" in page.text
    assert "R$ 1.119,90 por mês" in page.text
    assert "saiu de oferta" in desk.submit(page, PLANS, "retirar").text
    page = desk.send(desk.get(PLANS), PLANS, "criar", nome="Padrão", mensalidade="abc")
    assert (page.status, "Use um valor como 119,90." in page.text) == (422, True)
    page = desk.send(desk.get(PLANS), PLANS, "criar", nome="Padrão", mensalidade="1")
    assert (page.status, "Já há um plano com este nome" in page.text) == (409, True)


def test_plan_that_somebody_has_is_not_deleted(desk: Browser, make_aluno: MakeAluno) -> None:
    make_aluno()
    page = desk.send(desk.get(PLANS), PLANS, "apagar")
    assert (page.status, "Tire-o de oferta" in page.text) == (409, True)


def test_file_is_imported_without_scripts_and_its_errors_are_told(
    desk: Browser, plano_id: int
) -> None:
    rows = "nome,email,plano\nJosé,jose@example.com,Padrão\nBia,sem-arroba,Padrão\n"
    address = send_file(desk, rows.encode())
    page = desk.get(address)
    assert "Na fila" in page.text
    assert "data-live" in page.source
    work_off()
    page = desk.get(address)
    assert "data-live" not in page.source
    assert re.search(r"2 linhas lidas 1 aceitas 0 já conhecidas 1 recusadas", page.text)
    assert "Linha 3" in page.text
    assert count("alunos") == 1


def test_file_without_its_columns_fails_in_words(desk: Browser, plano_id: int) -> None:
    address = send_file(desk, b"a,b\n1,2\n")
    work_off()
    page = desk.get(address)
    assert "Falhou" in page.text
    assert "precisa de um cabeçalho com nome, email" in page.text
    page = desk.submit(page, address, "reenviar")
    assert "continua de onde parou" in page.text
    page = desk.submit(page, address, "cancelar")
    assert "A importação foi cancelada" in page.text


def test_file_that_is_empty_is_refused(desk: Browser, plano_id: int) -> None:
    assert "O arquivo está vazio" in send_file(desk, b"")


def test_leave_to_send_a_large_file_is_given_to_the_page(desk: Browser, plano_id: int) -> None:
    form = desk.get(IMPORTS).form("importar").fields
    fields = {"ficha": form["ficha"], "acao": "autorizar", "tamanho_bytes": "10"}
    answer = desk.post(IMPORTS, {**fields, "content_type": "text/csv"}).answer
    assert answer.status == 200
    assert answer.json["metodo"] == "PUT"
    named = {"ficha": form["ficha"], "acao": "importar", "tipo": "alunos"}
    page = desk.post(IMPORTS, {**named, "objeto": answer.json["objeto"]})
    assert (page.status, "O arquivo não chegou" in page.text) == (422, True)
    page = desk.post(IMPORTS, {**fields, "tamanho_bytes": str(2**40)})
    assert page.status == 422


def test_import_of_somebody_else_is_not_found(
    desk: Browser, browser_of: Visitor, plano_id: int
) -> None:
    address = send_file(desk, b"nome,email,plano\n")
    assert browser_of(Role.OPERADOR).get(address).status == 404


def test_report_is_made_and_shown(desk: Browser, make_aluno: MakeAluno) -> None:
    make_aluno((1, 2))
    page = desk.get(REPORTS)
    assert "Ainda não há relatório" in page.text
    assert "data-live" in desk.submit(page, REPORTS, "gerar").source
    work_off()
    page = desk.get(REPORTS)
    assert "data-live" not in page.source
    assert "alunos ativos" in page.text
    assert "Entradas por hora" in page.text
    (csv,) = (link for link in page.links if "formato=csv" in link)
    assert desk.get(csv).answer.headers["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("share", "said"),
    [(-0.7, "70% abaixo do usual"), (0.3, "30% acima do usual"), (0.001, "como de costume")],
)
def test_report_compares_the_day_in_words(
    desk: Browser, make_aluno: MakeAluno, share: float, said: str
) -> None:
    make_aluno((1, 2))
    desk.submit(desk.get(REPORTS), REPORTS, "gerar")
    work_off()
    with unit_of_work(tenant=HOUSE) as session:
        (row,) = session.scalars(select(RelatorioDiario))
        content = json.loads(row.conteudo)
        content["comparacao"] |= {"media_visitas": 10.0, "variacao_visitas": share}
        row.conteudo = json.dumps(content)
    assert said in desk.get(REPORTS).text


def test_day_that_is_not_over_has_no_report(desk: Browser, plano_id: int) -> None:
    page = desk.get(REPORTS)
    page = desk.send(page, REPORTS, "gerar", data="2199-01-01")
    assert (page.status, "ainda não terminou" in page.text) == (422, True)
    assert desk.get(REPORTS, dia="2020-13-45").status == 422


def test_synthetic_members_come_and_go(browser_of: Visitor, plano_id: int) -> None:
    scientist = browser_of(Role.CIENTISTA)
    page = scientist.get(SYNTHETIC)
    page = scientist.submit(page, SYNTHETIC, "criar", perfil="sumido", n="2", semente="1")
    assert "2 sintéticos foram criados" in page.text
    assert "2 de 2 alunos" in page.text
    assert (
        "2 alunos sintéticos foram removidos" in scientist.submit(page, SYNTHETIC, "remover").text
    )
    page = scientist.submit(scientist.get(SYNTHETIC), SYNTHETIC, "criar", perfil="novo", n="1")
    assert "1 aluno sintético foi removido" in scientist.submit(page, SYNTHETIC, "remover").text


def test_page_of_synthetic_members_takes_an_address_with_more_in_it(browser_of: Visitor) -> None:
    scientist = browser_of(Role.CIENTISTA)
    assert scientist.get(SYNTHETIC, utm_source="e-mail").status == 200
    page = scientist.send(scientist.get(SYNTHETIC), SYNTHETIC, "criar", perfil="", n="101")
    assert page.status == 422
    assert "Use 100 ou menos" in page.text


@pytest.mark.parametrize("role", [Role.OPERADOR, Role.LEITOR])
def test_home_says_what_needs_attention(
    browser_of: Visitor, make_aluno: MakeAluno, role: Role
) -> None:
    make_aluno((1,))
    page = browser_of(role).get("/")
    assert "alunos a contatar hoje" in page.text
    assert "Relatório de" in page.text
    assert "Modelo de risco" in page.text
    assert "Operação 0" not in page.text


def test_home_of_an_admin_tells_of_failed_jobs_too(browser_of: Visitor) -> None:
    assert "tarefas falharam" in browser_of(Role.ADMIN).get("/").text
