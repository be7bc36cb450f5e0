"""The trail as NDJSON, each entry with the text that was hashed, so that anybody can verify it.

`texto` is the canonical text: a JSON array of the hash before (hexadecimal), tenant, number,
instant (UTC, to the microsecond), ator, acao, objeto, detalhes and request id, written as
PostgreSQL writes `jsonb`. Its SHA-256 in UTF-8 is `hash`, with which the next entry's text begins:

    jq -r .texto trilha.ndjson | while IFS= read -r texto; do
        printf %s "$texto" | sha256sum; done | cut -c-64 | diff - <(jq -r .hash trilha.ndjson)
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import Any, BinaryIO
from uuid import uuid4

from pydantic import ConfigDict, Field
from sqlalchemy import func, select

from chalicelib.core.audit import Auditoria, AuditoriaFilters, AuditoriaOut, filtered
from chalicelib.core.audit_heads import export_folder
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.rowfile import NDJSON
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store

MOST_ENTRIES = 100_000
ENTRIES_PER_STATEMENT = 5_000
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
LINK_LIFETIME = timedelta(minutes=15)

TEXTO = func.auditoria_texto(
    *(
        getattr(Auditoria, name)
        for name in (
            *("anterior", "tenant", "seq", "em", "ator", "acao", "objeto", "detalhes"),
            "request_id",
        )
    )
)


class ExportarQuery(AuditoriaFilters):
    """Which entries are exported."""

    model_config = ConfigDict(extra="forbid")

    desde_seq: int = Field(1, ge=1, le=2**62, description="From this entry on.")
    entradas: int = Field(
        MOST_ENTRIES, ge=1, le=MOST_ENTRIES, description="How many entries at the most."
    )


@dataclass(frozen=True)
class Exported:
    """A part of the trail.

    Attributes:
        text: NDJSON; empty where it is too large for an answer.
        address: Where it is to be fetched from then, for a quarter of an hour.
        continues_at: Number of the first entry that was left out; None when none was.
    """

    text: str
    address: str | None
    continues_at: int | None


def export_trail(tenant: str, query: ExportarQuery, now: datetime) -> Exported:
    """The tenant's trail, oldest entry first.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    with TemporaryFile() as file:
        continues_at = _write(file, tenant, query)
        size = file.tell()
        file.seek(0)
        if size <= LARGEST_ANSWER_BYTES:
            return Exported(file.read().decode(), None, continues_at)
        return Exported("", _keep(file, tenant, now), continues_at)


def _keep(file: BinaryIO, tenant: str, now: datetime) -> str:
    key = f"{export_folder(tenant)}{uuid4()}.ndjson"
    try:
        object_store().put(key, file, content_type=NDJSON)
    except StorageUnavailable as error:
        raise ServiceUnavailable from error
    filename = f"trilha-{now:%Y-%m-%d}.ndjson"
    return object_store().signed_download(key, expires_in=LINK_LIFETIME, filename=filename)


def _write(file: BinaryIO, tenant: str, query: ExportarQuery) -> int | None:
    """Write the lines; gives the number of the entry that comes after them, if there is one."""
    written = 0
    for rows in _pages(tenant, query):
        for entry, texto in rows:
            if written == query.entradas:
                return int(entry.seq)
            line = AuditoriaOut.model_validate(entry).model_dump(mode="json")
            file.write(json.dumps({**line, "texto": texto}, ensure_ascii=False).encode() + b"\n")
            written += 1
    return None


def _pages(tenant: str, query: ExportarQuery) -> Iterator[Sequence[Any]]:
    after = query.desde_seq - 1
    while True:
        statement = filtered(select(Auditoria, TEXTO), query).where(Auditoria.seq > after)
        with unit_of_work(tenant=tenant, autocommit=True) as session:
            rows = session.execute(
                statement.order_by(Auditoria.seq).limit(ENTRIES_PER_STATEMENT)
            ).all()
        if not rows:
            return
        yield rows
        after = rows[-1].Auditoria.seq
