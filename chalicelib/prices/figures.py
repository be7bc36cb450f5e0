"""Figures of a profile as Plotly's JSON, made without Plotly: `{"data": [...], "layout": {}}`.

They follow from the effective profile and from what profiling kept for them: a sample of rows and
the correlations of numbers. Nothing is computed from the data themselves.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from chalicelib.prices.errors import FiguraNotFound
from chalicelib.prices.schemas_datasets import (
    Alvo,
    ColunaPerfil,
    FiguraRef,
    PapelColuna,
    TipoColuna,
)
from chalicelib.prices.values import read_label

Figure = dict[str, Any]
MISSING, CORRELATION, HISTOGRAM, AGAINST = "ausentes", "correlacao", "histograma", "alvo"
MOST_BOXES = 30
ACCENT = "#2f6f8f"


def figure_list(
    columns: Sequence[ColunaPerfil], kept: Mapping[str, Any], targets: Sequence[Alvo]
) -> list[FiguraRef]:
    """What figures there are; columns are named by their place, from 1."""
    found = [FiguraRef(nome=MISSING, titulo="Valores ausentes")]
    if len(kept["correlacao"]["colunas"]) > 1:
        found.append(FiguraRef(nome=CORRELATION, titulo="Correlações"))
    target = target_of(columns, targets)
    for place, column in enumerate(columns, 1):
        if column.presentes:
            title = f"Distribuição de {column.nome}"
            found.append(FiguraRef(nome=f"{HISTOGRAM}-{place}", coluna=column.nome, titulo=title))
    for place, column in enumerate(columns, 1):
        if target is not None and column.nome != target and column.presentes:
            title = f"{target} por {column.nome}"
            found.append(FiguraRef(nome=f"{AGAINST}-{place}", coluna=column.nome, titulo=title))
    return found


def target_of(columns: Sequence[ColunaPerfil], targets: Sequence[Alvo]) -> str | None:
    """The column that somebody said is the target, else the likeliest candidate."""
    said = next((each.nome for each in columns if each.papel is PapelColuna.ALVO), None)
    return said or (targets[0].coluna if targets else None)


def draw(
    name: str, columns: Sequence[ColunaPerfil], kept: Mapping[str, Any], target: str | None
) -> Figure:
    """One figure.

    Args:
        name: One of `figure_list`.
        columns: The effective profile.
        kept: What profiling kept for figures.
        target: Against what columns are drawn.

    Raises:
        FiguraNotFound: There is none of this name.
    """
    if name == MISSING:
        return _missing(columns)
    if name == CORRELATION:
        return _correlation(kept["correlacao"])
    kind, _, place = name.partition("-")
    column = _at(columns, place)
    if kind == HISTOGRAM and column.presentes:
        return _histogram(column)
    if kind == AGAINST and column.presentes and target not in (None, column.nome):
        known = {each.nome: each for each in columns}
        if target in known:
            return _against(column, known[target], kept["amostra"])
    raise FiguraNotFound


def _at(columns: Sequence[ColunaPerfil], place: str) -> ColunaPerfil:
    if not re.fullmatch("[1-9][0-9]{0,3}", place) or int(place) > len(columns):
        raise FiguraNotFound
    return columns[int(place) - 1]


def _missing(columns: Sequence[ColunaPerfil]) -> Figure:
    worst = sorted(columns, key=lambda each: -each.ausentes)
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [each.nome for each in worst],
        "x": [each.ausentes for each in worst],
        "marker": {"color": ACCENT},
    }
    layout = _layout("Valores ausentes", "Linhas", "")
    layout["yaxis"] |= {"autorange": "reversed", "type": "category"}
    return {"data": [bars], "layout": layout}


def _correlation(kept: Mapping[str, Any]) -> Figure:
    heat = {
        "type": "heatmap",
        "x": kept["colunas"],
        "y": kept["colunas"],
        "z": kept["matriz"],
        "zmin": -1,
        "zmax": 1,
        "colorscale": "RdBu",
    }
    layout = _layout("Correlações de postos (Spearman)", "", "")
    layout["yaxis"] |= {"autorange": "reversed"}
    return {"data": [heat], "layout": layout}


def _histogram(column: ColunaPerfil) -> Figure:
    title = f"Distribuição de {column.nome}"
    as_number = column.tipo in (TipoColuna.NUMERO, TipoColuna.DATA)
    if not as_number or column.histograma is None:
        bars = {
            "type": "bar",
            "x": [each.valor for each in column.frequentes],
            "y": [each.linhas for each in column.frequentes],
            "marker": {"color": ACCENT},
        }
        layout = _layout(title, "Valores mais frequentes", "Linhas")
        layout["xaxis"] |= {"type": "category"}
        return {"data": [bars], "layout": layout}
    edges = column.histograma.bordas
    middles: list[Any] = [(a + b) / 2 for a, b in pairwise(edges)]
    widths = [b - a for a, b in pairwise(edges)]
    if column.tipo is TipoColuna.DATA:
        middles = [datetime.fromtimestamp(each, UTC).isoformat() for each in middles]
        widths = [1000 * each for each in widths]  # Plotly's dates count milliseconds.
    bars = {
        "type": "bar",
        "x": middles,
        "y": column.histograma.linhas,
        "width": widths,
        "marker": {"color": ACCENT},
    }
    return {"data": [bars], "layout": _layout(title, _with_unit(column), "Linhas")}


def _against(column: ColunaPerfil, target: ColunaPerfil, sample: Mapping[str, Any]) -> Figure:
    x, y = (_values(each, sample) for each in (column, target))
    title = f"{target.nome} por {column.nome} ({sample['linhas']} linhas)"
    layout = _layout(title, _with_unit(column), _with_unit(target))
    kinds = (TipoColuna.NUMERO, TipoColuna.DATA)
    if column.tipo in kinds or target.tipo not in kinds:
        dots = {
            "type": "scatter",
            "mode": "markers",
            "x": x,
            "y": y,
            "marker": {"color": ACCENT, "opacity": 0.5, "size": 5},
        }
        return {"data": [dots], "layout": layout}
    return {"data": _boxes(x, y), "layout": layout | {"showlegend": False}}


def _values(column: ColunaPerfil, sample: Mapping[str, Any]) -> list[Any]:
    """A column's sampled values as they are to be read."""
    values: list[Any] = sample["colunas"][column.nome]
    if column.tipo in (TipoColuna.NUMERO, TipoColuna.DATA):
        return values
    na = {"na_is_category": column.na_e_categoria, "empty_is_category": column.vazio_e_categoria}
    return [read_label(value, **na) for value in values]


def _boxes(labels: Sequence[Any], values: Sequence[Any]) -> list[dict[str, Any]]:
    """One box for each of the commonest labels."""
    groups: dict[str, list[Any]] = defaultdict(list)
    for label, value in zip(labels, values, strict=True):
        if value is not None:
            groups["ausente" if label is None else str(label)].append(value)
    commonest = sorted(groups.items(), key=lambda group: -len(group[1]))[:MOST_BOXES]
    return [
        {"type": "box", "name": label, "y": found, "marker": {"color": ACCENT}}
        for label, found in commonest
    ]


def _with_unit(column: ColunaPerfil) -> str:
    return f"{column.nome} ({column.unidade})" if column.unidade else column.nome


def _layout(title: str, x: str, y: str) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "xaxis": {"title": {"text": x}, "automargin": True},
        "yaxis": {"title": {"text": y}, "automargin": True},
    }
