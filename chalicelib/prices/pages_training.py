"""Pages of trainings: what to try, how far it is, and how the algorithms compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from chalicelib.console import charts
from chalicelib.console.forms import Form
from chalicelib.console.job_actions import UNDER_WAY
from chalicelib.console.layout import Shown
from chalicelib.console.model_card import figure_title
from chalicelib.console.model_console import METRICS
from chalicelib.console.queries import FormQuery, PartQuery
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.errors import BadRequest, ValidationFailed
from chalicelib.core.pages import CursorInvalid, PageQuery
from chalicelib.core.types import Id
from chalicelib.core.web import Routes
from chalicelib.identity import service
from chalicelib.prices import service_datasets, service_training
from chalicelib.prices.algorithms import ALGORITMOS, Tarefa
from chalicelib.prices.errors import DatasetNaoPronto, DatasetNotFound, PapelInsuficiente
from chalicelib.prices.errors_models import TreinamentoNotFound, TreinamentoTerminou
from chalicelib.prices.experiment import task_of
from chalicelib.prices.experiment_form import beginning, experiment_of, in_fields
from chalicelib.prices.figures import target_of
from chalicelib.prices.hyperparameter_form import algorithm_forms
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.pages import PATH, PROJECT, UNSEEN, anybody, project_page
from chalicelib.prices.schemas_datasets import ColunaPerfil, EstadoDataset
from chalicelib.prices.schemas_models import TreinamentoOut
from chalicelib.prices.tables import Dataset
from chalicelib.prices.words import DATE_PARTS, FIGURES, JOBS, KINDS, TASKS, VALIDATIONS

TRAININGS = PROJECT + "/treinos"
TRAINING = TRAININGS + "/{treino_id}"
OFFERED_DATASETS = 50
TARGET_KINDS = ("numero", "categoria", "booleano")

training_pages = Routes(__name__)
everybody = partial(anybody, training_pages)


class NewQuery(FormQuery):
    """On what to train, and for what."""

    dataset: Id | None = None
    alvo: str | None = Field(None, max_length=200)


@dataclass(frozen=True)
class Chosen:
    """What a new training is about.

    Attributes:
        dataset: Its rows.
        target: What is to be foretold; None where no column can be.
        task: Which kind of model that takes.
    """

    dataset: Dataset
    target: str | None
    task: Tarefa

    @property
    def columns(self) -> list[ColunaPerfil]:
        """Of the dataset."""
        return self.dataset.colunas


@training_pages.route(TRAININGS, methods=["GET"])
@everybody(query=PartQuery, raises=(*UNSEEN, CursorInvalid), autocommit=True)
def get_trainings_page(
    session: Session, visit: Visit, projeto_id: UUID, query: PartQuery, now: datetime
) -> Shown:
    """A project's trainings, newest first."""
    found, cursor, total = service_training.list_trainings(
        session, visit.who, projeto_id, query, now
    )
    return project_page(
        session,
        visit,
        projeto_id,
        "trainings.html",
        "/treinos",
        found=found,
        cursor=cursor,
        total=total,
        people=service.names_of(session, [each.criado_por for each in found]),
        is_live=any(each.estado in UNDER_WAY for each in found),
        states=JOBS,
    )


def show_new(
    session: Session, visit: Visit, projeto_id: UUID, query: NewQuery, form: Form
) -> Shown:
    """The form of an experiment, with what it begins with."""
    projeto = projeto_of(session, visit.who, projeto_id, Papel.TREINADOR)
    datasets, _, _ = service_datasets.list_datasets(
        session, projeto, PageQuery(limit=OFFERED_DATASETS)
    )
    ready = [each for each in datasets if each.estado == EstadoDataset.PRONTO]
    shown = partial(
        project_page, session, visit, projeto_id, "new_training.html", "/treinos", datasets=ready
    )
    wanted = query.dataset or (ready[0].id if ready else None)
    if wanted is None:
        return shown(chosen=None, form=form)
    chosen = _chosen(service_datasets.dataset_of(session, projeto, wanted), query.alvo)
    algorithms = algorithm_forms(chosen.task)
    if not form.action:
        form = beginning(algorithms, chosen.target or "", chosen.columns)
    return shown(
        chosen=chosen,
        targets=[each for each in chosen.columns if each.tipo.value in TARGET_KINDS],
        task=TASKS[chosen.task.value],
        is_regression=chosen.task is Tarefa.REGRESSAO,
        algorithms_in=algorithms,
        kinds=KINDS,
        date_parts=DATE_PARTS,
        validations=VALIDATIONS,
        form=form,
    )


def _chosen(dataset: Dataset, alvo: str | None) -> Chosen:
    service_datasets.require_ready(dataset)
    columns = {each.nome: each for each in dataset.colunas}
    likely = service_datasets.candidates_of(dataset)
    target = alvo if alvo in columns else target_of(dataset.colunas, likely)
    if target is None:
        target = next((n for n, c in columns.items() if c.tipo.value in TARGET_KINDS), None)
    kind = columns[target].tipo.value if target is not None else "numero"
    return Chosen(dataset, target, task_of(kind))


@training_pages.route(f"{TRAININGS}/novo", methods=["GET"])
@everybody(
    query=NewQuery,
    raises=(*UNSEEN, DatasetNaoPronto, DatasetNotFound, PapelInsuficiente),
    autocommit=True,
)
def get_new_training(
    session: Session, visit: Visit, projeto_id: UUID, query: NewQuery, form: Form
) -> Shown:
    """The form of an experiment, with what it begins with."""
    return show_new(session, visit, projeto_id, query, form)


@training_pages.route(f"{TRAININGS}/novo", methods=["POST"])
@everybody(
    query=NewQuery,
    again=show_new,
    limit="120/hour",
    counted_as="post_treinamento",
    raises=(*UNSEEN, DatasetNaoPronto, DatasetNotFound, PapelInsuficiente),
)
def post_new_training(
    session: Session, visit: Visit, projeto_id: UUID, form: Form, now: datetime
) -> Reply:
    """Have it trained, and lead to where it is followed."""
    projeto = projeto_of(session, visit.who, projeto_id, Papel.TREINADOR)
    about = form.read(NewQuery)
    if about.dataset is None or about.alvo is None:
        raise BadRequest
    chosen = _chosen(service_datasets.dataset_of(session, projeto, about.dataset), about.alvo)
    asked = experiment_of(form, chosen.task, chosen.columns)
    try:
        begun = service_training.begin_training(session, visit.who, projeto_id, asked, now)
    except ValidationFailed as problem:
        names = [each.nome for each in asked.algoritmos]
        raise in_fields(problem, names, chosen.columns) from None
    return visit.go(f"{PATH}/{projeto_id}/treinos/{begun.id}")


def show_training(
    session: Session, visit: Visit, projeto_id: UUID, treino_id: Id, form: Form, now: datetime
) -> Shown:
    """How far a training is; once it has ended, every algorithm compared."""
    at = f"{PATH}/{projeto_id}/treinos/{treino_id}"
    found = service_training.see_training(session, visit.who, projeto_id, treino_id, at, now)
    result = found.resultado or {}
    return project_page(
        session,
        visit,
        projeto_id,
        "training.html",
        "/treinos",
        training=found,
        result=result,
        step=step_in_words(found.etapa),
        is_live=found.estado in UNDER_WAY,
        metrics=_metrics(result),
        tests=[_test(each) for each in result.get("testes", [])],
        figures=_figures(session, visit, projeto_id, found),
        people=service.names_of(session, [found.criado_por]),
        validations=VALIDATIONS,
        metric_words=METRICS,
        states=JOBS,
        form=form,
    )


def step_in_words(step: str | None) -> str:
    """What a training does now, algorithms by what people call them."""
    said = step or ""
    for name in sorted(ALGORITMOS, key=len, reverse=True):
        if name in said:
            return said.replace(name, ALGORITMOS[name].rotulo)
    return said


def _metrics(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, what it is called and which way is better, of the metrics that algorithms share."""
    pooled = [each["metricas"] for each in result.get("algoritmos", []) if each["metricas"]]
    known = [name for name in METRICS if pooled and isinstance(pooled[0].get(name), dict)]
    return [(name, *METRICS[name]) for name in known]


def _test(found: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the best is really better than another, for a sentence."""
    return {
        "best": ALGORITMOS[found["melhor"]].rotulo,
        "other": ALGORITMOS[found["outro"]].rotulo,
        "surely": found["realmente_melhor"],
        "test": found["teste_t_corrigido"],
    }


def _figures(
    session: Session, visit: Visit, projeto_id: UUID, found: TreinamentoOut
) -> list[tuple[str, dict[str, Any], list[charts.FigureTable]]]:
    order = [*FIGURES, *(name for name in found.figuras if name not in FIGURES)]
    figures = []
    for name in (name for name in order if name in found.figuras):
        drawn = service_training.training_figure(session, visit.who, projeto_id, found.id, name)
        figure = drawn.model_dump()
        figures.append((figure_title(name, figure, FIGURES), figure, charts.figure_tables(figure)))
    return figures


@training_pages.route(TRAINING, methods=["GET"])
@everybody(raises=(*UNSEEN, TreinamentoNotFound), autocommit=True)
def get_training_page(
    session: Session, visit: Visit, projeto_id: UUID, treino_id: Id, form: Form, now: datetime
) -> Shown:
    """How far a training is; once it has ended, every algorithm compared."""
    return show_training(session, visit, projeto_id, treino_id, form, now)


@training_pages.route(TRAINING, methods=["POST"])
@everybody(
    again=show_training,
    raises=(*UNSEEN, PapelInsuficiente, TreinamentoNotFound, TreinamentoTerminou),
)
def post_training_page(
    session: Session, visit: Visit, projeto_id: UUID, treino_id: Id, form: Form
) -> Reply:
    """Cancel it."""
    if form.action != "cancelar":
        raise BadRequest
    service_training.cancel_training(session, visit.who, projeto_id, treino_id)
    at = f"{PATH}/{projeto_id}/treinos/{treino_id}"
    return visit.go(at, "O treino para no próximo ponto seguro.")
