"""Bulk files of visits: parsed here, merged in `visit_merging`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.clock import utc_now, zone
from chalicelib.core.imports import ImportReport, RowRefused, Target, import_rows
from chalicelib.core.rowfile import HeaderInvalid, Position, Row, RowFile
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import settings
from chalicelib.core.uploads import object_store, require_stored, upload_media_type
from chalicelib.gym.schemas import ImportMessage
from chalicelib.gym.service_checkins import CLOCK_SKEW
from chalicelib.gym.visit_merging import STAGED_CHECKINS, STAGED_COLUMNS, merge_checkins

CHECKIN_COLUMNS = ("aluno_id", "email", "entrada", "saida", "tipo", "chave_evento")
LONGEST_VISIT = timedelta(hours=24)
LONGEST_TEXT = 254

SHORTEST_INSTANT = len("20260302T07")  # Whatever is shorter has no hour.

# What COPY's text format would take for something else.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def import_checkins(run: JobRun, message: ImportMessage) -> ImportReport:
    """Import a file of visits; see POST /aluno/checkin/lote."""
    open_file, size = open_import(run, message, CHECKIN_COLUMNS)
    _require_columns(open_file(Position()))
    return import_rows(run, open_file, size, checkin_target(utc_now()))


def checkin_target(now: datetime) -> Target:
    """What is done with rows of visits, none of which may lie behind `now`."""
    return Target(STAGED_CHECKINS, STAGED_COLUMNS, CheckinParser(now), merge_checkins)


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
            f" it may also have {', '.join(CHECKIN_COLUMNS[4:])}.",
            motivo="O CSV precisa de um cabeçalho com aluno_id ou email, e entrada ou saida; pode"
            f" ter também {', '.join(CHECKIN_COLUMNS[4:])}.",
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
# differently (it rounds a seventh decimal that Python drops), and some would break out of COPY's
# line. To write an instant anew costs as much as all else that is done with a row.
WRITTEN_ALIKE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-9]{2})"
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
