"""The heads of all trails, stored day by day outside of the database.

Whoever can write to the database can make a chain anew from any entry on, so that it holds in
itself. It does not lead to the heads that were stored before.
"""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from chalicelib.core import personal_data
from chalicelib.core.audit import Cabeca
from chalicelib.core.clock import local_day
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.settings import settings
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store

log = logging.getLogger("previsto.audit")

TENANTS_PER_STATEMENT = 500
AT_ONCE = 8  # Three trips to the store for each tenant, within half a minute of Lambda.


@dataclass(frozen=True, order=True)
class Link:
    """An entry's number and hash."""

    seq: int
    hash: bytes


def head_folder(tenant: str) -> str:
    """Where a tenant's heads are stored."""
    return f"{tenant}/auditoria/cabecas/"


def export_folder(tenant: str) -> str:
    """Where copies of a tenant's trail lie for a while."""
    return f"{tenant}/auditoria/exportacoes/"


def head_key(tenant: str, day: date, head: Link) -> str:
    """The name of a stored head, which says all of it: a list of names tells every head.

    Another head of the same day has another name, so none takes another's place.
    """
    return f"{head_folder(tenant)}{day.isoformat()}-{head.seq}-{head.hash.hex()}.json"


def stored_heads(tenant: str) -> list[Link]:
    """The heads stored so far, in the order of the entries.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    try:
        names = [found.key.rpartition("/")[2] for found in object_store().list(head_folder(tenant))]
    except StorageUnavailable as error:
        raise ServiceUnavailable from error
    parts = (name.removesuffix(".json").split("-") for name in names)
    return sorted({Link(int(seq), bytes.fromhex(digest)) for *_, seq, digest in parts})


def store_heads(now: datetime) -> int:
    """Store the head of every trail under today's date, and delete copies that nobody fetches now.

    A store that is away is left for tomorrow.

    Returns:
        How many heads there are that were not stored before.
    """
    day = local_day(now, settings().local_timezone)

    def store(tenant: str, head: Link) -> bool:
        is_new = _store(head_key(tenant, day, head), head)
        for folder in (export_folder(tenant), personal_data.export_folder(tenant)):
            personal_data.remove_old_exports(folder, now)
        return is_new

    stored = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for heads in _heads():
                stored += sum(pool.map(store, heads.keys(), heads.values()))
        except StorageUnavailable:
            log.warning("heads of the trails not stored, the store is away")
    return stored


def _heads() -> Iterator[dict[str, Link]]:
    """Every tenant with its head, some hundreds at a time; nothing is open meanwhile."""
    after = ""
    while True:
        statement = select(Cabeca).where(Cabeca.tenant > after).order_by(Cabeca.tenant)
        with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
            found = session.scalars(statement.limit(TENANTS_PER_STATEMENT)).all()
        if not found:
            return
        yield {cabeca.tenant: Link(cabeca.seq, cabeca.hash) for cabeca in found}
        after = found[-1].tenant


def _store(key: str, head: Link) -> bool:
    if object_store().stat(key) is not None:
        return False
    content = json.dumps({"seq": head.seq, "hash": head.hash.hex()})
    object_store().put(key, content.encode(), content_type="application/json")
    return True
