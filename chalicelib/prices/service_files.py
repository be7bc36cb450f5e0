"""Files of cases: asked for, and their answers fetched by a signed address."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import Job, JobState, enqueue
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.core.uploads import (
    FileTypeUnsupported,
    object_store,
    require_stored,
    upload_media_type,
)
from chalicelib.prices.errors_models import LoteNaoPronto, LoteNotFound
from chalicelib.prices.media import MEDIA_TYPES
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.queues_models import PRICES_PREDICTION_QUEUE, ArquivoMessage
from chalicelib.prices.schemas_predictions import LoteIn, LoteOut, LoteReport
from chalicelib.prices.service_predictions import version_asked
from chalicelib.prices.tables_predictions import Chamada

LINK_LIFETIME = timedelta(minutes=15)
FROM_FILE = "arquivo"
SHOWN_UNFINISHED = 5


class TipoDeLoteDesconhecido(FileTypeUnsupported):
    """A file of cases was declared as text/csv, application/x-ndjson or
    application/vnd.apache.parquet when its upload was asked for."""

    motivo = "Envie um arquivo CSV, NDJSON ou Parquet."


def require_file(principal: Principal, body: LoteIn) -> None:
    """Make sure, ahead of the transaction, that the file is there.

    Raises:
        ObjectMissing: No upload of the caller's tenant has this key, or nothing has arrived.
        TipoDeLoteDesconhecido: It is of another type.
        ServiceUnavailable: The store does not answer.
    """
    with unit_of_work(tenant=principal.tenant, autocommit=True) as session:
        if upload_media_type(session, body.objeto) not in MEDIA_TYPES:
            raise TipoDeLoteDesconhecido
    require_stored(body.objeto)


def ask_for_file(session: Session, principal: Principal, projeto_id: UUID, body: LoteIn) -> Job:
    """Have the rows of a file predicted by the version that answers now, or a named one.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
        SemCampeao, ModelVersionNotFound, VersaoArquivada, ModelUnusable: No version answers.
    """
    asked = version_asked(session, principal, projeto_id, body.versao)
    message = ArquivoMessage(projeto=projeto_id, versao=asked.versao, objeto=body.objeto)
    return enqueue(
        session,
        PRICES_PREDICTION_QUEUE,
        message,
        tenant=principal.tenant,
        owner=principal.subject,
    )


def list_files(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery
) -> tuple[list[Chamada], str | None, tuple[int, bool]]:
    """The files that a project's versions have answered, newest first.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
    """
    projeto_of(session, principal, projeto_id, Papel.LEITOR)
    statement = select(Chamada).where(Chamada.projeto_id == projeto_id, Chamada.origem == FROM_FILE)
    return fetch_page(session, statement, query, (Chamada.id,), (AS_ID,))


def unfinished_files(session: Session, principal: Principal, projeto_id: UUID) -> list[Job]:
    """The jobs of files that are not answered, or could not be, newest first.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
    """
    projeto_of(session, principal, projeto_id, Papel.LEITOR)
    statement = (
        select(Job)
        .where(
            Job.queue == PRICES_PREDICTION_QUEUE.name,
            Job.state.in_((JobState.QUEUED, JobState.RUNNING, JobState.FAILED)),
            Job.message["projeto"].astext == str(projeto_id),
        )
        .order_by(Job.created_at.desc())
        .limit(SHOWN_UNFINISHED)
    )
    return list(session.scalars(statement))


def see_file(
    session: Session, principal: Principal, projeto_id: UUID, job_id: UUID, now: datetime
) -> LoteOut:
    """Where a file's answers are.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
        LoteNotFound: The project has no such file.
        LoteNaoPronto: It is not predicted.
    """
    projeto_of(session, principal, projeto_id, Papel.LEITOR)
    found = session.scalar(
        select(Chamada).where(Chamada.projeto_id == projeto_id, Chamada.job_id == job_id)
    )
    if found is None:
        job = session.get(Job, job_id)
        if job is None or job.message.get("projeto") != str(projeto_id):
            raise LoteNotFound
        raise LoteNaoPronto
    report = LoteReport.model_validate(found.relatorio)
    filename = f"previsoes.{report.objeto.rpartition('.')[2]}"
    address = object_store().signed_download(
        report.objeto, expires_in=LINK_LIFETIME, filename=filename
    )
    return LoteOut(relatorio=report, url=address, expira_em=now + LINK_LIFETIME)
