"""Reasons as a person in Brazil reads them."""

from typing import Any

import pytest

from chalicelib.core.portuguese import counted, number
from chalicelib.credit.features import BASE_COLUMNS
from chalicelib.credit.wording import reason_text, shown
from chalicelib.ml.columns import Column

BASE = {column.name: column for column in BASE_COLUMNS}


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("valor_pedido", 5951.0, "R$ 5.951,00"),
        ("titulos_em_atraso", 1.0, "1 título"),
        ("titulos_em_atraso", 0.0, "0 títulos"),
        ("atraso_medio_dias", 1.5, "1,5 dia"),
        ("atraso_medio_dias", 4.25, "4,25 dias"),
        ("atraso_medio_dias", -12.7, "−12,7 dias"),
        ("atraso_medio_dias", 17.9, "17,9 dias"),
        ("meses_de_relacionamento", 82.68, "82 meses"),
        ("dias_desde_consulta", 412.27, "412 dias"),
        ("meses_de_relacionamento", 1.0, "1 mês"),
        ("uso_do_limite", 1.204, "120% do limite"),
        ("valor_sobre_media", 2.345, "2,35 vezes"),
        ("valor_sobre_media", 1.4, "1,4 vez"),
        ("serasa_pontuacao", None, "não informado"),
    ],
)
def test_values_have_their_unit_in_the_number_portuguese_has(
    column: str, value: float | None, text: str
) -> None:
    assert shown(BASE[column], value) == text


@pytest.mark.parametrize(
    ("usual", "effect", "text"),
    [
        ("b", 0.1234, "Canal: a (usual: b); aumenta o risco em 12,3 pontos percentuais."),
        ("a", -0.0194, "Canal: a; reduz o risco em 1,9 ponto percentual."),
        (None, 0.01996, "Canal: a; aumenta o risco em 2,0 pontos percentuais."),
        ("b", 0.0004, "Canal: a (usual: b); quase não muda o risco."),
    ],
)
def test_a_reason_is_a_sentence(usual: Any, effect: float, text: str) -> None:
    assert reason_text(Column("canal", "category", label="Canal"), "a", usual, effect) == text


def test_numbers_have_a_decimal_comma() -> None:
    assert (number(1234567.5), number(-0.001), counted(2, "dia", "dias")) == (
        "1.234.567,5",
        "0",
        "2 dias",
    )
