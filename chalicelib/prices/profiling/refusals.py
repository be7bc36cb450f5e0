"""Why a file, or a row of it, is refused: in Portuguese, with numbers, without its content."""

from dataclasses import dataclass, field

from chalicelib.prices.errors import ArquivoRecusado

MOST_REFUSED_ROWS = 10_000
MOST_REFUSED_SHARE = 0.05
LINES_SHOWN = 5
FEWEST_ROWS_TO_JUDGE = 1_000


def numbered(count: int) -> str:
    """A count as it is written in Portuguese: 12.345."""
    return f"{count:,}".replace(",", ".")


@dataclass
class RefusedRows:
    """Rows that are left out: each counted, each listed.

    Attributes:
        reasons: Line of the file, from 1 -> why.
    """

    reasons: dict[int, str] = field(default_factory=dict)

    def add(self, line: int, reason: str, rows_read: int) -> None:
        """Leave out one more.

        Raises:
            ArquivoRecusado: They are too many for the rest to be trusted.
        """
        self.reasons.setdefault(line, reason)
        if len(self.reasons) > MOST_REFUSED_ROWS:
            self._refuse(rows_read)
        if rows_read >= FEWEST_ROWS_TO_JUDGE:
            self.judge(rows_read)

    def judge(self, rows_read: int) -> None:
        """Say whether the file can be trusted.

        Args:
            rows_read: How many rows there were, these among them.

        Raises:
            ArquivoRecusado: More than one row in twenty is refused.
        """
        if len(self.reasons) > MOST_REFUSED_SHARE * rows_read and self.reasons:
            self._refuse(rows_read)

    def _refuse(self, rows_read: int) -> None:
        first = "; ".join(
            f"linha {line}: {reason}" for line, reason in list(self.reasons.items())[:LINES_SHOWN]
        )
        raise ArquivoRecusado(
            f"{numbered(len(self.reasons))} de {numbered(rows_read)} linhas lidas não podem ser"
            f" aproveitadas. As primeiras: {first}"
        )
