"""A version tried on a file of sample orders: scores, and metrics where it says what became of
them; nothing is decided and nothing kept."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.core.errors import Unprocessable
from chalicelib.core.rowfile import BadRow
from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import require_stored, upload_media_type
from chalicelib.credit.columns import table_of
from chalicelib.credit.items import ItemRefused, reading_at
from chalicelib.credit.models import credit_model_name
from chalicelib.credit.order_files import SentLine, lines_of, reading_from
from chalicelib.credit.queues import EnsaioMessage
from chalicelib.credit.samples import Sample, look_at, read_sample
from chalicelib.credit.schemas_models import MOST_SAMPLES, LinhaRecusada, TesteReport
from chalicelib.credit.service_trials import describe_samples, usable_model
from chalicelib.credit.training_costs import Judged, decision_costs, point
from chalicelib.credit.training_data import OUTCOMES, instants
from chalicelib.credit.training_policy import Costs, training_policy
from chalicelib.credit.training_recipe import credit_recipe
from chalicelib.ml.registry import version_of
from chalicelib.ml.serving import ServedModel
from chalicelib.ml.training.card import FEW, reliable_metrics
from chalicelib.ml.training.hold_outs import unseen_rows
from chalicelib.ml.training.rows import LabelledRows

MOST_ROWS = 20_000
ROWS_PER_TRANSACTION = 100
REFUSALS_SHOWN = 20

LEARNED = (
    "{n} de {of} linhas com desfecho são do período ou dos clientes com que a versão foi treinada:"
    " se são pedidos do treino, ela parece melhor do que é."
)


class ArquivoGrande(Unprocessable):
    """This file has more than 20,000 rows; try the version on fewer."""

    motivo = "O arquivo tem mais de 20.000 linhas. Teste a versão com menos."


class ArquivoVazio(Unprocessable):
    """No row of this file could be read as a sample order."""

    motivo = "Nenhuma linha do arquivo pôde ser lida como um pedido."


def try_file(run: JobRun, message: EnsaioMessage) -> TesteReport:
    """Score every row of a file, and judge the version on those that say what became of them.

    Raises:
        ModelVersionNotFound, ModelUnusable: There is no such version, or it cannot answer.
        ArquivoGrande, ArquivoVazio: The file cannot be tried.
    """
    now = run.started_at
    run.progress(0, 1, "lendo o arquivo")
    with run.reading() as session:
        model = usable_model(session, run.tenant, message.versao)
        split = version_of(session, credit_model_name(run.tenant), message.versao).split
        policy = training_policy(session, run.tenant)
        media_type = upload_media_type(session, message.objeto)
    require_stored(message.objeto)
    samples, refused = read_samples(lines_of(reading_from(message.objeto), media_type), now)
    if not samples:
        raise ArquivoVazio
    rows = _look_at_all(run, samples, now)
    columns, limiar = model.encoder.columns, float(model.metadata["limiar"])
    answers = model.predict(table_of(rows, columns))
    outcomes = OUTCOMES[model.metadata["alvo"]]
    y = [outcomes.get(sample.desfecho or "") for sample in samples]
    judgement = _judgement(run, model, samples, y, answers, policy.costs)
    said = (judgement.pop("aviso"), _warning(samples, y, split))
    return TesteReport(
        versao=message.versao,
        alvo=model.metadata["alvo"],
        limiar=limiar,
        linhas=len(samples) + len(refused),
        lidas=len(samples),
        rotuladas=sum(each is not None for each in y),
        recusadas=len(refused),
        primeiras_recusadas=refused[:REFUSALS_SHOWN],
        **judgement,
        aviso=" ".join(each for each in said if each) or None,
        pedidos=describe_samples(model, samples[:MOST_SAMPLES], rows[:MOST_SAMPLES]),
    )


def read_samples(
    lines: Iterator[SentLine], now: datetime
) -> tuple[list[Sample], list[LinhaRecusada]]:
    """The samples of a file, and the rows that are none.

    Raises:
        ArquivoGrande: It has too many rows.
    """
    samples: list[Sample] = []
    refused: list[LinhaRecusada] = []
    reading = reading_at(now)
    for line, found in lines:
        if len(samples) + len(refused) >= MOST_ROWS:
            raise ArquivoGrande
        if isinstance(found, BadRow):
            refused.append(LinhaRecusada(linha=line, motivo=found.reason))
            continue
        try:
            samples.append(read_sample(found, str(line), reading))
        except ItemRefused as refusal:
            said = "; ".join(f"{f.campo or 'linha'}: {f.motivo}" for f in refusal.faults)
            refused.append(LinhaRecusada(linha=line, motivo=said))
    return samples, refused


def _look_at_all(run: JobRun, samples: list[Sample], now: datetime) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for start in range(0, len(samples), ROWS_PER_TRANSACTION):
        with run.transaction() as session:
            part = samples[start : start + ROWS_PER_TRANSACTION]
            rows += [look_at(session, run.tenant, sample, now) for sample in part]
        run.progress(len(rows), len(samples), "perguntando à versão")
    return rows


def _warning(samples: list[Sample], y: list[int | None], split: Mapping[str, Any]) -> str | None:
    """How many of the rows with an outcome the version may have learned from; None of none."""
    found = [each for each, outcome in zip(samples, y, strict=True) if outcome is not None]
    if not found:
        return None
    who = np.array([each.order.cliente for each in found], dtype=np.str_)
    as_of = instants([each.order.as_of for each in found])
    rows = LabelledRows({}, np.zeros(len(found), dtype=np.int_), who, as_of, "")
    learned = int((~unseen_rows(rows, split)).sum())
    return LEARNED.format(n=learned, of=len(found)) if learned else None


def _judgement(
    run: JobRun,
    model: ServedModel,
    samples: list[Sample],
    y: list[int | None],
    answers: NDArray[np.float64],
    costs: Costs,
) -> dict[str, Any]:
    """What the rows with an outcome say of the version; little of few."""
    known = np.array([each is not None for each in y], dtype=np.bool_)
    nothing = dict.fromkeys(("metricas", "no_limiar", "custo_por_pedido"))
    if not known.any():
        return {**nothing, "aviso": "Nenhuma linha diz o desfecho."}
    labelled = [sample for sample, is_known in zip(samples, known, strict=True) if is_known]
    judged = Judged(
        y=np.array([each for each in y if each is not None], dtype=np.int_),
        p=answers[known],
        valor=np.array([float(sample.order.valor) for sample in labelled]),
        who=np.array([sample.order.cliente for sample in labelled]),
    )
    recipe = credit_recipe(run.tenant, model.metadata["alvo"])
    metrics = reliable_metrics(recipe, judged.y, judged.p, judged.who)
    limiar = float(model.metadata["limiar"])
    return {
        "metricas": metrics,
        "no_limiar": point(judged, limiar, costs).to_json(),
        "custo_por_pedido": decision_costs(judged, limiar, costs, recipe.seed),
        "aviso": FEW if metrics is None else None,
    }
