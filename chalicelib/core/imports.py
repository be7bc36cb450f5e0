"""Bulk imports: chunks that commit with the next offset, and a report of every row refused.

A killed import goes on from its last chunk, and a file sent again adds nothing, because a
product merges by the rows' own keys.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import ForeignKey, Text, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from chalicelib.core import audit
from chalicelib.core.db import Base, copy_in, unit_of_work
from chalicelib.core.import_notices import Noticed, NoticeOut, as_notices, together
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.core.rowfile import BadRow, Position, Row, RowFile
from chalicelib.core.runs import JobRun
from chalicelib.core.types import FromRow

ROWS_PER_CHUNK = 200_000  # More of them touch each member less often, and are lost by a kill.
ROWS_PER_BLOCK = 5_000  # What is parsed before it is sent on.
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
    """Rows that are merged and committed together.

    Attributes:
        session: The transaction they are staged in.
        rejections: Line number -> why a row was refused.
        position: Where the file goes on behind them.
        lines: How many rows were read for it.
        staged: How many of them wait in the temporary table.
    """

    session: Session
    rejections: dict[int, str] = field(default_factory=dict)
    position: Position = field(default_factory=Position)
    lines: int = 0
    staged: int = 0


@dataclass(frozen=True)
class Merged:
    """What became of the rows of a chunk.

    Attributes:
        accepted: How many were new.
        refused: Line -> reason. Whatever is neither was known already.
        noticed: What to say -> the rows, accepted or known, of which it is to be said.
    """

    accepted: int
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


@dataclass(frozen=True)
class Target:
    """What a product does with a file's rows.

    Attributes:
        table: Name of the temporary table that rows wait in.
        columns: Its columns, as SQL; the first is the line number.
        parse: Turns line number and values into a line of COPY text; raises `RowRefused`.
        merge: Merges what is staged, and says what became of it.
    """

    table: str
    columns: str
    parse: Callable[[int, Row], str]
    merge: Callable[[Session], Merged]

    def create(self, session: Session) -> None:
        """Make the temporary table, unless this connection has it."""
        statement = f"CREATE TEMP TABLE IF NOT EXISTS {self.table} ({self.columns})"
        session.execute(text(f"{statement} ON COMMIT DELETE ROWS"))

    def stage(self, session: Session, lines: list[str]) -> None:
        """Let parsed rows wait for `merge`."""
        copy_in(session, f"COPY {self.table} FROM STDIN", ("".join(lines).encode(),))


class RowRefused(Exception):
    """This row cannot be imported; the message says why, in pt-BR."""


def import_rows(
    run: JobRun, open_file: Callable[[Position], RowFile], size_bytes: int, target: Target
) -> ImportReport:
    """Import a file, from the run's checkpoint on.

    While one chunk is merged, the next is parsed and staged in a transaction of its own: the
    database works on both, and no chunk has to fit in memory.

    Args:
        run: The job.
        open_file: Gives the file from a position on.
        size_bytes: Of the whole file, for the progress.
        target: What to do with the rows.

    Raises:
        RunCancelled, RunInterrupted, LeaseLost: See `JobRun`.
    """
    saved = run.checkpoint or {"position": {}, "tally": {}}
    total = Outcome.of(saved)
    file = open_file(Position(**saved["position"]))
    stager = _Stager(run, file, size_bytes, target)
    merging: Future[Outcome] | None = None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="merge") as merger:
        while True:
            with ExitStack() as work:
                chunk = stager.stage_chunk(work.enter_context(unit_of_work(tenant=run.tenant)))
                if merging is not None:
                    total = merging.result()
                if not chunk.lines:
                    break
                merge = partial(_merge, run, chunk, target, total, work.pop_all())
                merging = merger.submit(copy_context().run, merge)
    return _report(run, total)


class _Stager:
    """Reads a file into one staging table after the other."""

    def __init__(self, run: JobRun, file: RowFile, size_bytes: int, target: Target) -> None:
        self._run = run
        self._file = file
        self._rows = file.rows()
        self._size_bytes = size_bytes
        self._target = target

    def stage_chunk(self, session: Session) -> Chunk:
        """Stage the next rows; a chunk of no lines is the end of the file."""
        chunk = Chunk(session)
        self._target.create(session)
        while block := list(islice(self._rows, min(ROWS_PER_CHUNK - chunk.lines, ROWS_PER_BLOCK))):
            parsed = self._parse(block, chunk.rejections)
            if parsed:
                self._target.stage(session, parsed)
            chunk.staged += len(parsed)
            chunk.lines += len(block)
            self._run.progress(self._file.position.offset, self._size_bytes, "importando")
        chunk.position = self._file.position
        return chunk

    def _parse(
        self, block: list[tuple[int, Row | BadRow]], rejections: dict[int, str]
    ) -> list[str]:
        parse = self._target.parse
        parsed = []
        for line, row in block:
            if isinstance(row, BadRow):
                rejections[line] = row.reason
                continue
            try:
                parsed.append(parse(line, row))
            except RowRefused as refusal:
                rejections[line] = str(refusal)
        return parsed


def _merge(run: JobRun, chunk: Chunk, target: Target, before: Outcome, work: ExitStack) -> Outcome:
    """Merge what is staged and commit it, with the way on behind it."""
    session = chunk.session
    with work:
        run.hold(session)
        merged = target.merge(session)
        rejections = {**chunk.rejections, **merged.refused}
        record_rejections(session, run, rejections)
        known = chunk.staged - len(merged.refused) - merged.accepted
        tally = Tally(merged.accepted, known, len(rejections), chunk.lines)
        audit.record(
            session,
            tenant=run.tenant,
            ator=run.owner,
            acao="importacao.gravada",
            objeto=f"job:{run.job_id}",
            **asdict(tally),
        )
        after = before.after(tally, merged.noticed)
        run.save_checkpoint(session, {"position": asdict(chunk.position), **asdict(after)})
    # Only now is the chunk counted: had its commit failed, so would the count.
    return after


RECORD_REJECTIONS = """
INSERT INTO import_rejections (job_id, tenant, linha, motivo)
SELECT cast(:job_id AS uuid), cast(:tenant AS text), r.linha, r.motivo
FROM unnest(cast(:linhas AS int[]), cast(:motivos AS text[])) AS r (linha, motivo)
"""


def record_rejections(session: Session, run: JobRun, rejections: Mapping[int, str]) -> None:
    """List rows that a job refused: line -> why; `GET /jobs/{id}/rejeicoes` shows them."""
    rows = iter(rejections.items())
    while block := dict(islice(rows, ROWS_PER_BLOCK)):
        session.execute(
            text(RECORD_REJECTIONS),
            {
                "job_id": run.job_id,
                "tenant": run.tenant,
                "linhas": list(block),
                "motivos": list(block.values()),
            },
        )


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
