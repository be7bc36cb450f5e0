"""Bulk imports: chunks that commit with the next offset, and a report of every row refused.

A killed import goes on from its last chunk, and a file sent again adds nothing, because a
product's `load` merges by the rows' own keys.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import ForeignKey, Text, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from chalicelib.core import audit
from chalicelib.core.db import Base
from chalicelib.core.import_notices import Noticed, NoticeOut, as_notices, together
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.core.rowfile import BadRow, Position, Row, RowFile
from chalicelib.core.runs import JobRun
from chalicelib.core.types import FromRow

ROWS_PER_CHUNK = 100_000
REJECTIONS_SHOWN = 100


class ImportRejection(Base):
    """A row of an imported file that was refused."""

    __tablename__ = "import_rejections"

    job_id: Mapped[UUID] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    linha: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    motivo: Mapped[str] = mapped_column(Text)


class RejectionOut(FromRow):
    """A row that was refused."""

    linha: int = Field(description="Line of the file; a CSV's header is line 1.")
    motivo: str


class ImportReport(BaseModel):
    """What became of a file's rows."""

    linhas: int = Field(description="Rows read.")
    aceitas: int
    duplicadas: int = Field(description="Known already, or twice in the file.")
    rejeitadas: int
    primeiras_rejeicoes: list[RejectionOut] = Field(
        description="The first hundred; all of them at GET /jobs/{id}/rejeicoes."
    )
    avisos: list[NoticeOut] = Field(description="What to look at among the rows that remain.")


@dataclass
class Tally:
    """Counts of a chunk, or of all so far."""

    aceitas: int = 0
    duplicadas: int = 0
    rejeitadas: int = 0
    linhas: int = 0


@dataclass
class Chunk:
    """Rows that are loaded and committed together.

    Attributes:
        rows: What the product's `parse` made of each good row, line number first.
        rejections: Line number -> why a row was refused.
        position: Where the file goes on behind them.
        lines: How many rows were read for it.
    """

    rows: list[Any] = field(default_factory=list)
    rejections: dict[int, str] = field(default_factory=dict)
    position: Position = field(default_factory=Position)
    lines: int = 0


@dataclass(frozen=True)
class Loaded:
    """What became of the rows of a chunk.

    Attributes:
        accepted: How many were new.
        known: How many were known already.
        refused: Line -> reason.
        noticed: What to say -> the rows, accepted or known, of which it is to be said.
    """

    accepted: int
    known: int
    refused: dict[int, str]
    noticed: Mapping[str, Noticed] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of all rows so far; kept at the checkpoint."""

    tally: Tally = field(default_factory=Tally)
    noticed: dict[str, Noticed] = field(default_factory=dict)

    @classmethod
    def of(cls, saved: dict[str, Any]) -> "Outcome":
        """What a checkpoint tells."""
        noticed = saved.get("noticed", {})
        return cls(Tally(**saved["tally"]), {name: Noticed(**n) for name, n in noticed.items()})

    def after(self, tally: Tally, noticed: Mapping[str, Noticed]) -> "Outcome":
        """This, and what became of another chunk."""
        sums = {name: value + getattr(tally, name) for name, value in asdict(self.tally).items()}
        return Outcome(Tally(**sums), together(self.noticed, noticed))


Parse = Callable[[int, Row], Any]
Load = Callable[[Session, list[Any]], Loaded]


class RowRefused(Exception):
    """This row cannot be imported; the message says why, in pt-BR."""


def import_rows(
    run: JobRun, open_file: Callable[[Position], RowFile], size_bytes: int, parse: Parse, load: Load
) -> ImportReport:
    """Import a file, from the run's checkpoint on.

    While the database merges one chunk, the next is parsed.

    Args:
        run: The job.
        open_file: Gives the file from a position on.
        size_bytes: Of the whole file, for the progress.
        parse: Turns line number and values into what `load` takes; raises `RowRefused`.
        load: Merges a chunk in the given transaction, and says what became of its rows.

    Raises:
        RunCancelled, RunInterrupted, LeaseLost: See `JobRun`.
    """
    saved = run.checkpoint or {"position": {}, "tally": {}}
    total = Outcome.of(saved)
    file = open_file(Position(**saved["position"]))
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="load") as loader:
        loading: Future[Outcome] | None = None
        for chunk in _chunks(file, parse):
            if loading is not None:
                total = loading.result()
                run.progress(file.position.offset, size_bytes, "importando")
            loading = loader.submit(copy_context().run, _load, run, chunk, load, total)
        if loading is not None:
            total = loading.result()
    return _report(run, total)


def _chunks(file: RowFile, parse: Parse) -> Iterator[Chunk]:
    chunk = Chunk()
    for line, row in file.rows():
        chunk.lines += 1
        if isinstance(row, BadRow):
            chunk.rejections[line] = row.reason
        else:
            try:
                chunk.rows.append(parse(line, row))
            except RowRefused as refusal:
                chunk.rejections[line] = str(refusal)
        if chunk.lines == ROWS_PER_CHUNK:
            chunk.position = file.position
            yield chunk
            chunk = Chunk()
    if chunk.lines:
        chunk.position = file.position
        yield chunk


def _load(run: JobRun, chunk: Chunk, load: Load, before: Outcome) -> Outcome:
    with run.transaction() as session:
        loaded = load(session, chunk.rows)
        rejections = {**chunk.rejections, **loaded.refused}
        if rejections:
            session.execute(
                insert(ImportRejection),
                [
                    {"job_id": run.job_id, "tenant": run.tenant, "linha": line, "motivo": reason}
                    for line, reason in rejections.items()
                ],
            )
        tally = Tally(loaded.accepted, loaded.known, len(rejections), chunk.lines)
        audit.record(
            session,
            tenant=run.tenant,
            ator=run.owner,
            acao="importacao.gravada",
            objeto=f"job:{run.job_id}",
            **asdict(tally),
        )
        after = before.after(tally, loaded.noticed)
        run.save_checkpoint(session, {"position": asdict(chunk.position), **asdict(after)})
    return after


def list_rejections(
    session: Session, job_id: UUID, query: PageQuery
) -> tuple[list[ImportRejection], str | None, tuple[int, bool]]:
    """The rows of a file that were refused, last line first.

    Returns:
        The rows of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(ImportRejection).where(ImportRejection.job_id == job_id)
    return fetch_page(session, statement, query, (ImportRejection.linha,), (AS_ID,))


def _report(run: JobRun, total: Outcome) -> ImportReport:
    with run.reading() as session:
        first = session.scalars(
            select(ImportRejection)
            .where(ImportRejection.job_id == run.job_id)
            .order_by(ImportRejection.linha)
            .limit(REJECTIONS_SHOWN)
        )
        shown = [RejectionOut.model_validate(row) for row in first]
    return ImportReport(
        **asdict(total.tally), primeiras_rejeicoes=shown, avisos=as_notices(total.noticed)
    )
