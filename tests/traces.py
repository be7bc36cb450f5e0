"""Where anything of somebody is left: in any column of any table, in any stored object."""

import json
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work

TEXT_OF_EVERY_ROW = """
SELECT string_agg(format('SELECT %L AS tabela, t::text AS linha FROM %I t', tablename, tablename),
                  ' UNION ALL ')
FROM pg_tables WHERE schemaname = 'public'
"""


def tables_with(traces: Sequence[str]) -> set[str]:
    """Tables in which one of these, in lower case, stands in any column; bytes as their text."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        everything = session.execute(text(TEXT_OF_EVERY_ROW)).scalar_one()
        rows = session.execute(text(everything.replace(":", "\\:"))).all()
    return {row.tabela for row in rows if _has_one(row.linha.encode(), traces)}


def objects_with(traces: Sequence[str], environment: dict[str, str]) -> list[str]:
    """Paths of stored objects in which one of these, in lower case, stands."""
    files = (Path(environment["DATA_DIR"]) / "objects").rglob("*")
    return [p.as_posix() for p in files if p.is_file() and _has_one(p.read_bytes(), traces)]


def _has_one(data: bytes, traces: Sequence[str]) -> bool:
    found = data.decode("utf-8", "replace").lower()
    escaped = data.decode("utf-8", "replace").replace("\\\\", "\\").lower()
    hidden = [json.dumps(trace)[1:-1] for trace in traces]
    return any(t in found or t in escaped for t in [*traces, *hidden])
