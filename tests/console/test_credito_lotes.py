"""Files of orders by pages: sent, followed, read, taken home."""

import csv
import io

import pytest

from chalicelib.credit.errors import LoteIlegivel, LoteVazio
from chalicelib.credit.order_files import lots_of_orders
from tests.conftest import PASSWORD
from tests.console.browsing import Browser
from tests.credit.companies import Company, sign_up_company
from tests.gym.work import work_off

PATH = "/console/credito/pedidos/lotes"
FILE = (
    "numero;cliente;valor;prazo;limite.valor\n"
    "P-1;C1;1.500,00;28;9.000,00\n"
    "P-2;C2;caro;28;\n"
    "P-3;C3;10;;\n"
    "P-1;C1;20;;\n"
)


def lot_of(portal: Browser) -> str:
    (found,) = {way for way in portal.get(PATH).links if way.startswith(f"{PATH}/")}
    return found


def test_file_is_decided_order_by_order_and_each_says_what_became_of_it(portal: Browser) -> None:
    page = portal.send_file(PATH, "lotes", FILE)
    assert "Lote de 4 pedidos" in page.text
    assert "data-live" in page.source
    work_off()
    page = portal.get(lot_of(portal))
    assert "data-live" not in page.source
    assert "2 em revisão" in page.text
    assert "2 com problema" in page.text
    assert "valor : não é um número" in page.text
    assert "um pedido é decidido uma vez" in page.text
    assert "Cliente desconhecido" in page.text
    text = portal.get(f"{lot_of(portal)}/resultado").source.removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [row["numero"] for row in rows] == ["P-1", "P-2", "P-3", "P-1"]
    assert [row["situacao"] for row in rows] == ["revisao", "", "revisao", ""]
    assert rows[1]["problema"] == "valor: não é um número"


def test_what_came_with_an_order_of_a_file_is_kept(company: Company, portal: Browser) -> None:
    portal.send_file(PATH, "lotes", FILE)
    work_off()
    (found,) = company.client.get("/credito/pedidos", numero="P-1").json["items"]
    order = company.client.get(f"/credito/pedidos/{found['id']}").json
    assert (order["valor"], order["limite"]) == ("1500.00", "9000.00")


def test_orders_of_the_api_say_in_portuguese_what_is_wrong(
    company: Company, portal: Browser
) -> None:
    company.client.post("/credito/pedidos/lote", {"pedidos": [{"numero": "A"}, 7]})
    work_off()
    page = portal.get(lot_of(portal))
    assert "cliente : Preencha este campo" in page.text
    assert "required" not in page.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "Escolha um arquivo"),
        ("numero;cliente;valor\n", "não tem itens"),
        ("numero;valor\n1;2\n", "Faltam colunas no cabeçalho: cliente"),
    ],
)
def test_file_that_has_no_orders_is_refused(portal: Browser, content: str, told: str) -> None:
    page = portal.send_file(PATH, "lotes", content)
    assert page.status == 422
    assert told in page.text
    assert "Nenhum lote ainda" in page.text


def test_stopped_lot_goes_on(portal: Browser) -> None:
    page = portal.send_file(PATH, "lotes", FILE)
    at = lot_of(portal)
    page = portal.submit(page, at, "cancelar")
    assert "Continuar de onde parou" in page.text
    portal.submit(page, at, "reenviar")
    work_off()
    assert "0 por decidir" in portal.get(at).text


def test_lot_of_another_company_is_not_there(portal: Browser, password_hash: str) -> None:
    portal.send_file(PATH, "lotes", FILE)
    at = lot_of(portal)
    stranger = Browser()
    stranger.sign_in(sign_up_company(senha_hash=password_hash).client.login, PASSWORD)
    assert stranger.get(at).status == 404
    assert stranger.get(f"{at}/resultado").status == 404
    assert "Nenhum lote ainda" in stranger.get(PATH).text


def test_long_file_makes_lots_of_500() -> None:
    rows = b"".join(b"%d;C;1\n" % n for n in range(1001))
    lots = lots_of_orders(b"\xef\xbb\xbfnumero;cliente;valor\n" + rows)
    assert [lot.data.count(b"\n") for lot in lots] == [501, 501, 2]
    assert all(lot.data.startswith(b"numero;") for lot in lots)


def test_ndjson_needs_no_header() -> None:
    (lot,) = lots_of_orders(b'{"numero": "1"}\n\n{"numero": "2"}\n')
    assert lot.data.count(b"\n") == 2


@pytest.mark.parametrize(
    ("data", "refusal"), [(b"\n", LoteVazio), (b"numero;cliente\n1;2\n", LoteIlegivel)]
)
def test_what_makes_no_lots(data: bytes, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        lots_of_orders(data)


def test_number_that_looks_like_a_formula_is_none_in_the_result(portal: Browser) -> None:
    portal.send_file(PATH, "lotes", "numero;cliente;valor\n=1+1;C;10\n")
    work_off()
    assert "'=1+1" in portal.get(f"{lot_of(portal)}/resultado").source
