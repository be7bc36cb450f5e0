"""What a company sends, by pages: opened, sent as files, judged, concluded."""

from typing import Any
from uuid import uuid4

import pytest

from chalicelib.credit.lot_files import lots_of
from chalicelib.credit.lots import MAX_ITENS_POR_LOTE
from tests.conftest import PASSWORD
from tests.console.browsing import Browser, Page
from tests.credit.companies import sign_up_company
from tests.gym.work import work_off

PATH = "/console/credito/envios"


@pytest.fixture
def at(portal: Browser) -> str:
    """A dataset that was opened by the form."""
    form = {"nome": "Pedidos de 2025", "alvo": "pagamento"}
    page = portal.send(portal.get(PATH), PATH, "abrir", **form)
    assert page.status == 303
    return page.location


def send_file(portal: Browser, at: str, content: str, **fields: Any) -> Page:
    return portal.send_file(at, "lote", content, **fields)


def test_dataset_is_opened_and_listed(portal: Browser, at: str) -> None:
    page = portal.get(PATH)
    assert "Pedidos de 2025" in page.text
    assert "Quem não paga" in page.text
    assert portal.submit(page, PATH, "abrir", alvo="").status == 422


def test_lot_is_sent_judged_and_what_is_wrong_is_told(portal: Browser, at: str) -> None:
    page = send_file(portal, at, "codigo\nC1\nC2\n", tipo="clientes")
    assert "2 itens recebidos em 1 lote(s)" in page.text
    assert "data-live" in page.source
    orders = "numero;cliente;valor\nP1;C1;10,50\nP2;C2;caro\n"
    send_file(portal, at, orders, tipo="pedidos")
    work_off()
    page = portal.get(at)
    assert "data-live" not in page.source
    assert "Pedidos, lote 1, linha 2" in page.text
    assert "há recusados" in page.text


def test_gap_between_lots_is_told(portal: Browser, at: str) -> None:
    send_file(portal, at, "codigo\nC1\n", tipo="clientes", seq="3")
    work_off()
    assert "faltam lotes 1 a 2" in portal.get(at).text


def test_long_file_is_divided_into_lots(portal: Browser, at: str) -> None:
    rows = "".join(f"C{n}\n" for n in range(MAX_ITENS_POR_LOTE + 1))
    page = send_file(portal, at, f"codigo\n{rows}", tipo="clientes")
    assert f"{MAX_ITENS_POR_LOTE + 1} itens recebidos em 2 lote(s)" in page.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "Escolha um arquivo"),
        ("codigo\n", "não tem itens"),
        ("outra\n1\n", "colunas"),
    ],
)
def test_file_that_is_no_lot_is_refused(portal: Browser, at: str, content: str, told: str) -> None:
    page = send_file(portal, at, content, tipo="clientes")
    assert page.status == 422
    assert told in page.text


def test_dataset_that_does_not_add_up_says_what_is_wrong_and_stays_open(
    portal: Browser, at: str
) -> None:
    send_file(portal, at, "codigo\nC1\n", tipo="clientes")
    send_file(portal, at, "numero;cliente;valor\nP1;C1;10\n", tipo="pedidos")
    page = portal.get(at)
    assert portal.submit(page, at, "concluir", **{"esperados.pedidos": "1"}).status == 409
    work_off()
    page = portal.get(at)
    assert page.form("concluir").fields["esperados.pedidos"] == "1"
    page = portal.submit(page, at, "concluir", **{"esperados.pedidos": "9"})
    assert "Sendo conferido" in page.text
    work_off()
    page = portal.get(at)
    assert "Aberto" in page.text
    assert "alert critico" in page.source


def test_whole_dataset_is_closed_and_training_is_followed(portal: Browser, at: str) -> None:
    send_file(portal, at, "codigo\nC1\nC2\n", tipo="clientes")
    head = "numero;cliente;valor;pedido_em;desfecho;desfecho_em\n"
    rows = "".join(
        f"P{n};C{n % 2 + 1};{10 + n};2025-03-10;{'pago' if n % 2 else 'inadimplente'};2025-04-10\n"
        for n in range(6)
    )
    send_file(portal, at, head + rows, tipo="pedidos")
    work_off()
    page = portal.submit(portal.get(at), at, "concluir")
    assert "está sendo conferido" in page.text
    work_off()
    page = portal.get(at)
    assert "Fechado" in page.text
    assert "Comparar algoritmos" in page.text
    assert "não se sabia mais nada" in page.text
    assert 'value="lote"' not in page.source


def test_dataset_is_given_up(portal: Browser, at: str) -> None:
    page = portal.submit(portal.get(at), at, "desistir")
    assert "Cancelado" in page.text


def test_dataset_of_another_company_is_not_there(
    portal: Browser, at: str, password_hash: str
) -> None:
    stranger = Browser()
    stranger.sign_in(sign_up_company(senha_hash=password_hash).client.login, PASSWORD)
    assert stranger.get(at).status == 404
    token = stranger.get("/").form("/sair").fields["ficha"]
    assert stranger.post(at, {"ficha": token, "acao": "desistir"}).status == 404
    assert stranger.get(f"{PATH}/{uuid4()}").status == 404


def test_csv_becomes_lots_each_with_the_header() -> None:
    rows = [f"{n}\r\n".encode() for n in range(MAX_ITENS_POR_LOTE * 2)]
    found = list(lots_of(b"a\r\n" + b"".join(rows) + b"\r\n"))
    assert [raw.data.count(b"\n") for raw in found] == [MAX_ITENS_POR_LOTE + 1] * 2
    assert all(raw.data.startswith(b"a\r\n") for raw in found)
    assert [raw.media_type for raw in lots_of(b' [{"codigo": "1"}]')] == ["application/json"]
