"""What was predicted, for whom and by which version: listed, and exported as a file."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.cells import harmless
from chalicelib.core.db import unit_of_work
from chalicelib.core.pages import AS_ID, AS_INSTANT, fetch_page
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.uploads import object_store, store_must_answer
from chalicelib.prices.errors_models import PrevisaoNotFound
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.schemas_predictions import (
    ExportarPrevisoesQuery,
    FormatoArquivo,
    PrevisaoGuardada,
    PrevisoesQuery,
)
from chalicelib.prices.service_projects import objects_of
from chalicelib.prices.tables import Projeto
from chalicelib.prices.tables_predictions import Previsao

ROWS_PER_STATEMENT = 2_000
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
LINK_LIFETIME = timedelta(minutes=15)
MEDIA_TYPES = {FormatoArquivo.CSV: CSV, FormatoArquivo.NDJSON: NDJSON}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Without it Excel reads UTF-8 as something else.
FIXED = (
    *("id", "em", "versao", "usuario", "referencia", "valor", "baixo", "alto", "classe"),
    *("observado", "observado_classe", "observado_em"),
)


@dataclass(frozen=True)
class Exported:
    """A part of the history, as a file.

    Attributes:
        text: The file; empty where it is too large for an answer.
        address: Where it is to be fetched from then, for a quarter of an hour.
        continues_after: Id of the last prediction written, where some were left out.
    """

    text: str
    address: str | None
    continues_after: int | None


def list_predictions(
    session: Session, principal: Principal, projeto_id: UUID, query: PrevisoesQuery
) -> tuple[list[Previsao], str | None, tuple[int, bool]]:
    """A project's predictions, newest first.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
    """
    projeto_of(session, principal, projeto_id, Papel.LEITOR)
    statement = _filtered(projeto_id, query)
    key = (Previsao.em, Previsao.id)
    return fetch_page(session, statement, query, key, (AS_INSTANT, AS_ID))


def see_prediction(
    session: Session, principal: Principal, projeto_id: UUID, previsao_id: int
) -> Previsao:
    """One prediction.

    Raises:
        ProjetoNotFound, PrevisaoNotFound: There is none that the caller may see.
    """
    projeto_of(session, principal, projeto_id, Papel.LEITOR)
    found = session.get(Previsao, previsao_id)
    if found is None or found.projeto_id != projeto_id:
        raise PrevisaoNotFound
    return found


def _filtered(projeto_id: UUID, query: PrevisoesQuery | ExportarPrevisoesQuery) -> Select[Previsao]:
    statement = select(Previsao).where(Previsao.projeto_id == projeto_id)
    if query.versao is not None:
        statement = statement.where(Previsao.versao == query.versao)
    if query.usuario is not None:
        statement = statement.where(Previsao.usuario == query.usuario)
    if query.referencia is not None:
        statement = statement.where(Previsao.referencia == query.referencia)
    if query.desde is not None:
        statement = statement.where(Previsao.em >= query.desde)
    if query.ate is not None:
        statement = statement.where(Previsao.em < query.ate)
    if query.observado is not None:
        known = Previsao.observado_em.is_not(None)
        statement = statement.where(known if query.observado else ~known)
    return statement


def export_predictions(
    principal: Principal, projeto_id: UUID, query: ExportarPrevisoesQuery, now: datetime
) -> Exported:
    """A project's predictions as a file, oldest first; opens its own units of work.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
        ServiceUnavailable: The store does not answer.
    """
    with unit_of_work(tenant=principal.tenant, autocommit=True) as session:
        projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    with TemporaryFile() as file:
        last = _write(file, projeto, query)
        size = file.tell()
        file.seek(0)
        if size <= LARGEST_ANSWER_BYTES:
            return Exported(file.read().decode(), None, last)
        return Exported("", _stored(file, projeto, query.formato, now), last)


def _stored(file: BinaryIO, projeto: Projeto, form: FormatoArquivo, now: datetime) -> str:
    key = f"{objects_of(projeto)}exportacoes/{uuid4()}.{form.value}"
    with store_must_answer():
        object_store().put(key, file, content_type=MEDIA_TYPES[form])
    filename = f"previsoes-{now:%Y-%m-%d}.{form.value}"
    return object_store().signed_download(key, expires_in=LINK_LIFETIME, filename=filename)


def _write(file: BinaryIO, projeto: Projeto, query: ExportarPrevisoesQuery) -> int | None:
    """Write the lines; gives the last id where there are more of them."""
    writer = _CsvWriter(file) if query.formato is FormatoArquivo.CSV else _JsonWriter(file)
    written, last = 0, 0
    for rows in _blocks(projeto, query):
        for row in rows:
            if written == query.linhas:
                return last
            writer.write(row)
            written, last = written + 1, row.id
    return None


def _blocks(projeto: Projeto, query: ExportarPrevisoesQuery) -> Iterator[Sequence[Previsao]]:
    after = query.depois_de
    while True:
        statement = _filtered(projeto.id, query).where(Previsao.id > after)
        with unit_of_work(tenant=projeto.tenant, autocommit=True) as session:
            found = statement.order_by(Previsao.id).limit(ROWS_PER_STATEMENT)
            rows = session.scalars(found).all()
        if not rows:
            return
        yield rows
        after = rows[-1].id


class _JsonWriter:
    """One JSON object a line, all that was kept."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, row: Previsao) -> None:
        """Append a prediction."""
        kept = PrevisaoGuardada.model_validate(row).model_dump(mode="json")
        self._file.write(json.dumps(kept, ensure_ascii=False).encode() + b"\n")


class _CsvWriter:
    """The answer in columns, the case as one column of JSON: versions read different columns."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.write(BYTE_ORDER_MARK)
        self._line((*FIXED, "entrada"))

    def write(self, row: Previsao) -> None:
        """Append a prediction."""
        kept = PrevisaoGuardada.model_validate(row).model_dump(mode="json")
        case = json.dumps(kept["entrada"], ensure_ascii=False)
        self._line([*(harmless(kept[name]) for name in FIXED), case])

    def _line(self, cells: Sequence[Any]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerow(cells)
        self._file.write(text.getvalue().encode())
