"""Charts of our own: shapes for templates, each with the figures it shows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from chalicelib.core.portuguese import number

CELL = 14  # Pixels, of a day in a heat map and the gap behind it.
LEFT, TOP = 28, 18  # Room for the weekdays' and the months' names.
WEEKDAYS = ("seg", "ter", "qua", "qui", "sex", "sáb", "dom")
MONTHS = ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez")
STRONGEST = 3
MOST_ROWS = 40
DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?=$| )")


@dataclass(frozen=True)
class Cell:
    """A day in a heat map."""

    x: int
    y: int
    level: int
    title: str


@dataclass(frozen=True)
class HeatMap:
    """Days as columns of weeks, from Monday down.

    Attributes:
        cells: The days.
        months: Where each month's name stands.
        by_month: The same as figures: month -> how many in all.
    """

    cells: list[Cell]
    months: list[tuple[int, str]]
    by_month: dict[str, int]
    width: int
    height: int


def heat_map(days: Sequence[tuple[date, int]]) -> HeatMap:
    """A calendar of how many times something happened each day.

    Args:
        days: Every day, in order.
    """
    monday = days[0][0] - timedelta(days=days[0][0].weekday())
    cells, months, by_month = [], [], dict[str, int]()
    for day, count in days:
        x = LEFT + (day - monday).days // 7 * CELL
        said = f"{day:%d/%m/%Y}: {count} {'visita' if count == 1 else 'visitas'}"
        cells.append(Cell(x, TOP + day.weekday() * CELL, min(count, STRONGEST), said))
        name = f"{MONTHS[day.month - 1]} {day:%Y}"
        if name not in by_month and day.day <= len(WEEKDAYS):
            months.append((x, MONTHS[day.month - 1]))
        by_month[name] = by_month.get(name, 0) + count
    width = cells[-1].x + CELL
    return HeatMap(cells, months, by_month, width, TOP + len(WEEKDAYS) * CELL)


@dataclass(frozen=True)
class Column:
    """One value of a column chart; `share` is of the chart's largest."""

    label: str
    value: float
    share: float


@dataclass(frozen=True)
class ColumnChart:
    """Values side by side, and levels to compare them with.

    Attributes:
        columns: The values.
        levels: Name -> value and share of the chart's height.
        largest: What the full height stands for.
    """

    columns: list[Column]
    levels: dict[str, tuple[float, float]]
    largest: float


def column_chart(
    values: Sequence[tuple[str, float]], levels: Mapping[str, float | None] | None = None
) -> ColumnChart:
    """A chart of values in their order.

    Args:
        values: Label and value.
        levels: Name -> value of a horizontal line; those without one are left out.
    """
    known = {name: level for name, level in (levels or {}).items() if level is not None}
    largest = max([1.0, *(value for _, value in values), *known.values()])
    return ColumnChart(
        [Column(label, value, value / largest) for label, value in values],
        {name: (level, level / largest) for name, level in known.items()},
        largest,
    )


@dataclass(frozen=True)
class Push:
    """What pushes a number up or down, as a bar from the middle.

    Attributes:
        text: What it is.
        points: How far, in percentage points.
        share: Of the strongest one, 0 to 1.
    """

    text: str
    points: float
    share: float


def pushes(contributions: Sequence[tuple[str, float]]) -> list[Push]:
    """Contributions in probability as bars, in their order."""
    strongest = max((abs(value) for _, value in contributions), default=0) or 1
    return [Push(text, value * 100, abs(value) / strongest) for text, value in contributions]


@dataclass(frozen=True)
class FigureTable:
    """The figures of one line of a chart."""

    name: str
    head: tuple[str, str]
    rows: list[tuple[Any, Any]]


def figure_tables(figure: Mapping[str, Any]) -> list[FigureTable]:
    """A Plotly figure as tables, for whoever cannot see it; long lines are thinned out."""
    layout = figure.get("layout", {})
    head = (_axis(layout, "xaxis"), _axis(layout, "yaxis"))
    return [_trace_table(trace, head) for trace in figure.get("data", [])]


def cell_text(value: Any) -> str:
    """A value of a figure's table as people read it; days come as Plotly wants them."""
    if value is None:
        return "–"
    if isinstance(value, int | float):
        return number(value, 0 if float(value).is_integer() else 3)
    return DAY.sub(r"\3/\2/\1", str(value))


def _trace_table(trace: Mapping[str, Any], head: tuple[str, str]) -> FigureTable:
    name = trace.get("name") or "Valores"
    if "z" in trace:
        return FigureTable(name, ("Linha e coluna", "Valor"), _strongest_cells(trace))
    x, y = trace.get("x", []), trace.get("y", [])
    if x and y:
        return FigureTable(name, head, _thinned(list(zip(x, y, strict=False))))
    # Of a box its values are all there is, along whichever axis.
    return FigureTable(
        name, ("nº", head[0] if x else head[1]), _thinned(list(enumerate(x or y, 1)))
    )


def _thinned(rows: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    step = -(-len(rows) // MOST_ROWS) or 1
    return rows[::step] if step == 1 or not rows else [*rows[::step], rows[-1]]


def _strongest_cells(trace: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """The cells of a matrix that stand out; of a symmetric one each once, without its diagonal."""
    across, down, cells = trace["x"], trace["y"], trace["z"]
    is_symmetric = across == down and cells == [list(column) for column in zip(*cells, strict=True)]
    found = [
        (f"{row} × {column}", value)
        for i, row in enumerate(down)
        for j, column in enumerate(across)
        for value in [cells[i][j]]
        if value is not None and not (is_symmetric and j <= i)
    ]
    return sorted(found, key=lambda cell: -abs(cell[1]))[:MOST_ROWS]


def _axis(layout: Mapping[str, Any], name: str) -> str:
    title = layout.get(name, {}).get("title", "")
    said = title.get("text", "") if isinstance(title, Mapping) else title
    return str(said) or name[0]
