"""What a feature column is, and what training learns of it: a median, a range, the categories.

A new kind of column (date parts, ordinals, interactions) is a `Fitted...` class here, an entry in
`FITTED_KINDS`, and a block in `encoding.py` that writes its part of the matrix.

A product's `features.py` imports this module to declare its columns, so numpy is imported only
where a column is fitted: a process that never scores does not pay for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["number", "category"]
Table: TypeAlias = "Mapping[str, Sequence[Any] | NDArray[Any]]"


class ColumnUnfit(ValueError):
    """A training column cannot be encoded as declared; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """One raw column of a feature table.

    Args:
        name: Key in the table, and the source that a reason is given for.
        kind: "number" or "category".
        label: What a person calls it ("dias desde a última visita"); the name when empty.
        unit: Of a number, for a person ("dias").
        log: Encode log(1 + x); for numbers that are never negative.
        clip: Hold a served number inside the range seen in training, so that a linear model
            does not extrapolate.
        rare_below: A category seen in fewer training rows joins the rare group.
        truth: The categories are yes and no, however its product's rows write them.
    """

    name: str
    kind: Kind
    label: str = ""
    unit: str = ""
    log: bool = False
    clip: bool = True
    rare_below: int = 1
    truth: bool = False

    def __post_init__(self) -> None:
        if self.kind not in FITTED_KINDS:
            raise ValueError(f"column {self.name!r}: unknown kind {self.kind!r}")
        if self.kind == "category" and self.log:
            raise ValueError(f"column {self.name!r}: only numbers have a logarithm")


@dataclass(frozen=True, slots=True)
class FittedNumber:
    """A number column and what training saw of it, in the column's own unit.

    With no value at all in training, median, minimum and maximum are 0.
    """

    column: Column
    median: float
    minimum: float
    maximum: float
    saw_missing: bool

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns: the value, and whether it was missing."""
        name = self.column.name
        return [name, f"{name}:missing"] if self.saw_missing else [name]

    @classmethod
    def fit(cls, column: Column, values: Sequence[Any] | NDArray[Any]) -> Self:
        """Learn from (n,) training values; None and NaN are missing.

        Raises:
            ColumnUnfit: A value is infinite, or negative where a logarithm was asked for.
        """
        import numpy as np

        numbers = np.array(values, dtype=np.float64)
        missing = np.isnan(numbers)
        present = numbers[~missing] if missing.any() else numbers
        if np.isinf(present).any():
            raise ColumnUnfit(f"column {column.name!r} has infinite values")
        if column.log and (present < 0).any():
            raise ColumnUnfit(f"column {column.name!r} has negative values and no logarithm")
        seen = (np.median(present), present.min(), present.max()) if present.size else (0, 0, 0)
        # Adding 0.0 turns -0.0 into 0.0: PostgreSQL's jsonb keeps no sign of zero.
        median, minimum, maximum = (float(value) + 0.0 for value in seen)
        return cls(column, median, minimum, maximum, saw_missing=bool(missing.any()))


@dataclass(frozen=True, slots=True)
class FittedCategory:
    """A category column and what training saw of it.

    `categories` have an encoded column each; `rare` were seen too seldom and share one, which a
    category never seen joins when it is served.
    """

    column: Column
    categories: tuple[str, ...]
    rare: tuple[str, ...]
    saw_missing: bool

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns: one per category, the rare group, the missing group."""
        name = self.column.name
        shared = [f"{name}:rare", f"{name}:missing"] if self.saw_missing else [f"{name}:rare"]
        return [f"{name}={category}" for category in self.categories] + shared

    @classmethod
    def fit(cls, column: Column, values: Sequence[Any] | NDArray[Any]) -> Self:
        """Learn from (n,) training values; None and NaN are missing.

        Raises:
            ColumnUnfit: A value is neither text nor missing.
        """
        counts = Counter(values)
        missing = [value for value in counts if is_missing(value)]
        for value in missing:
            del counts[value]
        odd = next((value for value in counts if not isinstance(value, str)), None)
        if odd is not None:
            raise ColumnUnfit(f"column {column.name!r} has a category of {type(odd).__name__}")
        kept = sorted(name for name, count in counts.items() if count >= column.rare_below)
        return cls(
            column=column,
            categories=tuple(str(name) for name in kept),
            rare=tuple(str(name) for name in sorted(counts.keys() - set(kept))),
            saw_missing=bool(missing),
        )


Fitted = FittedNumber | FittedCategory
FITTED_KINDS: dict[str, type[FittedNumber] | type[FittedCategory]] = {
    "number": FittedNumber,
    "category": FittedCategory,
}


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, or the NaN that pandas puts in text columns."""
    return value is None or value != value


def fit_column(column: Column, values: Sequence[Any] | NDArray[Any]) -> Fitted:
    """Learn what serving must know of one column from its (n,) training values."""
    return FITTED_KINDS[column.kind].fit(column, values)


def fitted_to_json(fitted: Fitted) -> dict[str, Any]:
    """The fitted column as plain JSON values."""
    return asdict(fitted)


def fitted_from_json(stored: Mapping[str, Any]) -> Fitted:
    """The fitted column that `fitted_to_json` stored, whatever the order of its keys."""
    column = Column(**stored["column"])
    if column.kind == "category":
        return FittedCategory(
            column, tuple(stored["categories"]), tuple(stored["rare"]), stored["saw_missing"]
        )
    # A store may hand 3.0 back as the integer 3.
    median, minimum, maximum = (float(stored[key]) for key in ("median", "minimum", "maximum"))
    return FittedNumber(column, median, minimum, maximum, stored["saw_missing"])
