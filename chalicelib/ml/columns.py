"""What a feature column is: how a raw value is to be encoded, as its product declares it.

What training learns of a column is in `fitted.py`, how it is written in `blocks.py`. A product's
`features.py` imports this module to declare its columns, so numpy is not imported here: a process
that never scores does not pay for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["number", "category", "ordinal", "date", "text"]
Imputation = Literal["median", "mean", "constant", "most_frequent"]
Scale = Literal["none", "standard", "minmax", "robust"]
DATE_PARTS = ("year", "month", "weekday", "yearday", "age_days")
TEXT_PARTS = ("characters", "words")
PARTS: dict[str, tuple[str, ...]] = {"date": DATE_PARTS, "text": TEXT_PARTS}
Table: TypeAlias = "Mapping[str, Sequence[Any] | NDArray[Any]]"


class ColumnUnfit(ValueError):
    """A training column cannot be encoded as declared; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """One raw column of a feature table.

    Args:
        name: Key in the table, and the source that a reason is given for.
        kind: What its values are. A "category" becomes a column of ones per value; an "ordinal"
            is text that becomes its place in an order; a "date" is a datetime64 and a "text" a
            string, of which `parts` are encoded.
        label: What a person calls it ("dias desde a última visita"); the name when empty.
        unit: Of a number, for a person ("dias").
        log: Encode log(1 + x); for numbers that are never negative.
        clip: Hold a served number inside the range seen in training, so that a linear model
            does not extrapolate.
        rare_below: A category seen in fewer training rows joins the rare group.
        truth: The categories are yes and no, however its product's rows write them.
        impute: What stands for a missing value. None: the median of numbers, a category of its
            own for categories, which other choices replace. Categories know only "constant" and
            "most_frequent".
        constant: The value that `impute="constant"` asks for.
        indicator: Also encode whether the value was missing, where training missed any.
        scale: Of the encoded numbers, after any logarithm: by mean and standard deviation, by
            range, or by median and interquartile range.
        order: Of an ordinal, least first; empty: sorted as text.
        parts: Which of `PARTS` of a date or a text are encoded; empty: all of them.
    """

    name: str
    kind: Kind
    label: str = ""
    unit: str = ""
    log: bool = False
    clip: bool = True
    rare_below: int = 1
    truth: bool = False
    impute: Imputation | None = None
    constant: float | str | None = None
    indicator: bool = True
    scale: Scale = "none"
    order: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if fault := self._fault():
            raise ValueError(f"column {self.name!r}: {fault}")

    def _fault(self) -> str | None:
        if self.kind not in get_args(Kind):
            return f"unknown kind {self.kind!r}"
        if self.log and self.kind != "number":
            return "only numbers have a logarithm"
        if self.order and self.kind != "ordinal":
            return "only ordinals have an order"
        if set(self.parts) - set(PARTS.get(self.kind, ())):
            return f"a {self.kind} has no such parts"
        if self.impute in ("median", "mean") and self.is_category:
            return f"text has no {self.impute}"
        return self._constant_fault()

    def _constant_fault(self) -> str | None:
        if (self.impute == "constant") != (self.constant is not None):
            return "a constant goes with its imputation"
        if self.constant is not None and isinstance(self.constant, str) != self.is_category:
            return "the constant is of another kind"
        return None

    @property
    def is_category(self) -> bool:
        """Whether its values are text out of a few."""
        return self.kind in ("category", "ordinal")

    @property
    def encoded_parts(self) -> tuple[str, ...]:
        """The parts of a date or text that are encoded, in a fixed order."""
        return tuple(p for p in PARTS.get(self.kind, ()) if not self.parts or p in self.parts)


@dataclass(frozen=True, slots=True)
class Interaction:
    """A number made of two number columns; a source of its own in explanations.

    What it contributes is what the product or ratio adds to what its two columns say by
    themselves, so it is shown under its own name rather than split between them by some rule.

    Args:
        kind: a * b, or a / b. It is missing where either is, and a ratio where b is 0.
        a, b: Names of number columns.
        scale: See `Column`.
    """

    kind: Literal["product", "ratio"]
    a: str
    b: str
    scale: Scale = "none"

    @property
    def name(self) -> str:
        """As reasons call it: "a × b", "a ÷ b"."""
        return f"{self.a} {'×' if self.kind == 'product' else '÷'} {self.b}"


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, or the NaN that pandas puts in text columns."""
    return value is None or value != value
