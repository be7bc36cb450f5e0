"""The page that asks a version about one case, with sliders, and says why it answers so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.console.waterfall import Push, Waterfall, Writing, waterfall
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import number, percent
from chalicelib.core.web import Routes
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.schemas import Versao
from chalicelib.ml.versions import ModelUnusable
from chalicelib.prices import (
    service_datasets,
    service_models,
    service_predictions,
)
from chalicelib.prices.answers import explanation_ms
from chalicelib.prices.case_form import case_fields, case_of, in_case_fields
from chalicelib.prices.errors import DatasetNotFound
from chalicelib.prices.errors_models import (
    ExplicacaoCara,
    SemCampeao,
    SemExplicacao,
    VersaoArquivada,
)
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.pages import PROJECT, UNSEEN, anybody, project_page, said
from chalicelib.prices.schemas_datasets import ColunaPerfil
from chalicelib.prices.schemas_predictions import PrevisaoOut, PrevisoesIn, PrevisoesOut
from chalicelib.prices.words import UNSEEN as UNSEEN_WORDS

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

ASK = PROJECT + "/prever"
OFFERED_VERSIONS = 50
SHOWN_FIRST = 12

prediction_pages = Routes(__name__)
everybody = partial(anybody, prediction_pages)
UNANSWERED = (*UNSEEN, SemCampeao, ModelVersionNotFound, VersaoArquivada, ModelUnusable)


class VersionQuery(FormQuery):
    """Which version is asked; the one that answers, where nothing is said."""

    versao: Versao | None = None


@dataclass(frozen=True)
class Answered:
    """What a version said of a case, and how it came to it."""

    answer: PrevisoesOut
    said: PrevisaoOut
    chart: Waterfall | None


def show_ask(
    session: Session, visit: Visit, projeto_id: UUID, query: VersionQuery, form: Form
) -> Shown:
    """The form for a case."""
    return _ask(session, visit, projeto_id, query, form, None)


def _ask(
    session: Session,
    visit: Visit,
    projeto_id: UUID,
    query: VersionQuery,
    form: Form,
    answered: Answered | None,
) -> Shown:
    who = visit.who
    listed, _, _ = service_models.list_versions(
        session, who, projeto_id, PageQuery(limit=OFFERED_VERSIONS)
    )
    offered = [each for each in listed if each.arquivada_em is None]
    shown = partial(project_page, session, visit, projeto_id, "ask.html", "/prever", form=form)
    try:
        asked = service_predictions.version_asked(session, who, projeto_id, query.versao)
    except SemCampeao:
        return shown(version=None, offered=offered, answered=None)
    metadata = asked.model.metadata
    columns = _profile(session, visit, projeto_id, metadata)
    card = service_models.see_version(session, who, projeto_id, asked.versao, "")
    order = [str(each["column"]) for each in card.metricas.get("importancia", [])]
    fields = case_fields(metadata["esquema"], columns, order)
    if not form.action:
        form.values = {each.field: each.value for each in fields}
    return shown(
        version=asked.versao,
        offered=offered,
        metadata=metadata,
        fields=fields[:SHOWN_FIRST],
        more=fields[SHOWN_FIRST:],
        answered=answered,
        seen=_range(columns, metadata["alvo"]),
        unseen_words=UNSEEN_WORDS,
    )


def _profile(
    session: Session, visit: Visit, projeto_id: UUID, metadata: Mapping[str, Any]
) -> list[ColunaPerfil]:
    """What is known of the columns that a version was trained on; nothing of deleted data."""
    projeto = projeto_of(session, visit.who, projeto_id, Papel.LEITOR)
    try:
        return service_datasets.dataset_of(session, projeto, metadata["dataset"]).colunas
    except DatasetNotFound:
        return []


def _range(columns: list[ColunaPerfil], target: str) -> tuple[float, float] | None:
    """Between what the target lies in the data."""
    found = next((each.numero for each in columns if each.nome == target), None)
    return None if found is None else (found.minimo, found.maximo)


@prediction_pages.route(ASK, methods=["GET"])
@everybody(query=VersionQuery, raises=UNANSWERED, autocommit=True)
def get_ask_page(
    session: Session, visit: Visit, projeto_id: UUID, query: VersionQuery, form: Form
) -> Shown:
    """The form for a case, with the usual values in it."""
    return show_ask(session, visit, projeto_id, query, form)


@prediction_pages.route(ASK, methods=["POST"])
@everybody(
    query=VersionQuery,
    again=show_ask,
    raises=(*UNANSWERED, ExplicacaoCara, SemExplicacao),
)
def post_ask_page(
    session: Session,
    visit: Visit,
    projeto_id: UUID,
    query: VersionQuery,
    form: Form,
    now: datetime,
) -> Shown:
    """Ask about a case; what was answered is kept."""
    asked = service_predictions.version_asked(session, visit.who, projeto_id, query.versao)
    schema = asked.model.metadata["esquema"]
    body = form.read(
        PrevisoesIn,
        instancia=case_of(form.values, schema),
        versao=asked.versao,
        explicar=explains_one(asked.model),
    )
    try:
        answer = service_predictions.predict(session, visit.who, projeto_id, body, now)
    except ValidationFailed as problem:
        raise in_case_fields(problem, schema) from None
    return _ask(session, visit, projeto_id, query, form, answered_case(answer, body))


def explains_one(model: "ServedModel") -> bool:
    """Whether a person may wait for the reasons: longer than a program would."""
    waits = service_predictions.MOST_EXPLAINING_MS
    return model.explainer is not None and explanation_ms(model.metadata) <= waits


def answered_case(answer: PrevisoesOut, asked: PrevisoesIn) -> Answered:
    """An answer with its reasons as a chart, where it has any."""
    (found,) = answer.previsoes
    reasons = found.explicacao
    if reasons is None:
        return Answered(answer, found, None)
    case = asked.rows[0]
    pushes = [
        Push(name, _because(name, case), value) for name, value in reasons.contribuicoes.items()
    ]
    if found.probabilidades is not None:
        end = found.probabilidades[reasons.de]
        writing = _of_class(reasons.de)
    else:
        end = float(found.previsao)
        writing = _of_number(answer.unidade)
    return Answered(answer, found, waterfall(reasons.valor_base, pushes, end, writing))


def _because(name: str, case: Mapping[str, Any]) -> str:
    if name not in case:
        return name
    value = case[name]
    return f"{name} = {said(value) if isinstance(value, float) else value}"


def _of_number(unit: str | None) -> Writing:
    ending = f" {unit}" if unit else ""
    return Writing(
        start="Ponto de partida",
        end="Previsão",
        why_start="A resposta média, antes de olhar o caso.",
        total=lambda value: said(value) + ending,
        push=lambda value: f"{'+' if value > 0 else '−'}{said(abs(value))}",
        whole=False,
    )


def _of_class(label: str) -> Writing:
    return Writing(
        start="Ponto de partida",
        end=f"Probabilidade de {label}",
        why_start="A probabilidade média, antes de olhar o caso.",
        total=lambda value: percent(value, 1),
        push=lambda value: f"{'+' if value > 0 else '−'}{number(abs(value) * 100, 1)} p.p.",
        greatest=1.0,
    )
