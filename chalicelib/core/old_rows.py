"""Rows that have been kept long enough, deleted some at a time: no transaction is a long one."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work

ROWS_AT_ONCE = 1_000


def remove_old_rows(delete: str, values: Mapping[str, Any]) -> int:
    """Run a DELETE until it finds less than it may; gives how many rows it has deleted.

    Args:
        delete: Of at most `:most` rows, of any tenant.
        values: Its other parameters.
    """
    removed = 0
    while True:
        with unit_of_work(role=DatabaseRole.SYSTEM) as session:
            found: Any = session.execute(text(delete), {**values, "most": ROWS_AT_ONCE})
            count: int = found.rowcount
        removed += count
        if count < ROWS_AT_ONCE:
            return removed
