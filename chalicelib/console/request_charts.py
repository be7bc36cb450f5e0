"""Requests over time as figures, with the same numbers as tables."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from chalicelib.console.charts import MOST_ROWS, FigureTable
from chalicelib.core.clock import zone
from chalicelib.core.portuguese import instant
from chalicelib.core.settings import settings
from chalicelib.core.summary import PointOut

Line = tuple[str, Callable[[PointOut], float | int | None]]
COLOURS = {"Respondidas": "--accent", "Recusadas (4xx)": "--warn", "Erros (5xx)": "--bad"}
TIMES = {"type": "date", "tickformat": "%H:%M<br>%d/%m", "hoverformat": "%d/%m/%Y %H:%M"}
REQUESTS: Sequence[Line] = (
    ("Respondidas", lambda point: point.requests - point.errors - point.refused),
    ("Recusadas (4xx)", lambda point: point.refused),
    ("Erros (5xx)", lambda point: point.errors),
)
DURATIONS: Sequence[Line] = (
    ("p50", lambda point: point.p50_ms),
    ("p95", lambda point: point.p95_ms),
    ("p99", lambda point: point.p99_ms),
)


def traffic_figure(series: Sequence[PointOut]) -> dict[str, Any]:
    """How many were asked, as stacked columns."""
    data = [
        {
            "type": "bar",
            "name": name,
            "x": _times(series),
            "y": [of(point) for point in series],
            "meta": {"colour": COLOURS[name]},
        }
        for name, of in REQUESTS
    ]
    return _figure(data, barmode="stack", yaxis={"title": {"text": "pedidos"}})


def duration_figure(series: Sequence[PointOut]) -> dict[str, Any]:
    """How long they took, as lines; milliseconds."""
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": _times(series),
            "y": [of(point) for point in series],
        }
        for name, of in DURATIONS
    ]
    return _figure(data, yaxis={"title": {"text": "ms"}, "rangemode": "tozero"})


def _figure(data: list[dict[str, Any]], **layout: Any) -> dict[str, Any]:
    return {"data": data, "layout": {"xaxis": TIMES, **layout}}


def tables(series: Sequence[PointOut], lines: Sequence[Line], unit: str) -> list[FigureTable]:
    """The lines of a figure as tables; long ones are thinned out."""
    step = -(-len(series) // MOST_ROWS) or 1
    kept = series[::step]
    where = settings().local_timezone
    return [
        FigureTable(name, ("Desde", unit), [(instant(p.at, where), of(p)) for p in kept])
        for name, of in lines
    ]


def _times(series: Sequence[PointOut]) -> list[str]:
    """On the clocks of the house; Plotly reads no offsets."""
    local = zone(settings().local_timezone)
    return [_written(point.at.astimezone(local)) for point in series]


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
