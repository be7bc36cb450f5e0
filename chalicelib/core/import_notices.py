"""What an import says of rows that it took, but that somebody should look at."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, Field

LINES_SHOWN = 20


class NoticeOut(BaseModel):
    """Rows that were not refused, but that somebody should look at."""

    aviso: str
    linhas: int = Field(description="How many there are, known ones included.")
    primeiras: list[int] = Field(description="Lines of the first twenty.")


@dataclass(frozen=True)
class Noticed:
    """Rows of which the same is to be said.

    Attributes:
        rows: How many there are.
        first: Line numbers of the first `LINES_SHOWN`, in order.
    """

    rows: int
    first: list[int]

    def and_then(self, later: "Noticed") -> "Noticed":
        """These and those of a later chunk."""
        first = [*self.first, *later.first][:LINES_SHOWN]
        return Noticed(self.rows + later.rows, first)


def together(earlier: Mapping[str, Noticed], later: Mapping[str, Noticed]) -> dict[str, Noticed]:
    """What is to be said of one chunk after the other."""
    merged = dict(earlier)
    for what, rows in later.items():
        merged[what] = merged[what].and_then(rows) if what in merged else rows
    return merged


def as_notices(noticed: Mapping[str, Noticed]) -> list[NoticeOut]:
    """As a report has them."""
    return [
        NoticeOut(aviso=what, linhas=rows.rows, primeiras=rows.first)
        for what, rows in noticed.items()
    ]
