"""How a published version of a project's model is judged again, from what was stored with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from chalicelib.core.runs import JobRun
from chalicelib.ml.columns import Column
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.registry import ModelName, ModelVersion
from chalicelib.ml.training.judging import Judge
from chalicelib.ml.training.multiclass import MulticlassJudge
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.regressors import RegressionJudge
from chalicelib.ml.training.rows import LabelledRows, Mask
from chalicelib.prices.algorithms import Tarefa
from chalicelib.prices.errors_models import AlvosDiferentes, TreinamentoNotFound
from chalicelib.prices.experiment import Experimento
from chalicelib.prices.inputs import schema_of
from chalicelib.prices.models import FORETOLD
from chalicelib.prices.schemas_datasets import ColunaPerfil
from chalicelib.prices.tables_models import Treinamento
from chalicelib.prices.training.data import Dados
from chalicelib.prices.training.folds import BY_GROUP, BY_ROW, unseen
from chalicelib.prices.training.rows import labelled
from chalicelib.prices.training.run import asked

READING = "leitura"
"""Key of a stored split: a digest of how the columns were read that tell rows apart."""


def reading_of(split: Mapping[str, Any], columns: Sequence[ColunaPerfil]) -> str | None:
    """A digest of how those columns are read by which rows are held out; None where time decides.

    Rows are held out by a hash of what was read. Were a column read otherwise since, or were there
    another one, every row would have another hash, and what a version held out would no longer be
    known: some of it would be rows that it learned from.

    Args:
        split: How rows were parted; see `training.folds.describe`.
        columns: All of the dataset's.
    """
    if split["tipo"] == BY_GROUP:
        columns = [each for each in columns if each.nome == split["coluna"]]
    elif split["tipo"] != BY_ROW:
        return None
    read = sorted(schema_of(columns), key=lambda each: str(each["nome"]))
    for each in read:
        del each["unidade"]  # Says nothing about the values.
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


def unseen_as_read(own: Mapping[str, Any], rows: LabelledRows, stored: Mapping[str, Any]) -> Mask:
    """(n,) which rows a version learned nothing of; none where it read them otherwise (law 7)."""
    if own[READING] != stored.get(READING):
        return np.zeros(len(rows.y), dtype=np.bool_)
    return unseen(own, rows, stored)


def why_incomparable(own: Mapping[str, Any], champion: ModelVersion) -> str | None:
    """Why a version cannot be judged beside the one that answers, in pt-BR.

    Args:
        own: The version's `data`.
        champion: Who answers.
    """
    theirs = champion.data
    if any(own[key] != theirs.get(key) for key in FORETOLD):
        return (
            f"A versão {champion.version} prevê {_foretold(theirs)}; esta, {_foretold(own)}. Não "
            "se comparam: quem responde continua, até que alguém promova outra."
        )
    if own["classes"] != theirs.get("classes"):
        return (
            f"A versão {champion.version} conhece outras classes. Não se comparam: quem responde "
            "continua, até que alguém promova outra."
        )
    return None


def _foretold(data: Mapping[str, Any]) -> str:
    unit = f" em {data['unidade']}" if data.get("unidade") else ""
    kind = "a classe de " if data["classes"] is not None else ""
    return f"{kind}{data['alvo']}{unit}"


def recipe_of(
    name: ModelName, version: ModelVersion, columns: Sequence[ColunaPerfil] = ()
) -> Recipe:
    """How a version is judged.

    Args:
        name: The model.
        version: Which.
        columns: Of the dataset whose rows are to judge it, where some are.
    """
    own = {**version.split, READING: reading_of(version.split, columns)} if columns else {}
    classes: list[str] | None = version.data["classes"]
    judge: Judge = RegressionJudge() if classes is None else MulticlassJudge(classes)
    return Recipe(
        name=name,
        columns=columns_of(version),
        judge=judge,
        entities="linhas_distintas",
        answer_label=version.data["alvo"],
        unseen=partial(unseen_as_read, own),
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
