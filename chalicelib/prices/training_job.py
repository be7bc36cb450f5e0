"""The training job: rows read, algorithms compared, the chosen one judged and published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import BaseModel, Field

from chalicelib.core.clock import utc_now
from chalicelib.core.errors import ValidationFailed
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import settings
from chalicelib.ml.training.publication import (
    Publishable,
    TrainingReport,
    earlier_report,
    publish,
)
from chalicelib.prices.errors_models import ExperimentoNaoServe, TreinamentoNotFound
from chalicelib.prices.experiment import Experimento, inputs_of
from chalicelib.prices.experiment_checks import check
from chalicelib.prices.inputs import schema_of
from chalicelib.prices.models import price_model_name
from chalicelib.prices.profiling.job import profile
from chalicelib.prices.queues_models import TreinoMessage
from chalicelib.prices.schemas_datasets import ColunaPerfil
from chalicelib.prices.service_models import follow_promotion
from chalicelib.prices.tables_models import Treinamento
from chalicelib.prices.training.data import Resultado
from chalicelib.prices.training.run import run_experiment
from chalicelib.prices.training_data import read_dataset
from chalicelib.prices.training_recipes import READING, reading_of, unseen_as_read, why_incomparable


class TreinoReport(BaseModel):
    """What a training came to; all of it is at its own address."""

    treinamento: int
    versao: int
    algoritmo: str
    promovido: bool = Field(description="Whether this version answers from now on.")
    motivo: str
    linhas_treino: int
    linhas_validacao: int
    metricas: dict[str, Any]
    metricas_regra_ingenua: dict[str, Any]
    ganho_sobre_regra: dict[str, Any]


def train(run: JobRun, message: TreinoMessage) -> TreinoReport:
    """Do a training; what an earlier attempt published is not published again.

    Raises:
        TreinamentoNotFound: There is none.
        DatasetNotFound, DatasetNaoPronto: Its dataset is gone or cannot be read.
        ExperimentoNaoServe: It does not fit the dataset, of which more is known now.
    """
    with run.reading() as session:
        training = session.get(Treinamento, message.treinamento)
    if training is None:
        raise TreinamentoNotFound
    published = earlier_report(run)
    if published is None:
        published = _publish(run, training)
    _conclude(run, training.id, published)
    return TreinoReport(treinamento=training.id, **published.model_dump())


def _publish(run: JobRun, training: Treinamento) -> TrainingReport:
    experiment = Experimento.model_validate(training.experimento, strict=False)
    run.progress(0, 1, "lendo o dataset")
    profile(run, training.dataset_id)
    dataset, rows = read_dataset(run, training.dataset_id)
    try:
        check(experiment, dataset.colunas, dataset.linhas or 0)
    except ValidationFailed as refusal:
        # A job's error has no fields: it says them.
        said = "; ".join(f"{each.campo}: {each.erro}" for each in refusal.errors)
        raise ExperimentoNaoServe(motivo=f"{ExperimentoNaoServe.motivo} {said}.") from refusal
    found = run_experiment(experiment, rows, run, settings().fit_jobs)
    _keep(run, training.id, found)
    name = price_model_name(run.tenant, training.projeto_id)
    read = {each.nome for each in inputs_of(experiment, dataset.colunas)}
    columns = [each for each in dataset.colunas if each.nome in read]
    ready = described(found.publishable(name), training, dataset.colunas, columns)
    run.progress(0.99, 1, "publicando")
    return publish(run, ready, then=follow_promotion(training.projeto_id))


def described(
    ready: Publishable,
    training: Treinamento,
    dataset: Sequence[ColunaPerfil],
    read: Sequence[ColunaPerfil],
) -> Publishable:
    """With what serving must know of the columns, where the rows came from and how they were read.

    Args:
        ready: The model.
        training: What made it.
        dataset: All columns of the dataset.
        read: Those that the model may read.
    """
    told = {
        "esquema": schema_of(read),
        "dataset": training.dataset_id,
        "treinamento": training.id,
    }
    own = ready.fields["split"]
    split = {**own, READING: reading_of(own, dataset)}
    fields = {**ready.fields, "data": {**ready.fields["data"], **told}, "split": split}
    recipe = replace(
        ready.recipe,
        unseen=partial(unseen_as_read, split),
        incomparable=partial(why_incomparable, fields["data"]),
    )
    return replace(ready, fields=fields, recipe=recipe)


def _keep(run: JobRun, training_id: int, found: Resultado) -> None:
    """Keep what was found before the version is published: a kill in between loses neither."""
    with run.transaction() as session:
        row = session.get_one(Treinamento, training_id)
        row.resultado, row.figuras = found.relatorio, found.figuras


def _conclude(run: JobRun, training_id: int, published: TrainingReport) -> None:
    with run.transaction() as session:
        row = session.get_one(Treinamento, training_id)
        row.versao, row.concluido_em = published.versao, utc_now()
        told = {"promovido": published.promovido, "motivo": published.motivo}
        row.resultado = {**(row.resultado or {}), "publicacao": told}
