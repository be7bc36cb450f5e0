"""A report as a spreadsheet reads it, and as a page to print.

Both are made of the stored report when they are asked for: the same report gives the same
bytes, and a member who was erased is in neither.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.core.cells import harmless
from chalicelib.core.clock import zone
from chalicelib.gym.schemas_reports import ConteudoRelatorio

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
BYTE_ORDER_MARK = "\ufeff"  # Without it Excel reads UTF-8 as something else.
MONTHS = (
    *("janeiro", "fevereiro", "março", "abril", "maio", "junho"),
    *("julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
)
FIRST_HOUR, LAST_HOUR = 6, 22  # Shown at least; earlier and later ones when somebody came.
NOBODY = "Aluno não encontrado"
UNUSUALLY_FEW = -0.5  # Share by which visits fall short of their mean on a day worth a note.

Names = Mapping[int, str]
Cell = str | int | float | None


@dataclass(frozen=True)
class Bar:
    """One value of a chart.

    Attributes:
        label: Under the bar, or before it.
        value: What it stands for.
        share: Of the chart's largest value, 0 to 1.
        mark: Share at which the usual value lies; None without one.
    """

    label: str
    value: int
    share: float
    mark: float | None = None


def report_csv(content: ConteudoRelatorio, names: Names) -> str:
    """One figure a line: part, item, measure, value; as Brazilian spreadsheets expect it.

    Semicolons between, a comma for decimals, a byte order mark ahead.
    """
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    writer.writerow(("secao", "item", "medida", "valor"))
    for row in _figures(content, names):
        writer.writerow([_cell(value) for value in row])
    return BYTE_ORDER_MARK + written.getvalue()


def _figures(content: ConteudoRelatorio, names: Names) -> Iterator[tuple[Cell, ...]]:
    day = content.dia.isoformat()
    for name in ("visitas", "alunos", "ativos", "novos", "cancelados"):
        yield "resumo", day, name, getattr(content, name)
    for hour in content.por_hora:
        yield "hora", f"{hour.hora:02}", "visitas", hour.visitas
        yield "hora", f"{hour.hora:02}", "media", hour.media
    for plano in content.por_plano:
        for name in ("visitas", "alunos", "ativos", "novos", "cancelados"):
            yield "plano", plano.plano, name, getattr(plano, name)
    for earlier in content.comparacao.dias:
        yield "comparacao", earlier.dia.isoformat(), "visitas", earlier.visitas
        yield "comparacao", earlier.dia.isoformat(), "alunos", earlier.alunos
    for name in ("media_visitas", "media_alunos", "variacao_visitas"):
        yield "comparacao", day, name, getattr(content.comparacao, name)
    for absence in content.primeiras_ausencias.alunos:
        who = str(absence.aluno_id)
        yield "primeira_ausencia", who, "nome", names.get(absence.aluno_id)
        yield "primeira_ausencia", who, "plano", absence.plano
        last = absence.ultima_visita.astimezone(zone(content.fuso))
        yield "primeira_ausencia", who, "ultima_visita", last.strftime("%Y-%m-%d %H:%M")
        yield "primeira_ausencia", who, "visitas_28_dias", absence.visitas_28_dias


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(harmless(value))
    return str(value).replace(".", ",")


def report_html(content: ConteudoRelatorio, names: Names) -> str:
    """A page that needs nothing else: no script, no picture, no font of somewhere else."""
    template = _environment().get_template("relatorio.html")
    return template.render(
        r=content,
        nomes=names,
        ninguem=NOBODY,
        horas=_hour_bars(content),
        dias=_day_bars(content),
        comparados=_days_compared(content),
        incomum=(content.comparacao.variacao_visitas or 0) < UNUSUALLY_FEW,
    )


@cache
def _environment() -> "Environment":
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "numero": in_portuguese,
        "dia": _day,
        "dia_curto": lambda day: f"{day:%d/%m}",
        "instante": _instant,
        "porcento": lambda share: f"{in_portuguese(round(share * 100, 1), signed=True)} %",
    }
    return found


def in_portuguese(value: float, *, signed: bool = False) -> str:
    """A number with dots between thousands and a comma before decimals, one at the most."""
    written = f"{value:{'+' if signed else ''},.1f}".removesuffix(".0")
    return written.translate(str.maketrans(",.", ".,")).replace("-", "−")


def _day(day: date) -> str:
    return f"{day.day} de {MONTHS[day.month - 1]} de {day.year}"


def _instant(instant: datetime, zone_name: str) -> str:
    return f"{instant.astimezone(zone(zone_name)):%d/%m às\u00a0%H:%M}"


def _days_compared(content: ConteudoRelatorio) -> str:
    """What the days compared with are called."""
    name = content.dia_da_semana
    is_feminine = name.endswith("feira")
    if len(content.comparacao.dias) == 1:
        return f"última {name} com movimento" if is_feminine else f"último {name} com movimento"
    plural = name.replace("a-feira", "as-feiras") if is_feminine else f"{name}s"
    return f"{'últimas' if is_feminine else 'últimos'} {plural} com movimento"


def _hour_bars(content: ConteudoRelatorio) -> list[Bar]:
    """The hours in which somebody came or usually comes, and those between."""
    used = [hour.hora for hour in content.por_hora if hour.visitas or hour.media]
    first, last = min([FIRST_HOUR, *used]), max([LAST_HOUR, *used])
    shown = content.por_hora[first : last + 1]
    largest = max([1, *(hour.visitas for hour in shown), *(hour.media or 0 for hour in shown)])
    return [
        Bar(
            f"{hour.hora}h",
            hour.visitas,
            hour.visitas / largest,
            None if hour.media is None else hour.media / largest,
        )
        for hour in shown
    ]


def _day_bars(content: ConteudoRelatorio) -> list[Bar]:
    """The days compared with, oldest first, and then the day itself."""
    days: Sequence[tuple[date, int]] = [
        *((earlier.dia, earlier.visitas) for earlier in reversed(content.comparacao.dias)),
        (content.dia, content.visitas),
    ]
    largest = max([1, *(visits for _, visits in days)])
    return [Bar(f"{day:%d/%m}", visits, visits / largest) for day, visits in days]
