"""Two versions of a project's model on the same rows of a dataset, none of which trained them."""

from __future__ import annotations

from chalicelib.core.runs import JobRun
from chalicelib.ml.registry import ModelVersion, version_of
from chalicelib.ml.training.comparison import NoCommonHoldOut, compare
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.prices.errors_models import AlvosDiferentes
from chalicelib.prices.models import price_model_name
from chalicelib.prices.queues_models import ComparacaoMessage
from chalicelib.prices.schemas_models import ComparacaoPrecosReport
from chalicelib.prices.training_data import read_dataset
from chalicelib.prices.training_recipes import recipe_of, rows_of


def compare_versions(run: JobRun, message: ComparacaoMessage) -> ComparacaoPrecosReport:
    """Judge two versions on the rows of a dataset.

    Raises:
        ModelVersionNotFound, DatasetNotFound: There is no such version or dataset.
        AlvosDiferentes: They do not foretell the same.
        NoCommonHoldOut, ModelUnloadable: They cannot be compared.
    """
    run.progress(0, 3, "lendo o dataset")
    name = price_model_name(run.tenant, message.projeto)
    with run.reading() as session:
        pair = [version_of(session, name, number) for number in (message.a, message.b)]
    newest = _newest(pair)
    dataset_id = message.dataset or newest.data["dataset"]
    dataset, rows = read_dataset(run, dataset_id)
    try:
        judged = rows_of(run, newest, rows)
    except TooLittleData as error:
        raise NoCommonHoldOut from error
    recipe = recipe_of(name, newest, dataset.colunas)
    found = compare(run, recipe, (message.a, message.b), judged, ComparacaoPrecosReport)
    return found.model_copy(update={"dataset": dataset_id})


def _newest(pair: list[ModelVersion]) -> ModelVersion:
    first, second = pair
    if any(first.data[k] != second.data[k] for k in ("alvo", "tarefa", "classes")):
        raise AlvosDiferentes
    return max(pair, key=lambda each: each.version)
