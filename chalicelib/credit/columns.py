"""From what `features.py` reads of orders to the table a model takes: training, deciding, trying.

A company's own columns are named by where they come from, `cliente.segmento`, and hold whatever
the company sent. The model says of which kind each is; a value of another kind counts as missing,
and `unread` names it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chalicelib.credit.features import OWN
from chalicelib.credit.values import NO, YES, folded
from chalicelib.ml.columns import Column

LARGEST = 1e30  # float32 ends at 3e38; no amount, count or score is anywhere near.

TRUTH: Mapping[bool | str, str] = {True: "sim", False: "não", "true": "sim", "false": "não"}

Row = Mapping[str, Any]
"""A row of `features.FEATURES`: the base columns, and `atributos_pedido` and so on."""


def table_of(rows: Sequence[Row], columns: Iterable[Column]) -> dict[str, list[Any]]:
    """The columns that a model takes, of n orders.

    Args:
        rows: What the database gave.
        columns: The model's, such as `served.encoder.columns`.

    Returns:
        Column name -> n values: float or None of a number, text or None of a category.
    """
    return {column.name: as_kind(_values(rows, column.name), column) for column in columns}


def as_kind(values: Iterable[Any], column: Column) -> list[Any]:
    """One column's plain values as a model takes them, whoever asks it."""
    if column.truth:
        return [as_truth(value) for value in values]
    read = as_number if column.kind == "number" else as_category
    return [read(value) for value in values]


def own_columns(row: Row) -> dict[str, Any]:
    """All of the company's own columns that a row has, by their names in the model."""
    return {
        f"{source}.{name}": value
        for source in OWN
        for name, value in (row[f"atributos_{source}"] or {}).items()
    }


@dataclass(frozen=True, slots=True)
class Unread:
    """What the model could not take of one row, by column name.

    Attributes:
        unknown: Own columns that the model was not trained with.
        misfit: Values of another kind than the column's: text where numbers were, for one.
    """

    unknown: tuple[str, ...]
    misfit: tuple[str, ...]


def unread(row: Row, columns: Sequence[Column]) -> Unread:
    """What `table_of` passes over, for the answer to name."""
    own, known = own_columns(row), {column.name: column for column in columns}
    misfit = (
        name
        for name, value in own.items()
        if value is not None and name in known and as_kind([value], known[name]) == [None]
    )
    return Unread(unknown=tuple(sorted(own.keys() - known.keys())), misfit=tuple(sorted(misfit)))


def _values(rows: Sequence[Row], name: str) -> Iterator[Any]:
    source, _, attribute = name.partition(".")
    if not attribute or source not in OWN:
        return (row[name] for row in rows)
    key = f"atributos_{source}"
    return ((row[key] or {}).get(attribute) for row in rows)


def as_number(value: Any) -> float | None:
    """The number that a plain value is; None of text, of truth values and of what is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value) if -LARGEST < value < LARGEST else None


def as_category(value: Any) -> str | None:
    """The category that a plain value is: text as it is, yes and no, a number as it is written.

    A CSV has `true` where JSON has a truth value; both are the same category.
    """
    if isinstance(value, bool):
        return TRUTH[value]
    if isinstance(value, str):
        written = value.strip()
        return TRUTH.get(written.lower(), written) or None
    number = as_number(value)
    if number is None:
        return None
    return str(int(number)) if number.is_integer() else str(number)


def as_truth(value: Any) -> str | None:
    """`sim` or `não`, of truth values, of 1 and 0 and of the words for them; None of all else."""
    if isinstance(value, bool):
        return TRUTH[value]
    if isinstance(value, str):
        word = folded(value.strip())
        return TRUTH[word in YES] if word in YES or word in NO else None
    return TRUTH[value == 1] if as_number(value) in (0, 1) else None
