"""Values of real companies, each read by a stated rule."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credit import names
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.items import (
    ALWAYS,
    MOST_OWN_COLUMNS,
    Fault,
    Item,
    ItemReader,
    ItemRefused,
    own_value,
)
from chalicelib.credit.values import Reading, ValueRefused, read_number

READING = Reading(datetime(2026, 3, 10, 12, tzinfo=UTC), ZoneInfo("America/Sao_Paulo"))
ORDER = {"numero": "P1", "cliente": "C1", "valor": 10}


def read(tipo: Tipo, found: Any) -> Item:
    """An item as it would be stored."""
    return ItemReader(tipo, READING).read(found)


def faults(tipo: Tipo, found: Any) -> list[tuple[str | None, str]]:
    """What is wrong with an item."""
    with pytest.raises(ItemRefused) as refused:
        read(tipo, found)
    return [(fault.campo, fault.motivo) for fault in refused.value.faults]


def order(**more: Any) -> Item:
    """An order with more fields."""
    return read(Tipo.PEDIDOS, ORDER | more)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (12, "12"),
        (12.5, "12.5"),
        (Decimal("0.10"), "0.10"),
        ("12", "12"),
        (" 12 ", "12"),
        ("007", "7"),
        ("12.5", "12.5"),
        ("12,5", "12.5"),
        ("1234.56", "1234.56"),
        ("1234,56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1.234.567,8", "1234567.8"),
        ("R$ 1.234,56", "1234.56"),
        ("R$1.234", "1234"),
        ("r$ 10", "10"),
        ("-R$ 10", "-10"),
        ("(1.234,50)", "-1234.50"),
        ("(R$ 5)", "-5"),
        ("12-", "-12"),
        ("−3", "-3"),
        ("+3", "3"),
        ("1\u00a0234,5", "1234.5"),
        ("1.5e3", "1500"),
        ("1.234", "1.234"),
        ("0.125", "0.125"),
        ("1234.567", "1234.567"),
    ],
)
def test_numbers_are_read_as_people_and_programs_write_them(written: Any, number: str) -> None:
    assert read_number(written) == Decimal(number)


@pytest.mark.parametrize(
    "written",
    ["doze", "1,2,3", "1.2.3", "12,", ",", "1.23,4", "--1", "1 R$", True, [1], "9" * 41, "1e99"],
)
def test_what_is_no_number_is_refused(written: Any) -> None:
    with pytest.raises(ValueRefused):
        read_number(written)


def test_a_single_dot_separates_thousands_in_amounts_and_counts_only() -> None:
    found = read(Tipo.CLIENTES, {"codigo": "C", "valor_em_atraso": "1.234", "titulos_pagos": "1.0"})
    assert found.values["valor_em_atraso"] == Decimal("1234.00")
    assert found.values["titulos_pagos"] == 1
    found = read(Tipo.CLIENTES, {"codigo": "C", "atraso_medio_dias": "1.234", "renda": "1.234"})
    assert found.values["atraso_medio_dias"] == 1.234
    assert found.atributos == {"renda": 1.234}
    assert found.warnings["ponto_ambiguo:cliente.renda"] == 1


@pytest.mark.parametrize(
    "written", ["", " ", "-", "NA", "n/a", "NULL", "None", "NaN", "#N/D", "?", None, float("nan")]
)
def test_what_stands_for_nothing_is_missing(written: Any) -> None:
    found = read(Tipo.CLIENTES, {"codigo": "C1", "titulos_pagos": written, "setor": written})
    assert found.values["titulos_pagos"] is None
    assert found.atributos == {}
    assert faults(Tipo.PEDIDOS, ORDER | {"valor": written}) == [("valor", "obrigatório")]


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-02", "2026-03-02T03:00"),
        ("02/03/2026", "2026-03-02T03:00"),
        ("2/3/2026", "2026-03-02T03:00"),
        ("02.03.2026", "2026-03-02T03:00"),
        ("02-03-2026", "2026-03-02T03:00"),
        ("2026/03/02", "2026-03-02T03:00"),
        ("20260302", "2026-03-02T03:00"),
        ("02/03/2026 10:30", "2026-03-02T13:30"),
        ("02/03/2026, 10:30:15", "2026-03-02T13:30:15"),
        ("2026-03-02 10:30", "2026-03-02T13:30"),
        ("2026-03-02T10:30:00Z", "2026-03-02T10:30"),
        ("2026-03-02T10:30:00-05:00", "2026-03-02T15:30"),
        ("2018-11-04", "2018-11-04T03:00"),  # A midnight that clocks in São Paulo passed over.
    ],
)
def test_dates_are_read_in_the_companys_own_time(written: str, moment: str) -> None:
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert order(pedido_em=written).values["pedido_em"] == expected


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("31/02/2025", "data que não existe"),
        ("12/31/2025", "data que não existe"),
        ("2025-02-30", "data que não existe"),
        ("01/03/25", "escreva o ano com quatro dígitos"),
        ("ontem", "use uma data como 2026-03-18 ou 18/03/2026"),
        (45000, "use uma data como 2026-03-18 ou 18/03/2026"),
        ("2027-01-01", "data no futuro"),
        ("1950-01-01", "data fora do intervalo de 1970 a 2199"),
        ("9999-12-31", "data fora do intervalo de 1970 a 2199"),
        ("9999-12-31T23:59:59-05:00", "data fora do intervalo de 1970 a 2199"),
    ],
)
def test_impossible_dates_are_refused(written: Any, reason: str) -> None:
    assert faults(Tipo.PEDIDOS, ORDER | {"pedido_em": written}) == [("pedido_em", reason)]


@pytest.mark.parametrize("written", ["00/00/0000", "0000-00-00", "01/01/0001", "0001-01-01T00:00"])
def test_dates_that_programs_did_not_know_are_missing(written: str) -> None:
    assert order(pedido_em=written).values["pedido_em"] is None
    found = faults(Tipo.CONSULTAS, {"cliente": "C1", "consultada_em": written})
    assert found == [("consultada_em", "obrigatório")]


def test_a_limit_may_begin_in_the_future_and_a_cliente_long_ago() -> None:
    limit = read(Tipo.LIMITES, {"cliente": "C", "valor": 1, "vale_desde": "2026-04-01"})
    assert limit.values["vale_desde"] == datetime(2026, 4, 1, 3, tzinfo=UTC)
    cliente = read(Tipo.CLIENTES, {"codigo": "C", "cliente_desde": "01/02/1931"})
    assert cliente.values["cliente_desde"] == date(1931, 2, 1)


def test_without_its_date_a_cliente_is_known_always_and_somebody_is_told() -> None:
    found = read(Tipo.CLIENTES, {"codigo": "C"})
    assert found.values["vale_desde"] == ALWAYS
    assert found.warnings == {"vale_desde_ausente": 1}


def test_negative_amounts_and_what_is_out_of_range_are_refused_all_at_once() -> None:
    found = faults(
        Tipo.CLIENTES,
        {
            "codigo": "x" * 101,
            "valor_em_atraso": "-10,00",
            "titulos_pagos": "3,5",
            "titulos_em_atraso": -1,
            "maior_atraso_dias": 99_999,
        },
    )
    assert found == [
        ("codigo", "texto com mais de 100 caracteres"),
        ("titulos_pagos", "não é um número inteiro"),
        ("titulos_em_atraso", "fora do intervalo de 0 a 1000000000"),
        ("valor_em_atraso", "valor negativo"),
        ("maior_atraso_dias", "fora do intervalo de -36500 a 36500"),
    ]
    query = {"cliente": "C", "consultada_em": "2026-01-01", "pontuacao": 1001, "falencia": "talvez"}
    assert faults(Tipo.CONSULTAS, query) == [
        ("falencia", "não é sim nem não"),
        ("pontuacao", "fora do intervalo de 0 a 1000"),
    ]
    assert faults(Tipo.PEDIDOS, ORDER | {"valor": 1e15})[0][1] == "valor fora do intervalo aceito"


def test_amounts_are_rounded_to_centavos() -> None:
    assert order(valor="10,005").values["valor"] == Decimal("10.01")
    assert order(valor=Decimal("0.1")).values["valor"] == Decimal("0.10")


@pytest.mark.parametrize(
    ("written", "outcome", "as_written"),
    [
        ("Faturado", "faturado", None),
        ("LIBERADA", "faturado", None),
        ("Negado", "bloqueado", None),
        (" quitado ", "pago", None),
        ("Não  Pago", "inadimplente", None),
        ("nao_pago", "inadimplente", None),
        ("VENCIDO", "inadimplente", None),
        ("Em análise", None, "Em análise"),
        ("-", None, None),
        (1, None, "1"),
        ("x" * 200, None, "x" * 60),
    ],
)
def test_statuses_become_outcomes_or_stay_as_written(
    written: Any, outcome: str | None, as_written: str | None
) -> None:
    found = order(desfecho=written, desfecho_em="2026-01-02", pedido_em="2026-01-01").values
    assert (found["desfecho"], found["desfecho_informado"]) == (outcome, as_written)
    assert (found["desfecho_em"] is None) == (outcome is None)


def test_an_outcome_before_its_order_is_refused_but_not_on_the_same_day() -> None:
    paid = {"desfecho": "pago", "pedido_em": "2026-01-02T15:00:00-03:00"}
    before = faults(Tipo.PEDIDOS, ORDER | paid | {"desfecho_em": "2026-01-01"})
    assert before == [("desfecho_em", "anterior à data do pedido")]
    same_day = order(**paid, desfecho_em="2026-01-02").values
    assert same_day["desfecho_em"] == same_day["pedido_em"]


def test_names_of_columns_are_read_without_case_accents_and_spaces() -> None:
    found = read(
        Tipo.PEDIDOS,
        {"Número": 7, "Código Cliente": "C1", "VALOR": "1", "Situação": "pago", "Região Sul": "x"},
    )
    assert found.values["numero"] == "7"
    assert found.values["cliente"] == "C1"
    assert found.values["desfecho"] == "pago"
    assert found.atributos == {"regiao_sul": "x"}


def test_a_fields_own_name_goes_before_another_which_is_then_the_companys() -> None:
    found = order(desfecho="pago", status="aberto")
    assert found.values["desfecho"] == "pago"
    assert found.atributos == {"status": "aberto"}


def test_among_own_columns_another_name_of_a_field_is_the_companys() -> None:
    own = {"status": "no checking account", "Data": "dia 5", "pedido": 3}
    decided = order(desfecho="pago", atributos=own)
    assert decided.atributos == {"status": "no checking account", "data": "dia 5", "pedido": 3}
    new = order(atributos=own)
    assert new.atributos == decided.atributos
    assert (new.values["desfecho"], new.values["desfecho_informado"]) == (None, None)
    told = order(atributos={"Desfecho": "pago"})
    assert (told.values["desfecho"], told.atributos) == (None, {"desfecho": "pago"})


def test_own_columns_come_flat_or_nested_and_not_both() -> None:
    assert order(canal="loja", atributos={"Prazo": "30"}).atributos == {
        "canal": "loja",
        "prazo": 30,
    }
    twice = faults(Tipo.PEDIDOS, ORDER | {"canal": "loja", "atributos": {"Canal": "app"}})
    assert twice == [("canal", "coluna repetida")]
    assert order(atributos=None).atributos == {}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (True, True),
        (3, 3),
        (Decimal("2.50"), 2.5),
        (Decimal("1E+3"), 1000),
        ("12,5", 12.5),
        ("12%", 12),
        ("R$ 1.000,00", 1000),
        ("00123", "00123"),
        ("0", 0),
        ("0,5", 0.5),
        ("-05", "-05"),
        ("sim", "sim"),
        (" Varejo \t São  Paulo\n", "Varejo São Paulo"),
        ("a\x00b\u200bc", "a b c"),
        (2**53 + 1, "9007199254740993"),
        ("11/03/2025", "11/03/2025"),
        ("n.d.", None),
    ],
)
def test_own_values_are_plain(written: Any, value: Any) -> None:
    found = own_value(written)
    assert (found, type(found)) == (value, type(value))


def test_lone_halves_of_characters_do_not_reach_the_database() -> None:
    assert own_value("a\ud800b") == "a b"


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ("texto", (None, "o item não é um objeto")),
        ([], (None, "o item não é um objeto")),
        (ORDER | {"atributos": [1]}, ("atributos", "não é um objeto")),
        (ORDER | {"atributos": "x"}, ("atributos", "não é um objeto")),
        (ORDER | {"x": {"y": 1}}, ("pedido.x", "use número, texto, booleano ou nulo")),
        (ORDER | {"x": Decimal("1E+40")}, ("pedido.x", "número fora do intervalo aceito")),
        (ORDER | {"valor": [1]}, ("valor", "use um valor simples")),
        (ORDER | {"cliente": True}, ("cliente", "não é um texto")),
        (ORDER | {"cliente": 1.5}, ("cliente", "não é um texto")),
        (ORDER | {"y" * 61: 1}, (None, "nome de coluna vazio ou acima de 60")),
        (ORDER | {"%%": 1}, (None, "nome de coluna vazio ou acima de 60")),
    ],
)
def test_items_of_another_shape_are_refused(found: Any, fault: tuple[str | None, str]) -> None:
    assert faults(Tipo.PEDIDOS, found) == [fault]


def test_missing_blocks_are_named() -> None:
    assert faults(Tipo.PEDIDOS, {}) == [
        ("numero", "obrigatório"),
        ("cliente", "obrigatório"),
        ("valor", "obrigatório"),
    ]


def test_three_hundred_columns_are_taken_and_no_more() -> None:
    wide = {f"c{n}": n for n in range(MOST_OWN_COLUMNS)}
    assert len(order(**wide).atributos) == MOST_OWN_COLUMNS
    assert faults(Tipo.PEDIDOS, ORDER | wide | {"mais": 1}) == [
        ("atributos", "mais de 300 colunas próprias")
    ]


def test_a_text_that_is_no_category_is_left_out_and_counted() -> None:
    found = order(historia="x" * 501, canal="x" * 500)
    assert found.atributos == {"canal": "x" * 500}
    assert found.warnings["texto_longo:pedido.historia"] == 1


def test_whole_numbers_are_identifiers_as_well_as_text() -> None:
    found = order(numero=Decimal("12.0"), cliente=7).values
    assert (found["numero"], found["cliente"]) == ("12", "7")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["codigo", "vale_desde", "cliente_desde", "titulos_pagos", "numero"])


@given(st.sampled_from(Tipo), st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=8) | JSON)
def test_whatever_comes_is_an_item_or_refused_with_reasons(tipo: Tipo, found: Any) -> None:
    refused: list[Fault] = []
    own: dict[str, Any] = {}
    try:
        own = read(tipo, found).atributos
    except ItemRefused as refusal:
        refused = refusal.faults
    assert all(isinstance(fault, Fault) and fault.motivo for fault in refused)
    assert all(isinstance(value, bool | int | float | str) for value in own.values())


def test_names_of_any_length_are_not_remembered() -> None:
    before = names._remembered.cache_info().currsize
    assert faults(Tipo.PEDIDOS, ORDER | {"x" * 1_000_000: 1}) == [
        (None, "nome de coluna vazio ou acima de 60")
    ]
    assert names._remembered.cache_info().currsize <= before + len(ORDER)


def test_what_stands_in_atributos_is_the_companys_whatever_it_is_called() -> None:
    inner = {"situacao": "ativo", "data": "x", "valor": 7, "Status": "novo"}
    found = order(desfecho="pago", atributos=inner)
    assert found.values["desfecho"] == "pago"
    assert (found.values["valor"], found.values["pedido_em"]) == (Decimal("10.00"), None)
    assert found.atributos == {"situacao": "ativo", "data": "x", "valor": 7, "status": "novo"}
    flat = order(desfecho="pago", situacao="ativo")
    assert flat.atributos == {"situacao": "ativo"}


def test_defaults_hold_where_an_item_says_nothing_under_any_name() -> None:
    reader = ItemReader(Tipo.PEDIDOS, READING)
    given = {"numero": "1", "cliente": "amostra", "valor": 1}
    found = reader.read({"codigo_cliente": "C7", "numero": ""}, given)
    assert (found.values["cliente"], found.values["numero"]) == ("C7", "1")
    assert found.atributos == {}
