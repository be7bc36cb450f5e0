"""A company's own columns, as the schema of a dataset has them: what they are to a model.

Training and deciding read their values by `read_own`, so that a value means the same to both.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.credit.values import NO, YES, folded
from chalicelib.ml.columns import Column

SIM, NAO = "sim", "não"


def own_columns(esquema: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Column]:
    """The own columns of a dataset's schema, as columns of a model; a bool is a category."""
    for columns in esquema.values():
        for column in columns:
            if column["propria"]:
                kind = "number" if column["kind"] == "number" else "category"
                yield Column(column["nome"], kind)  # type: ignore[arg-type]


def read_own(kind: str, value: Any) -> float | str | None:
    """A value of `atributos` as the kind of its column in the schema has it.

    Args:
        kind: number, category or bool.
        value: As stored; None where the item does not have it.

    Returns:
        A float of a number, a text of the others; None where the value is missing, or is none
        of its column's kind.
    """
    if value is None:
        return None
    if kind == "number":
        return float(value) if isinstance(value, int | float) and value is not True else None
    if kind == "bool":
        word = folded(str(value))
        return SIM if word in YES else NAO if word in NO else None
    if isinstance(value, bool):
        return SIM if value else NAO
    return repr(value) if isinstance(value, float) else str(value)
