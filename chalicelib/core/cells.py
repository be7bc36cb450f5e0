"""Cells of CSV files that people open with a spreadsheet."""

from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # A spreadsheet would run a text that begins so.


def harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; numbers are left as they are."""
    is_formula = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if is_formula and not _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
