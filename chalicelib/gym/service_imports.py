"""Bulk files of visits: parsed here, merged by the database in sets."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.clock import utc_now, zone
from chalicelib.core.db import copy_in
from chalicelib.core.imports import (
    ImportReport,
    Loaded,
    RowRefused,
    import_rows,
)
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.rowfile import HeaderInvalid, Position, Row, RowFile
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import settings
from chalicelib.core.uploads import object_store, require_stored, upload_media_type
from chalicelib.gym.early_visits import early_visits
from chalicelib.gym.schemas import ImportMessage
from chalicelib.gym.service_checkins import CLOCK_SKEW
from chalicelib.gym.service_recounts import ask_for_staged_recounts
from chalicelib.gym.visit_matching import match_staged

CHECKIN_COLUMNS = ("aluno_id", "email", "entrada", "saida", "tipo", "chave_evento")
LONGEST_VISIT = timedelta(hours=24)
LONGEST_TEXT = 254

UNKNOWN_ALUNO = "Aluno desconhecido."
SHORTEST_INSTANT = len("20260302T07")  # Whatever is shorter has no hour.

# What COPY's text format would take for something else.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def import_checkins(run: JobRun, message: ImportMessage) -> ImportReport:
    """Import a file of visits; see POST /aluno/checkin/lote."""
    open_file, size = open_import(run, message, CHECKIN_COLUMNS)
    _require_columns(open_file(Position()))
    parse = CheckinParser(utc_now())
    return import_rows(run, open_file, size, parse, load_checkins)


def open_import(
    run: JobRun, message: ImportMessage, columns: tuple[str, ...]
) -> tuple[Callable[[Position], RowFile], int]:
    """How to read the file a message names, and its size in bytes.

    Raises:
        ObjectMissing: It has not been uploaded, or has expired.
    """
    with run.reading() as session:
        media_type = upload_media_type(session, message.objeto)
    store = object_store()
    info = require_stored(message.objeto)

    def open_at(offset: int) -> Any:
        return store.open(message.objeto, offset=offset)

    return lambda position: RowFile(open_at, media_type, columns, position), info.size_bytes


def _require_columns(file: RowFile) -> None:
    if not file.is_csv:
        return
    names = set(file.header())
    if not names & {"aluno_id", "email"} or not names & {"entrada", "saida"}:
        raise HeaderInvalid(
            "The CSV needs a header with aluno_id or email, and entrada or saida;"
            f" it may also have {', '.join(CHECKIN_COLUMNS[4:])}."
        )


class CheckinParser:
    """Turns a row of text into a line for COPY; the rules that need no database are here."""

    def __init__(self, now: datetime) -> None:
        """Take the instant that no event may lie behind."""
        self._latest = now + CLOCK_SKEW
        self._zone = zone(settings().local_timezone)

    def __call__(self, line: int, row: Row) -> str:
        """A line of COPY text: line, aluno_id, email, entrada, saida, is_exit, key.

        Raises:
            RowRefused: The row makes no visit and no exit.
        """
        aluno_id, email, entrada, saida, tipo, chave = row
        if aluno_id is None and not email:
            raise RowRefused("Informe aluno_id ou email.")
        begins = self._instant(entrada, "entrada") if entrada else None
        ends = self._instant(saida, "saida") if saida else None
        is_exit = _is_exit(tipo, begins, ends)
        if begins and ends and not begins < ends <= begins + LONGEST_VISIT:
            raise RowRefused("A saída deve vir depois da entrada, em até 24 horas.")
        who = copy_text(str(email).lower()) if email else NULL
        when = f"{_written(entrada, begins)}\t{_written(saida, ends)}"
        return (
            f"{line}\t{_id(aluno_id)}\t{who}\t{when}\t"
            f"{'t' if is_exit else 'f'}\t{copy_text(chave) if chave else NULL}\n"
        )

    def _instant(self, value: Any, name: str) -> datetime:
        """An aware instant; one without offset is local."""
        try:
            # A day alone is no instant: as midnight it would be a visit that nobody made.
            instant = datetime.fromisoformat(value if len(value) >= SHORTEST_INSTANT else "")
            if instant.tzinfo is None:
                # Turned into UTC: arithmetic in one zone would ignore a change of its offset.
                instant = instant.replace(tzinfo=self._zone).astimezone(UTC)
            is_plausible = instant.year >= 1970 and instant <= self._latest
        except (ValueError, TypeError):
            raise RowRefused(
                f"{name}: use data e hora ISO 8601, como 2026-03-02T07:15:00-03:00."
            ) from None
        except OverflowError:
            is_plausible = False
        if not is_plausible:
            raise RowRefused(f"{name}: fora do intervalo entre 1970 e agora.")
        return instant


NULL = "\\N"

# PostgreSQL reads this form as Python does; of the others that Python takes, it reads some
# differently, and some would break out of COPY's line.
WRITTEN_ALIKE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}[+-](?:0[0-9]|1[0-4]):[0-9]{2}"
).fullmatch


def _written(text: Any, instant: datetime | None) -> str:
    """An instant for COPY; what PostgreSQL reads the same way is passed on as it came."""
    if instant is None:
        return NULL
    return text if WRITTEN_ALIKE(text) else str(instant.astimezone(UTC))


def _is_exit(tipo: Any, entrada: datetime | None, saida: datetime | None) -> bool:
    if tipo not in (None, "entrada", "saida"):
        raise RowRefused("tipo: use entrada ou saida.")
    is_exit = tipo == "saida" or (tipo is None and entrada is None)
    if is_exit and (saida is None or entrada is not None):
        raise RowRefused("Uma saída precisa de saida e não tem entrada.")
    if not is_exit and entrada is None:
        raise RowRefused("Uma entrada precisa de entrada.")
    return is_exit


def _id(value: Any) -> str:
    if value is None:
        return NULL
    digits = str(value)
    if not (digits.isdecimal() and digits.isascii() and len(digits) <= 18):
        raise RowRefused("aluno_id: use um número inteiro positivo.")
    return digits


def copy_text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """A value as COPY's text format wants it.

    Raises:
        RowRefused: It is longer than `longest` characters, or no PostgreSQL text.
    """
    if value is None:
        return NULL
    found = str(value)
    if found.isalnum() and len(found) <= longest:
        return found
    if len(found) > longest or "\0" in found:
        raise RowRefused(f"Texto com mais de {longest} caracteres ou com NUL.")
    if not found.isascii():
        _require_unicode(found)
    return found.translate(_ESCAPES)


def _require_unicode(value: str) -> None:
    """JSON can escape half of a surrogate pair, which no encoding of text can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RowRefused("Texto com caracteres inválidos.") from None


STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_checkins (
    linha int, aluno_id bigint, email text, entrada timestamptz, saida timestamptz,
    eh_saida boolean, chave text
) ON COMMIT DELETE ROWS
"""
COPY = "COPY staged_checkins FROM STDIN"

RESOLVE_EMAILS = """
UPDATE staged_checkins s SET aluno_id = a.id FROM alunos a
WHERE s.aluno_id IS NULL AND a.email = s.email
"""
REFUSE_UNKNOWN = """
DELETE FROM staged_checkins s
WHERE NOT EXISTS (SELECT 1 FROM alunos a WHERE a.id = s.aluno_id)
RETURNING linha
"""
# One order for everybody: two imports that touch the same members take turns, not a deadlock.
BUMP_REVISIONS = """
UPDATE alunos a SET revisao = revisao + 1
FROM (SELECT id FROM alunos WHERE id IN (SELECT aluno_id FROM staged_checkins)
      ORDER BY id FOR NO KEY UPDATE) t
WHERE a.id = t.id
"""
# What the desk has struck stays struck: it is known already.
DROP_STRUCK = """
DELETE FROM staged_checkins s USING visitas_anuladas z
WHERE z.aluno_id = s.aluno_id AND NOT s.eh_saida
  AND (z.entrada = s.entrada OR z.chave_evento = s.chave)
"""
COUNT_KINDS = """
SELECT count(*) FILTER (WHERE eh_saida) AS exits,
       count(*) FILTER (WHERE NOT eh_saida AND saida IS NULL) AS entries,
       count(*) FILTER (WHERE NOT eh_saida AND saida IS NOT NULL) AS visits,
       EXISTS (SELECT 1 FROM saidas) AS has_exits
FROM staged_checkins
"""
INSERT_WHOLE_VISITS = """
WITH nova AS (
    INSERT INTO checkins (aluno_id, entrada, saida, chave_evento)
    SELECT aluno_id, entrada, saida, chave FROM staged_checkins
    WHERE NOT eh_saida AND saida IS NOT NULL
    ORDER BY aluno_id, entrada, saida
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM nova
"""
CLOSE_SUPERSEDED = """
UPDATE checkins c SET sem_saida = true
FROM (SELECT aluno_id, max(entrada) AS entrada FROM staged_checkins
      WHERE NOT eh_saida GROUP BY aluno_id) s
WHERE c.aluno_id = s.aluno_id AND c.saida IS NULL AND NOT c.sem_saida AND c.entrada < s.entrada
"""
# An entry without exit is open only if it is recent and nothing of the member follows it.
INSERT_ENTRIES = """
WITH nova AS (
    INSERT INTO checkins (aluno_id, entrada, sem_saida, chave_evento)
    SELECT s.aluno_id, s.entrada,
           s.entrada <= cast(:now AS timestamptz) - interval '6 hours'
               OR EXISTS (SELECT 1 FROM staged_checkins t
                          WHERE t.aluno_id = s.aluno_id AND t.entrada > s.entrada)
               OR EXISTS (SELECT 1 FROM checkins d
                          WHERE d.aluno_id = s.aluno_id AND d.entrada > s.entrada),
           s.chave
    FROM staged_checkins s WHERE NOT s.eh_saida AND s.saida IS NULL
    ORDER BY s.aluno_id, s.entrada
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM nova
"""
# A visit known without its exit, or with one of its own or a later one, sent again with it.
COMPLETE_VISITS = """
WITH completa AS (
    UPDATE checkins c SET saida = s.saida, sem_saida = false, fonte_saida = NULL
    FROM (SELECT DISTINCT ON (aluno_id, entrada) * FROM staged_checkins
          WHERE NOT eh_saida AND saida IS NOT NULL ORDER BY aluno_id, entrada, saida) s
    WHERE c.aluno_id = s.aluno_id AND c.entrada = s.entrada
      AND c.fonte_saida IS DISTINCT FROM 'corrigida'
      AND (c.fonte_saida = 'evento' OR c.saida IS NULL OR c.saida > s.saida)
    RETURNING 1
)
SELECT count(*) FROM completa
"""
INSERT_EXITS = """
WITH nova AS (
    INSERT INTO saidas (aluno_id, saida, chave_evento)
    SELECT aluno_id, saida, chave FROM staged_checkins WHERE eh_saida
    ORDER BY aluno_id, saida, linha
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM nova
"""


def load_checkins(session: Session, rows: list[str]) -> Loaded:
    """Merge parsed rows."""
    now = utc_now()
    _stage(session, rows)
    session.execute(text(RESOLVE_EMAILS))
    refused = {row.linha: UNKNOWN_ALUNO for row in session.execute(text(REFUSE_UNKNOWN))}
    early = early_visits(session)
    session.execute(text(BUMP_REVISIONS))
    session.execute(text(DROP_STRUCK))
    session.execute(text(CLOSE_SUPERSEDED))
    counts = session.execute(text(COUNT_KINDS)).one()
    accepted = _merge(session, counts, now)
    if counts.exits or counts.has_exits:
        match_staged(session, now)
    if accepted:
        ask_for_staged_recounts(session, owner=SYSTEM, now=now)
    return Loaded(accepted, len(rows) - len(refused) - accepted, refused, early)


def _merge(session: Session, counts: Any, now: datetime) -> int:
    """Add what is new; returns how many rows were."""
    accepted = 0
    if counts.visits:
        accepted += session.execute(text(INSERT_WHOLE_VISITS)).scalar_one()
    if counts.entries:
        accepted += session.execute(text(INSERT_ENTRIES), {"now": now}).scalar_one()
    if accepted < counts.visits + counts.entries:
        accepted += session.execute(text(COMPLETE_VISITS)).scalar_one()
    if counts.exits:
        accepted += session.execute(text(INSERT_EXITS)).scalar_one()
    return int(accepted)


def _stage(session: Session, rows: list[str]) -> None:
    session.execute(text(STAGE))
    copy_in(session, COPY, blocks(rows))


def blocks(rows: list[str], size: int = 5_000) -> Iterator[bytes]:
    """Lines of COPY text in pieces that are worth a packet."""
    for start in range(0, len(rows), size):
        yield "".join(rows[start : start + size]).encode()
