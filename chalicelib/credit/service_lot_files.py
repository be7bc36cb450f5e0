"""Files that are too large for a form: stored first, then divided into lots by a job."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import utc_now
from chalicelib.core.jobs import Job, enqueue
from chalicelib.core.parsing import RawBody
from chalicelib.core.rowfile import CSV, LONGEST_LINE_BYTES, ZIP
from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store, require_stored, store_must_answer
from chalicelib.credit.errors import ArquivoSendoDividido, LoteIlegivel, LoteVazio
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import Place
from chalicelib.credit.lots import MAX_ITENS_POR_LOTE
from chalicelib.credit.queues import CREDIT_LOTS_QUEUE, LoteMessage
from chalicelib.credit.schemas_datasets import LoteReport
from chalicelib.credit.service_datasets import LIVE, hold_open
from chalicelib.credit.service_lots import receive_lot, take_body

STEP = "dividindo o arquivo em lotes"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
NO_ROWS_OF_LINES = (*UTF_16, b"[", b"{", ZIP)
FILES_SHOWN = 5
FULL_LOT_BYTES = 4 * 1024 * 1024  # As much as a request may bring.


def divide_later(session: Session, principal: Principal, place: Place, objeto: str) -> Job:
    """Have a stored file divided into lots, from a number on.

    Raises:
        DatasetNotFound: There is no such dataset.
        DatasetEmConferencia, DatasetEncerrado: It takes no lots.
        ArquivoSendoDividido: Another file of the kind is being divided: their numbers would clash.
    """
    hold_open(session, place.dataset_id, utc_now())
    message = LoteMessage(
        dataset=place.dataset_id, tipo=place.tipo.value, seq=place.seq, objeto=objeto
    )
    job = enqueue(
        session,
        CREDIT_LOTS_QUEUE,
        message,
        tenant=place.tenant,
        owner=principal.subject,
        dedupe_key=f"{place.dataset_id}/{place.tipo.value}/arquivo",
    )
    if job.message["objeto"] != objeto:
        raise ArquivoSendoDividido
    return job


def refuse_while_dividing(session: Session, dataset_id: UUID, tipo: Tipo | None = None) -> None:
    """Raises ArquivoSendoDividido while a file of the dataset, or of one kind, is divided."""
    for job in files_of(session, dataset_id):
        if job.state in LIVE and tipo in (None, job.message["tipo"]):
            raise ArquivoSendoDividido


def files_of(session: Session, dataset_id: UUID) -> Sequence[Job]:
    """The jobs of a dataset's last large files, newest first."""
    return session.scalars(
        select(Job)
        .where(
            Job.queue == CREDIT_LOTS_QUEUE.name,
            Job.message["dataset"].astext == str(dataset_id),
            Job.message["objeto"].astext.is_not(None),
        )
        .order_by(Job.created_at.desc())
        .limit(FILES_SHOWN)
    ).all()


def divide_file(run: JobRun, message: LoteMessage, objeto: str) -> LoteReport:
    """Take the lots of a file, each in a transaction of its own; a killed run goes on behind them.

    Raises:
        DatasetNotFound, DatasetEmConferencia, DatasetEncerrado: The dataset takes no lots.
        LoteIlegivel, LoteVazio, HeaderInvalid: It is no CSV of such items.
        ObjectMissing: The file is gone.
        ServiceUnavailable: The store does not answer.
    """
    size = require_stored(objeto).size_bytes
    sender = Principal(run.owner, None, Role.EMPRESA, run.tenant)
    tipo, read = Tipo(message.tipo), 0
    done, items = (run.checkpoint or {}).get("lotes", 0), (run.checkpoint or {}).get("itens", 0)
    with store_must_answer(), closing(object_store().open(objeto)) as stream:
        for number, raw in enumerate(lots_in(stream)):
            read += len(raw.data)
            run.progress(min(read, size), size, STEP)
            if number < done:
                continue
            now = utc_now()
            body = take_body(sender, message.dataset, tipo, raw, now)
            items += body.itens
            place = Place(run.tenant, message.dataset, tipo, message.seq + number)
            with run.transaction() as session:
                receive_lot(session, sender, place, body, now)
                run.save_checkpoint(session, {"lotes": number + 1, "itens": items})
    return LoteReport(tipo=tipo, seq=message.seq, aceitos=items)


def lots_in(stream: BinaryIO) -> Iterator[RawBody]:
    """The bodies of the lots of a CSV of any length, each with the header.

    Raises:
        LoteIlegivel: It is no CSV whose rows are lines of bytes.
        LoteVazio: It has no rows.
    """
    header = stream.readline(LONGEST_LINE_BYTES)
    if header.startswith(NO_ROWS_OF_LINES):
        raise LoteIlegivel(
            "A large file has to be a CSV in UTF-8 or Latin-1.",
            motivo="Um arquivo grande precisa ser um CSV, em UTF-8 ou Latin-1.",
        )
    if not header.endswith(b"\n"):
        raise LoteVazio
    rows = (row for row in iter(lambda: stream.readline(LONGEST_LINE_BYTES), b"") if row.strip())
    for lot in _lots_of(rows):
        yield RawBody(CSV, header + b"".join(lot))


def _lots_of(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    lot: list[bytes] = []
    size = 0
    for row in rows:
        lot.append(row)
        size += len(row)
        if len(lot) == MAX_ITENS_POR_LOTE or size >= FULL_LOT_BYTES:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot
