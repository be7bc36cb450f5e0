"""What goes into a run and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from chalicelib.ml.registry import ModelName
from chalicelib.ml.training.publication import Publishable
from chalicelib.prices.algorithms import Tarefa
from chalicelib.prices.experiment import Coluna


class Listener(Protocol):
    """Who hears how far a run has come; a `JobRun` is one. What either raises ends the run."""

    def progress(self, done: float, total: float, step: str) -> None:
        """So much is done; `step` says what comes now, and how long all the rest may take."""

    def check_cancelled(self) -> None:
        """Called between fits."""


@dataclass(frozen=True)
class Dados:
    """A dataset, whole in memory.

    Attributes:
        colunas: Its columns after corrections.
        table: Column -> (n,) values: float64 with NaN; text or None; datetime64[us] with NaT.
        impressao_digital: SHA-256 of what the table was read from.
    """

    colunas: Sequence[Coluna]
    table: Mapping[str, NDArray[Any]]
    impressao_digital: str


@dataclass(frozen=True)
class Resultado:
    """What a run found.

    Attributes:
        tarefa: What is foretold.
        relatorio: Plain JSON: algorithms with parameters, metrics by fold and pooled, intervals,
            seconds; paired tests; the chosen one and why; warnings.
        figuras: Plotly JSON by name: those of the card and those that compare.
        pronto: The chosen model under a provisional name.
    """

    tarefa: Tarefa
    relatorio: dict[str, Any]
    figuras: dict[str, Any]
    pronto: Publishable

    def publishable(self, name: ModelName) -> Publishable:
        """The chosen model, ready for `publication.publish` under a name."""
        return self.pronto.named(name)
