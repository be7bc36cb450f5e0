"""From a template and its values to a page; Jinja2 is loaded with the first one."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from chalicelib.console import charts, static_files
from chalicelib.console.job_words import QUEUES
from chalicelib.console.sections import Section, sections_for
from chalicelib.console.visits import Visit
from chalicelib.core import portuguese
from chalicelib.core.clock import local_day, utc_now, zone
from chalicelib.core.settings import settings
from chalicelib.core.storage import upload_origin

if TYPE_CHECKING:
    from jinja2 import Environment

LIBRARY = Path(__file__).parents[1]
ROLES = {
    "admin": "Administração",
    "operador": "Operação",
    "cientista": "Ciência de dados",
    "empresa": "Empresa",
    "leitor": "Leitura",
}
MINUTE, HOUR = 60, 3600
MONTHS_FROM, YEARS_FROM = 92, 24  # Days told as months, at least three; months told as years.


class Shown:
    """A page as an answer: which template, with what.

    Attributes:
        template: `<package>/<file>`, such as `gym/member.html`.
        values: What the template names.
        status: Of the answer, when it is not the declared one.
        images: Addresses whose origins the page shows images of, beside its own.
    """

    def __init__(
        self,
        template: str,
        *,
        status: int | None = None,
        images: tuple[str, ...] = (),
        **values: Any,
    ) -> None:
        self.template = template
        self.status = status
        self.images = images
        self.values = values


def render(shown: Shown, visit: Visit) -> str:
    """The page as HTML."""
    template = _environment().get_template(shown.template)
    sections = list(sections_for(visit.principal)) if visit.principal else []
    return template.render(
        visit=visit,
        here=_entry_of(visit.call.path, sections),
        notice=visit.take_notice(),
        sections=sections,
        link=visit.link,
        static=lambda name: visit.link(static_files.address(name)),
        assets=settings().assets_url.rstrip("/"),
        other_page=lambda **changed: _other_page(visit, changed),
        **shown.values,
    )


def _entry_of(path: str, sections: Sequence[Section]) -> str:
    """The navigation's entry that a page belongs to: the longest one that its address is below."""
    paths = [link.path for section in sections for link in section.links]
    around = [each for each in paths if path == each or path.startswith(f"{each}/")]
    return max(around, key=len, default=path)


@lru_cache(16)
def policy(images: tuple[str, ...] = ()) -> str:
    """The Content-Security-Policy of a page: our own scripts, and nothing written into a page.

    Styles may be inline: bars have lengths, and charts write theirs at run time. Plotly comes from
    where the assets lie, and files go straight to the object store.

    Args:
        images: Addresses whose origins the page may show images of.
    """
    assets = _sources(settings().assets_url)
    store = _sources(settings().base_url, upload_origin(settings().objects_url))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {assets}",
            "style-src 'self' 'unsafe-inline'",
            f"img-src {_sources(*images)} data:",
            f"connect-src {store}",
            "font-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _sources(*urls: str) -> str:
    """The page's own origin and those of the addresses, as the policy lists them."""
    parts = [urlsplit(url) for url in urls]
    named = [f"{p.scheme}://{p.netloc}" for p in parts if p.scheme in ("http", "https")]
    return " ".join(("'self'", *dict.fromkeys(named)))


def _other_page(visit: Visit, changed: Mapping[str, Any]) -> str:
    """This page's address with other parameters; those that are None are left out."""
    pairs: dict[str, Any] = {**visit.call.query, **changed}
    told = {name: value for name, value in pairs.items() if value not in (None, "", [])}
    return visit.link(visit.call.path) + (f"?{urlencode(told, doseq=True)}" if told else "")


@cache
def _environment() -> "Environment":
    import jinja2

    folders = {path.parent.name: path for path in LIBRARY.glob("*/templates")}
    found = jinja2.Environment(
        loader=jinja2.PrefixLoader(
            {package: jinja2.FileSystemLoader(path) for package, path in folders.items()}
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=not settings().is_deployed,
    )
    found.globals |= {
        "roles": ROLES,
        "now": utc_now,
        "hoje": _today,
        "queues": QUEUES,
    }
    found.filters |= {
        "numero": _or_dash(portuguese.number),
        "contado": _or_dash(portuguese.counted),
        "brl": _or_dash(portuguese.brl),
        "dinheiro": _or_dash(portuguese.money),
        "porcento": _or_dash(portuguese.percent),
        "tamanho": _or_dash(portuguese.size),
        "telefone": portuguese.phone,
        "celula": charts.cell_text,
        "dia": _or_dash(_day),
        "instante": _or_dash(_instant),
        "hora": _or_dash(lambda value: _instant(value)[-5:]),
        "faz": _or_dash(ago),
        "iso": datetime.fromisoformat,
        "para_campo": _for_field,
        "campo_instante": _for_instant_field,
        "legivel": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        "json": lambda value: json.dumps(value, default=_plain, ensure_ascii=False),
    }
    return found


def _or_dash(shape: Any) -> Any:
    """Nothing is shown as a dash, which says that there is nothing."""
    return lambda value, *more: "–" if value is None else shape(value, *more)


def _today() -> date:
    return local_day(utc_now(), settings().local_timezone)


def _day(value: date) -> str:
    if isinstance(value, datetime):
        value = local_day(value, settings().local_timezone)
    return portuguese.day(value)


def _instant(value: datetime) -> str:
    return portuguese.instant(value, settings().local_timezone)


def ago(value: datetime) -> str:
    """How long ago, roughly; the exact instant stands beside it, in a title."""
    seconds = (utc_now() - value).total_seconds()
    if seconds < MINUTE:
        return "agora"
    if seconds < HOUR:
        return f"há {int(seconds // MINUTE)} min"
    days = (_today() - local_day(value, settings().local_timezone)).days
    if days <= 0:
        return f"há {int(seconds // HOUR)} h"
    if days < MONTHS_FROM:
        return "ontem" if days == 1 else f"há {days} dias"
    months = days * 12 // 365
    return f"há {months} meses" if months < YEARS_FROM else f"há {days // 365} anos"


def _for_field(value: Any) -> str:
    """A value as an input of HTML wants it."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return portuguese.number(value, 2)
    return value.isoformat() if isinstance(value, date) else str(value)


def _for_instant_field(value: datetime) -> str:
    """A moment as a `datetime-local` input wants it."""
    return f"{value.astimezone(zone(settings().local_timezone)):%Y-%m-%dT%H:%M}"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no value of a chart")
