"""How a published version of a project's model is judged again, from what was stored with it."""

from __future__ import annotations

from functools import partial

from chalicelib.core.runs import JobRun
from chalicelib.ml.columns import Column
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.registry import ModelName, ModelVersion
from chalicelib.ml.training.judging import Judge
from chalicelib.ml.training.multiclass import MulticlassJudge
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.regressors import RegressionJudge
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.prices.algorithms import Tarefa
from chalicelib.prices.errors_models import AlvosDiferentes, TreinamentoNotFound
from chalicelib.prices.experiment import Experimento
from chalicelib.prices.tables_models import Treinamento
from chalicelib.prices.training.data import Dados
from chalicelib.prices.training.folds import unseen
from chalicelib.prices.training.rows import labelled
from chalicelib.prices.training.run import asked


def recipe_of(name: ModelName, version: ModelVersion) -> Recipe:
    """How a version is judged."""
    classes: list[str] | None = version.data["classes"]
    judge: Judge = RegressionJudge() if classes is None else MulticlassJudge(classes)
    return Recipe(
        name=name,
        columns=columns_of(version),
        judge=judge,
        entities="linhas_distintas",
        answer_label=version.data["alvo"],
        unseen=partial(unseen, version.split),
        asked=asked,
        classes=classes,
    )


def columns_of(version: ModelVersion) -> tuple[Column, ...]:
    """The columns that a version reads."""
    return Encoder.from_json(version.encoder).columns


def rows_of(run: JobRun, version: ModelVersion, rows: Dados) -> LabelledRows:
    """A dataset's rows as a version's training would have taken them.

    Raises:
        TreinamentoNotFound: Its training is not known any more.
        AlvosDiferentes: The dataset has other classes.
        TooLittleData: They are too few, or all of one value.
    """
    with run.reading() as session:
        training = session.get(Treinamento, version.data["treinamento"])
    if training is None:
        raise TreinamentoNotFound
    experiment = Experimento.model_validate(training.experimento, strict=False)
    found = labelled(experiment, rows, Tarefa(version.data["tarefa"]))
    if found.classes is not None and list(found.classes) != list(version.data["classes"]):
        raise AlvosDiferentes
    return found.rows
