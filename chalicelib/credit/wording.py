"""Reasons as people in Brazil read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core.portuguese import BRL, brl, counted, number
from chalicelib.ml.columns import Column

ONE = {
    "títulos": "título",
    "dias": "dia",
    "meses": "mês",
    "consultas": "consulta",
    "ocorrências": "ocorrência",
    "protestos": "protesto",
    "pontos": "ponto",
    "pedidos": "pedido",
    "vezes": "vez",
}
"""The units of the base columns where there is one of them."""

OF_LIMIT = "% do limite"
"""The unit of a share that people read as a percentage."""

ELAPSED = frozenset(("meses_de_relacionamento", "dias_desde_consulta", "dias_desde_pedido"))
WHOLE_FROM = 10  # Of time that has passed, so many days or months are told by those completed.

SMALLEST_EFFECT = 0.0005  # A twentieth of a percentage point: less is said to change nothing.


def reasons(
    contributions: Mapping[str, float],
    values: Mapping[str, Any],
    usual: Mapping[str, Any],
    columns: Sequence[Column],
) -> list[dict[str, Any]]:
    """A reason per column, the strongest first.

    Args:
        contributions: Column -> what it adds to the probability of the bad outcome.
        values: The order's own, as the model read them.
        usual: What is usual among the orders the model learned from.
        columns: The model's.
    """
    ranked = sorted(columns, key=lambda column: -abs(contributions[column.name]))
    return [
        {
            "coluna": column.name,
            "rotulo": label(column),
            "valor": values[column.name],
            "valor_usual": usual.get(column.name),
            "efeito": contributions[column.name],
            "texto": reason_text(
                column,
                values[column.name],
                usual.get(column.name),
                contributions[column.name],
            ),
        }
        for column in ranked
    ]


def reason_text(column: Column, value: Any, usual: Any, effect: float) -> str:
    """One reason as a sentence."""
    said = f"{label(column)}: {shown(column, value)}"
    if usual is not None and usual != value:
        said += f" (usual: {shown(column, usual)})"
    if abs(effect) < SMALLEST_EFFECT:
        return f"{said}; quase não muda o risco."
    points = round(abs(effect) * 100, 1)
    direction = "aumenta" if effect > 0 else "reduz"
    unit = "ponto percentual" if points < 2 else "pontos percentuais"
    return f"{said}; {direction} o risco em {number(points, 1)} {unit}."


def label(column: Column) -> str:
    """What people call a column."""
    return column.label or column.name


def shown(column: Column, value: Any) -> str:
    """A value of a column with its unit."""
    if value is None:
        return "não informado"
    if column.kind == "category":
        return str(value)
    if column.unit == BRL:
        return brl(value)
    if column.unit == OF_LIMIT:
        return f"{number(value * 100, 0)}{OF_LIMIT}"
    if column.name in ELAPSED and abs(value) >= WHOLE_FROM:
        value = int(value)
    return counted(value, ONE.get(column.unit, column.unit), column.unit).rstrip()
