"""From what is asked of a dataset's columns to the columns of an encoder, for one algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from chalicelib.ml.columns import Column, Imputation, Interaction, Scale
from chalicelib.prices.algorithms import ALGORITMOS
from chalicelib.prices.experiment import Coluna, Engenharia, PassosColuna

RAREST_ROWS = 5
RAREST_SHARE = 0.002
DATE_PARTS = ("year", "month", "weekday", "age_days")
Kind = Literal["number", "category", "ordinal", "date", "text"]

_SCALES: dict[str, Scale] = {
    "padrao": "standard",
    "minmax": "minmax",
    "robusta": "robust",
    "nenhuma": "none",
}
_IMPUTATIONS: dict[str | None, Imputation | None] = {
    None: None,
    "mediana": "median",
    "media": "mean",
    "constante": "constant",
    "mais_frequente": "most_frequent",
}
_PARTS = {
    "ano": "year",
    "mes": "month",
    "dia_semana": "weekday",
    "dia_do_ano": "yearday",
    "idade_dias": "age_days",
    "caracteres": "characters",
    "palavras": "words",
}
_KINDS: dict[str, Kind] = {
    "numero": "number",
    "categoria": "category",
    "booleano": "category",
    "data": "date",
    "texto": "text",
    "identificador": "text",
}


@dataclass(frozen=True)
class Inputs:
    """What an encoder is fitted with; two algorithms with the same share their matrices."""

    columns: tuple[Column, ...]
    interactions: tuple[Interaction, ...]


def inputs_for(algorithm: str, colunas: list[Coluna], engenharia: Engenharia, rows: int) -> Inputs:
    """The columns and interactions that one algorithm reads.

    Args:
        algorithm: Its name; what measures distances has its numbers standardised.
        colunas: The input columns.
        engenharia: What is asked of them.
        rows: Of training; categories in fewer than 5 of them, or 0.2 %, are rare.
    """
    scale: Scale = "standard" if ALGORITMOS[algorithm].escalar else "none"
    rare = max(RAREST_ROWS, ceil(RAREST_SHARE * rows))
    asked = engenharia.colunas
    columns = (_column(c, asked.get(c.nome, PassosColuna()), scale, rare) for c in colunas)
    pairs = (
        Interaction("product" if pair.tipo == "produto" else "ratio", pair.a, pair.b, scale)
        for pair in engenharia.interacoes
    )
    return Inputs(tuple(columns), tuple(pairs))


def _column(coluna: Coluna, steps: PassosColuna, scale: Scale, rare: int) -> Column:
    kind = _KINDS[coluna.tipo]
    if kind == "category" and (steps.codificacao == "ordinal" or steps.ordem):
        kind = "ordinal"
    return Column(
        coluna.nome,
        kind,
        unit=coluna.unidade or "",
        impute=_IMPUTATIONS[steps.imputacao],
        constant=_constant(steps),
        indicator=steps.indicador,
        truth=coluna.tipo == "booleano",
        **_own(kind, steps, _SCALES.get(steps.escala, scale), rare),
    )


def _constant(steps: PassosColuna) -> float | str | None:
    return float(steps.constante) if isinstance(steps.constante, int) else steps.constante


def _own(kind: Kind, steps: PassosColuna, scale: Scale, rare: int) -> dict[str, Any]:
    """What a column of one kind is told and others are not."""
    if kind == "category":
        return {"rare_below": steps.raras_abaixo or rare}
    if kind == "ordinal":
        return {"order": tuple(steps.ordem or ()), "scale": scale}
    if kind == "number":
        return {"log": steps.log, "clip": steps.limitar, "scale": scale}
    asked = steps.partes if kind == "date" else steps.texto
    usual = DATE_PARTS if kind == "date" else ()
    parts = tuple(_PARTS[part] for part in asked) if asked else usual
    return {"parts": parts, "clip": steps.limitar, "scale": scale}
