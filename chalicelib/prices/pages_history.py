"""Pages of what was predicted: listed, exported, told what became true; and how much was asked."""

from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, field_validator
from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.queries import FormQuery, PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.clock import local_day, zone
from chalicelib.core.errors import BadRequest
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.settings import settings
from chalicelib.core.types import Day, Id
from chalicelib.core.web import Routes
from chalicelib.identity import service
from chalicelib.ml.schemas import Versao
from chalicelib.prices import (
    service_actuals,
    service_history,
    service_models,
    service_usage,
)
from chalicelib.prices.errors import PapelInsuficiente
from chalicelib.prices.errors_models import PrevisaoNotFound
from chalicelib.prices.pages import PATH, PROJECT, UNSEEN, anybody, project_page
from chalicelib.prices.schemas_predictions import (
    ExportarPrevisoesQuery,
    FormatoArquivo,
    Observado,
    ObservadosIn,
    PrevisoesQuery,
    Referencia,
    UsoOut,
    UsoQuery,
)
from chalicelib.prices.words import UNSEEN as UNSEEN_WORDS

HISTORY = PROJECT + "/historico"
PERIODS = {7: "7 dias", 30: "30 dias", 90: "90 dias", 365: "um ano"}
OFFERED_VERSIONS = 50
YEAR = timedelta(days=365)

history_pages = Routes(__name__)
everybody = partial(anybody, history_pages)


class HistoryQuery(PartQuery):
    """The list's filters as a form sends them: what is not chosen comes empty."""

    versao: Versao | None = None
    usuario: str | None = Field(None, max_length=100)
    desde: Day | None = None
    ate: Day | None = None
    observado: Literal["sim", "nao"] | None = None
    referencia: Referencia | None = None

    @property
    def filters(self) -> dict[str, Any]:
        """The same as the API takes it: days are those of this installation, the last included."""
        return {
            "versao": self.versao,
            "usuario": self.usuario,
            "desde": _midnight(self.desde) if self.desde else None,
            "ate": _midnight(self.ate + timedelta(days=1)) if self.ate else None,
            "observado": None if self.observado is None else self.observado == "sim",
            "referencia": self.referencia,
        }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, zone(settings().local_timezone))


class ExportQuery(HistoryQuery):
    """The same, and as what."""

    formato: FormatoArquivo = FormatoArquivo.CSV


class UsageQuery(FormQuery):
    """How far back."""

    dias: Literal[7, 30, 90, 365] = 30

    @field_validator("dias", mode="before")
    @classmethod
    def _as_number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value


@history_pages.route(HISTORY, methods=["GET"])
@everybody(query=HistoryQuery, raises=(*UNSEEN, CursorInvalid), autocommit=True)
def get_history_page(
    session: Session, visit: Visit, projeto_id: UUID, query: HistoryQuery, now: datetime
) -> Shown:
    """What was predicted, newest first."""
    wanted = PrevisoesQuery(limit=query.limit, cursor=query.cursor, **query.filters)
    found, cursor, total = service_history.list_predictions(session, visit.who, projeto_id, wanted)
    usage = service_usage.usage(
        session, visit.who, projeto_id, UsoQuery(desde=now - YEAR, ate=now), now
    )
    askers = {each.usuario for each in usage.por_usuario} | {each.usuario for each in found}
    versions, _, _ = service_models.list_versions(
        session, visit.who, projeto_id, PageQuery(limit=OFFERED_VERSIONS)
    )
    people = service.names_of(session, askers)
    return project_page(
        session,
        visit,
        projeto_id,
        "history.html",
        "/historico",
        found=found,
        cursor=cursor,
        total=total,
        form=Form({n: v[-1] for n, v in visit.call.query.items() if v and v[-1]}),
        people=people,
        person_options=sorted(
            ((each, people.get(each, each)) for each in askers), key=lambda each: each[1].lower()
        ),
        version_options=[(each.versao, f"Versão {each.versao}") for each in versions],
        filtered=any(value is not None for value in query.filters.values()),
    )


@history_pages.route(f"{HISTORY}/exportar", methods=["GET"])
@everybody(query=ExportQuery, raises=UNSEEN, own_transactions=True)
def get_history_export(visit: Visit, projeto_id: UUID, query: ExportQuery, now: datetime) -> Reply:
    """What was predicted as a file; a large one is fetched from the store."""
    wanted = ExportarPrevisoesQuery(formato=query.formato, **query.filters)
    found = service_history.export_predictions(visit.who, projeto_id, wanted, now)
    if found.address is not None:
        return Reply(status=303, headers={"Location": found.address})
    name = f'attachment; filename="previsoes.{query.formato.value}"'
    media_type = CSV if query.formato is FormatoArquivo.CSV else NDJSON
    headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
    return Reply(found.text, headers=headers, media_type=f"{media_type}; charset=utf-8")


def show_prediction(
    session: Session, visit: Visit, projeto_id: UUID, previsao_id: Id, form: Form
) -> Shown:
    """A prediction as it was kept, and what became of the case."""
    found = service_history.see_prediction(session, visit.who, projeto_id, previsao_id)
    named = [each for each in (found.usuario, found.observado_por) if each]
    return project_page(
        session,
        visit,
        projeto_id,
        "prediction.html",
        "/historico",
        one=found,
        people=service.names_of(session, named),
        unseen_words=UNSEEN_WORDS,
        class_options=[(each, each) for each in found.probabilidades or {}],
        form=form,
    )


@history_pages.route(f"{HISTORY}/{{previsao_id}}", methods=["GET"])
@everybody(raises=(*UNSEEN, PrevisaoNotFound), autocommit=True)
def get_prediction_page(
    session: Session, visit: Visit, projeto_id: UUID, previsao_id: Id, form: Form
) -> Shown:
    """A prediction as it was kept, and what became of the case."""
    return show_prediction(session, visit, projeto_id, previsao_id, form)


@history_pages.route(f"{HISTORY}/{{previsao_id}}", methods=["POST"])
@everybody(again=show_prediction, raises=(*UNSEEN, PapelInsuficiente, PrevisaoNotFound))
def post_prediction_page(
    session: Session, visit: Visit, projeto_id: UUID, previsao_id: Id, form: Form, now: datetime
) -> Reply:
    """Tell what the case turned out to be; the model is measured anew."""
    if form.action != "informar":
        raise BadRequest
    told = form.read(Observado, amounts=("valor",), previsao_id=previsao_id)
    known = service_actuals.tell_actuals(
        session, visit.who, projeto_id, ObservadosIn(observados=[told]), now
    )
    if known.nao_encontrados:
        raise PrevisaoNotFound
    at = f"{PATH}/{projeto_id}/historico/{previsao_id}"
    return visit.go(at, "O valor real foi guardado, e o modelo será medido por ele.")


@history_pages.route(f"{PROJECT}/uso", methods=["GET"])
@everybody(query=UsageQuery, raises=UNSEEN, autocommit=True)
def get_usage_page(
    session: Session, visit: Visit, projeto_id: UUID, query: UsageQuery, now: datetime
) -> Shown:
    """How much was asked: by version, by person, over time."""
    wanted = UsoQuery(desde=now - timedelta(days=query.dias), ate=now)
    found = service_usage.usage(session, visit.who, projeto_id, wanted, now)
    figure = _series(found)
    return project_page(
        session,
        visit,
        projeto_id,
        "usage.html",
        "/uso",
        usage=found,
        days=query.dias,
        periods=PERIODS,
        people=service.names_of(session, [each.usuario for each in found.por_usuario]),
        figure=figure if found.serie else None,
        tables=charts.figure_tables(figure),
    )


def _series(found: UsoOut) -> dict[str, Any]:
    """Rows answered by day, a colour for each version."""
    zone_name = settings().local_timezone
    first, last = (local_day(each, zone_name) for each in (found.desde, found.ate))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    asked = {(s.versao, local_day(s.inicio, zone_name)): s.linhas for s in found.serie}
    bars = [
        {
            "type": "bar",
            "name": f"Versão {versao}",
            "x": [f"{day:%Y-%m-%d}" for day in days],
            "y": [asked.get((versao, day), 0) for day in days],
        }
        for versao in sorted({each.versao for each in found.serie})
    ]
    titles = {"xaxis": {"title": {"text": "Dia"}, "type": "date"}, "barmode": "stack"}
    return {"data": bars, "layout": {**titles, "yaxis": {"title": {"text": "Linhas"}}}}
