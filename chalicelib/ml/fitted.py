"""What training learns of each column: what stands for missing, ranges, scales, categories.

A new kind of column is a `Fitted...` class here, an entry in `FITTED_KINDS`, and a block in
`blocks.py` that writes its part of the matrix. All are plain JSON once stored; what older versions
stored lacks the newer keys, which then have the values they stood for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from chalicelib.ml.columns import Column, ColumnUnfit, Interaction, Table, is_missing
from chalicelib.ml.derived import Floats, as_days, combined, date_part, text_part
from chalicelib.ml.fitted_numbers import (
    FittedNumber,
    Values,
    column_from_json,
    number_from_json,
)


@dataclass(frozen=True, slots=True)
class FittedCategory:
    """A category column and what training saw of it.

    `categories` have an encoded column each; `rare` were seen too seldom and share one, which a
    category never seen joins when it is served. `fill` stands for what is missing; where it is
    None, missing values are a group of their own.
    """

    column: Column
    categories: tuple[str, ...]
    rare: tuple[str, ...]
    saw_missing: bool
    fill: str | None = None

    @property
    def flags_missing(self) -> bool:
        """Whether a column of the matrix says that the value was missing."""
        return self.saw_missing and self.column.indicator

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns: one per category, the rare group, the missing group."""
        name = self.column.name
        shared = [f"{name}:rare", f"{name}:missing"] if self.flags_missing else [f"{name}:rare"]
        return [f"{name}={category}" for category in self.categories] + shared

    @classmethod
    def fit(cls, column: Column, values: Values) -> Self:
        """Learn from (n,) training values; None and NaN are missing.

        Raises:
            ColumnUnfit: A value is neither text nor missing.
        """
        counts, missing = _counted(column, values)
        fill = _frequent(column, counts) if column.impute or not column.indicator else None
        if fill is not None:
            counts[fill] += missing
        kept = sorted(name for name, count in counts.items() if count >= column.rare_below)
        return cls(
            column=column,
            categories=tuple(kept),
            rare=tuple(sorted(counts.keys() - set(kept))),
            saw_missing=missing > 0,
            fill=fill,
        )


def _counted(column: Column, values: Values) -> tuple[Counter[str], int]:
    """How often each category occurs, and how often nothing."""
    counts = Counter(values)
    missing = [value for value in counts if is_missing(value)]
    absent = sum(counts.pop(value) for value in missing)
    odd = next((value for value in counts if not isinstance(value, str)), None)
    if odd is not None:
        raise ColumnUnfit(f"column {column.name!r} has a category of {type(odd).__name__}")
    return Counter({str(name): count for name, count in counts.items()}), absent


def _frequent(column: Column, counts: Counter[str]) -> str | None:
    """What stands for a missing category; None where training saw no category at all."""
    if column.impute == "constant":
        return str(column.constant)
    return min(counts, key=lambda name: (-counts[name], name)) if counts else None


@dataclass(frozen=True, slots=True)
class FittedOrdinal:
    """An ordinal column: its order, and how the places in it are encoded as a number.

    What is missing, and what training never saw, takes the place of `number.fill`.
    """

    column: Column
    order: tuple[str, ...]
    number: FittedNumber

    @property
    def numbers(self) -> tuple[FittedNumber, ...]:
        """The numbers it is encoded as."""
        return (self.number,)

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns: the place, and whether it was missing."""
        return self.number.names

    @classmethod
    def fit(cls, column: Column, values: Values) -> Self:
        """Learn from (n,) training values; None and NaN are missing.

        Raises:
            ColumnUnfit: A value is no text, or is missing from the declared order.
        """
        counts, _ = _counted(column, values)
        order = column.order or tuple(sorted(counts))
        if set(counts) - set(order):
            raise ColumnUnfit(f"column {column.name!r} has values that its order does not name")
        as_number = replace(column, kind="number", order=(), impute="median", constant=None)
        if column.impute is not None:
            fill = _frequent(column, counts)
            if fill is not None and fill not in order:
                raise ColumnUnfit(f"column {column.name!r}: its order lacks what stands for none")
            if fill is not None:
                place = float(order.index(fill))
                as_number = replace(as_number, impute="constant", constant=place)
        return cls(column, order, FittedNumber.fit(as_number, places(order, values)))

    def values(self, table: Table) -> list[Floats]:
        """(1, n) places; NaN where missing or never seen."""
        return [places(self.order, table[self.column.name])]


def places(order: Sequence[str], values: Values) -> Floats:
    """(n,) place of each value in an order; NaN where it is in none."""
    place = {name: float(i) for i, name in enumerate(order)}
    found = (np.nan if is_missing(v) else place.get(v, np.nan) for v in values)
    return np.fromiter(found, dtype=np.float64, count=len(values))


@dataclass(frozen=True, slots=True)
class FittedParts:
    """A date or a text: the parts of it that are encoded, each a number.

    `minimum` and `maximum` are of what the parts are taken of: days since 1970, or characters.
    """

    column: Column
    numbers: tuple[FittedNumber, ...]
    minimum: float
    maximum: float

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns: the parts, and whether the value was missing."""
        flags = [f"{self.column.name}:missing"] if self.numbers[0].flags_missing else []
        return [each.column.name for each in self.numbers] + flags

    @classmethod
    def fit(cls, column: Column, values: Values) -> Self:
        """Learn from (n,) training values; None and NaT are missing."""
        whole = as_days(values) if column.kind == "date" else text_part("characters", values)
        known = whole[~np.isnan(whole)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        numbers = []
        for part in column.encoded_parts:
            one = Column(
                f"{column.name}:{part}",
                "number",
                clip=column.clip,
                impute=None if column.impute == "constant" else column.impute,
                indicator=column.indicator,
                scale=column.scale,
            )
            numbers.append(FittedNumber.fit(one, _part(column, part, values, high)))
        return cls(column, tuple(numbers), low, high)

    def values(self, table: Table) -> list[Floats]:
        """(parts, n) numbers; NaN where missing."""
        raw = table[self.column.name]
        found = (_part(self.column, p, raw, self.maximum) for p in self.column.encoded_parts)
        return list(found)


def _part(column: Column, part: str, values: Values, latest: float) -> Floats:
    if column.kind == "date":
        return date_part(part, as_days(values), latest)
    return text_part(part, values)


@dataclass(frozen=True, slots=True)
class FittedInteraction:
    """A product or ratio and what training saw of it."""

    interaction: Interaction
    number: FittedNumber

    @property
    def column(self) -> Column:
        """What it is as a column of numbers."""
        return self.number.column

    @property
    def numbers(self) -> tuple[FittedNumber, ...]:
        """The numbers it is encoded as."""
        return (self.number,)

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns."""
        return self.number.names

    @classmethod
    def fit(cls, pair: Interaction, table: Table) -> Self:
        """Learn from training rows.

        Raises:
            ColumnUnfit: A value is infinite.
        """
        column = Column(pair.name, "number", scale=pair.scale)
        return cls(pair, FittedNumber.fit(column, _combined(pair, table)))

    def values(self, table: Table) -> list[Floats]:
        """(1, n) products or ratios."""
        return [_combined(self.interaction, table)]


def _combined(pair: Interaction, table: Table) -> Floats:
    a, b = (np.asarray(table[name], dtype=np.float64) for name in (pair.a, pair.b))
    return combined(pair, a, b)


Derived = FittedOrdinal | FittedParts | FittedInteraction
Fitted = FittedNumber | FittedCategory | Derived
FITTED_KINDS: dict[str, Any] = {
    "number": FittedNumber,
    "category": FittedCategory,
    "ordinal": FittedOrdinal,
    "date": FittedParts,
    "text": FittedParts,
}


def fit_column(column: Column, values: Values) -> Fitted:
    """Learn what serving must know of one column from its (n,) training values."""
    fitted: Fitted = FITTED_KINDS[column.kind].fit(column, values)
    return fitted


def fitted_to_json(fitted: Fitted) -> dict[str, Any]:
    """The fitted column as plain JSON values."""
    return asdict(fitted)


def fitted_from_json(stored: Mapping[str, Any]) -> Fitted:
    """The fitted column that `fitted_to_json` stored, whatever the order of its keys."""
    if "interaction" in stored:
        pair = Interaction(**stored["interaction"])
        return FittedInteraction(pair, number_from_json(stored["number"]))
    column = column_from_json(stored["column"])
    if column.kind == "category":
        known = tuple(stored["categories"]), tuple(stored["rare"])
        return FittedCategory(column, *known, stored["saw_missing"], stored.get("fill"))
    if column.kind == "ordinal":
        number = number_from_json(stored["number"])
        return FittedOrdinal(column, tuple(stored["order"]), number)
    if column.kind in ("date", "text"):
        numbers = tuple(map(number_from_json, stored["numbers"]))
        return FittedParts(column, numbers, float(stored["minimum"]), float(stored["maximum"]))
    return number_from_json(stored)
