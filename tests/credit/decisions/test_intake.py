"""Orders to decide on and samples to try are read by one module, to the same effect."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.credit.intake import NewOrder, read_order
from chalicelib.credit.items import Fault, ItemRefused, reading_at
from chalicelib.credit.samples import read_sample
from chalicelib.credit.schemas_orders import PedidoIn

pytestmark = pytest.mark.usefixtures("environment")
NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
ORDER = {"numero": "P1", "cliente": "C1", "valor": 10}


def sample(found: dict[str, Any]) -> NewOrder:
    """A sample, read."""
    return read_sample(found, "7", reading_at(NOW)).order


def refused(found: dict[str, Any]) -> list[Fault]:
    """What is wrong with a sample."""
    with pytest.raises(ItemRefused) as refusal:
        sample(found)
    return refusal.value.faults


@pytest.mark.parametrize(
    "data", [None, "2026-03-10", "2026-03-11", "2026-03-09", "2026-01-05T10:00Z"]
)
def test_a_sample_is_read_as_an_order_is(data: str | None) -> None:
    sent: dict[str, Any] = {
        **ORDER,
        "data": data,
        "atributos": {"situacao": "ativo", "status": "x", "data": "y"},
        "itens": {
            "cliente": {"titulos_em_atraso": 1, "atributos": {"desde": "z"}},
            "limite": {"valor": 100},
            "consulta": {"ocorrencias": 0},
        },
    }
    decided = read_order(PedidoIn.model_validate(sent, strict=False), NOW)
    assert sample(sent) == decided
    assert decided.atributos == {"situacao": "ativo", "status": "x", "data": "y"}
    cells = {
        **ORDER,
        "Data": data or "",
        "atributos": sent["atributos"],
        "cliente.titulos_em_atraso": "1",
        "cliente.atributos": {"desde": "z"},
        "Limite.valor_limite": "100",
        "limite.utilizado": "",
        "consulta.data": decided.as_of.isoformat(),
        "consulta.ocorrencias": "0",
    }
    assert sample(cells) == decided


def test_aliases_go_before_what_a_sample_need_not_say() -> None:
    found = sample({"numero_pedido": "9", "codigo_cliente": "C7", "valor": 1})
    assert (found.numero, found.cliente) == ("9", "C7")
    found = sample({"valor": 1})
    assert (found.numero, found.cliente) == ("7", "amostra 7")


@pytest.mark.parametrize(
    ("itens", "campo"),
    [
        ("tudo", "itens"),
        ([], "itens"),
        ({"cliente": "abc"}, "itens.cliente"),
        ({"cliente": [1]}, "itens.cliente"),
        ({"outro": {}}, "itens.outro"),
        ({"limite": {"valor": 1, "teto": 2}}, "itens.limite.teto"),
        ({"limite": {"valor": "dez"}}, "itens.limite.valor"),
    ],
)
def test_an_odd_sample_is_refused_by_itself(itens: Any, campo: str) -> None:
    assert [fault.campo for fault in refused({"valor": 10, "itens": itens})] == [campo]
    assert sample({"valor": 10, "itens": None}).items == {}
