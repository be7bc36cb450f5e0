"""Closing a dataset: checked as a whole, described, poured into the acervo, trained on once."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.clock import utc_now
from chalicelib.core.jobs import enqueue
from chalicelib.core.runs import JobRun
from chalicelib.credit.dataset_checks import check_dataset
from chalicelib.credit.dataset_schema import MOST_COLUMNS, infer_schema
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.pouring import pour
from chalicelib.credit.queues import CREDIT_TRAINING_QUEUE, FecharMessage, TreinoMessage
from chalicelib.credit.schemas_datasets import Achado, ConclusaoReport, EstadoDataset
from chalicelib.credit.service_dataset_view import count_lots
from chalicelib.credit.service_datasets import KEPT_OPEN, find_dataset, lock_dataset, record
from chalicelib.credit.tables import Dataset

TRAINED_BECAUSE = "dataset"
POURING = "levando ao acervo"


@dataclass(frozen=True)
class Findings:
    """What a check has found of a dataset."""

    problems: list[Achado]
    warnings: list[Achado]
    schema: dict[str, list[dict[str, Any]]]


def close_dataset(run: JobRun, message: FecharMessage) -> ConclusaoReport:
    """Check a dataset, and close it or say what is wrong.

    Nothing of it changes while it is checked. Closing, pouring and asking for the training are one
    transaction, which only the job that was asked to conclude can make, once.
    """
    with run.reading() as session:
        dataset = find_dataset(session, message.dataset)
    if not _is_ours(dataset, run):
        return ConclusaoReport(estado=EstadoDataset(dataset.estado))
    findings = _examine(run, dataset)
    with run.transaction() as session:
        held = lock_dataset(session, message.dataset)
        if not _is_ours(held, run):  # It was cancelled meanwhile.
            return ConclusaoReport(estado=EstadoDataset(held.estado))
        held.avisos = [found.model_dump(mode="json") for found in findings.warnings]
        held.problemas = [found.model_dump(mode="json") for found in findings.problems]
        items, training = 0, None
        if findings.problems:
            _refuse(session, run, held)
        else:
            items, training = _close(session, run, held, findings)
        return ConclusaoReport(
            estado=EstadoDataset(held.estado),
            problemas=len(findings.problems),
            avisos=len(findings.warnings),
            itens=items,
            treino=training,
        )


def _is_ours(dataset: Dataset, run: JobRun) -> bool:
    return dataset.estado == EstadoDataset.CONFERINDO and dataset.job_id == run.job_id


def _examine(run: JobRun, dataset: Dataset) -> Findings:
    run.progress(0, 3, "conferindo contagens, referências e desfechos")
    with run.reading() as session:
        problems, warnings = check_dataset(session, dataset)
    if problems:
        return Findings(problems, warnings, {})
    run.progress(1, 3, "descrevendo as colunas")
    with run.reading() as session:
        schema = infer_schema(session, dataset)
    return Findings(_too_many_columns(schema), warnings, schema)


def _too_many_columns(schema: dict[str, list[dict[str, Any]]]) -> list[Achado]:
    return [
        Achado(
            codigo="colunas_demais",
            tipo=Tipo(tipo),
            mensagem=f"Há mais de {MOST_COLUMNS} colunas próprias em {tipo}.",
            numeros={"maximo": MOST_COLUMNS},
        )
        for tipo, columns in schema.items()
        if sum(column["propria"] for column in columns) > MOST_COLUMNS
    ]


def _refuse(session: Session, run: JobRun, dataset: Dataset) -> None:
    dataset.estado = EstadoDataset.ABERTO
    dataset.expira_em = utc_now() + KEPT_OPEN
    codes = sorted({found["codigo"] for found in dataset.problemas})
    record(session, dataset, run.owner, "dataset.recusado", problemas=codes)


def _close(session: Session, run: JobRun, dataset: Dataset, findings: Findings) -> tuple[int, UUID]:
    lots = count_lots(session, dataset.id)

    def progress(done: int, total: int) -> None:
        run.progress(2 * total + done, 3 * total, POURING)

    now = utc_now()
    poured = pour(session, dataset, lots, now, progress)
    dataset.estado = EstadoDataset.FECHADO
    dataset.encerrado_em = now
    dataset.expira_em = None
    dataset.esquema = findings.schema
    message = TreinoMessage(dataset=dataset.id, motivo=TRAINED_BECAUSE, alvo=dataset.alvo)
    job = enqueue(
        session,
        CREDIT_TRAINING_QUEUE,
        message,
        tenant=run.tenant,
        owner=run.owner,
        dedupe_key=message.dedupe_key,
    )
    counts = {of.tipo.value: of.aceitos for of in lots}
    if poured.outcomes:
        record(session, dataset, run.owner, "dataset.desfechos", pedidos=poured.outcomes)
    record(session, dataset, run.owner, "dataset.fechado", itens=counts, treino=str(job.id))
    return poured.items, job.id
