"""What a simulation hands over: columns, ready to be copied into tables."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from infra.local.simulation.arrays import Bools, Instants, Ints, Texts

OPEN_VISIT = np.timedelta64(6, "h")
"""A visit without an exit is open for this long; later its exit is missing."""


@dataclass(frozen=True)
class SimulatedPlano:
    nome: str
    mensalidade: Decimal  # BRL per month


@dataclass(frozen=True, eq=False)
class SimulatedAlunos:
    """(n,) each; a member is known by its row, 0 to n - 1, in order of joining."""

    nome: Texts
    email: Texts  # unique
    telefone: Texts  # "" where unknown
    data_nascimento: Instants  # datetime64[D], NaT where unknown
    plano: Ints  # index into `planos`, as chosen on joining; `mudancas` tells what followed
    matriculado_em: Instants  # may precede the window of visits by years
    cancelado_em: Instants  # NaT: still a member

    def __len__(self) -> int:
        return len(self.nome)


@dataclass(frozen=True, eq=False)
class SimulatedMudancas:
    """(m,) changes of plano, ordered by aluno, then time."""

    aluno: Ints
    desde: Instants
    plano: Ints


@dataclass(frozen=True, eq=False)
class SimulatedVisitas:
    """(v,) visits, ordered by aluno, then entrada; those of one aluno never overlap."""

    aluno: Ints
    entrada: Instants
    saida: Instants  # NaT: not registered, or the aluno is inside

    def __len__(self) -> int:
        return len(self.aluno)

    def chaves_evento(self, rows: slice = slice(None)) -> list[str]:
        """The event keys of these rows: equal in every run that simulates the same visit."""
        seconds = self.entrada[rows].astype("datetime64[s]").astype(np.int64)
        pairs = zip(self.aluno[rows].tolist(), seconds.tolist(), strict=True)
        return [f"sim-{aluno}-{second}" for aluno, second in pairs]


@dataclass(frozen=True, eq=False)
class SimulatedGym:
    """A simulated gym. Every instant is datetime64[us] in UTC and none lies after `until`."""

    planos: tuple[SimulatedPlano, ...]
    alunos: SimulatedAlunos
    mudancas: SimulatedMudancas
    visitas: SimulatedVisitas
    until: np.datetime64

    def inside(self) -> Bools:
        """(v,) visits open at `until`, at most one per aluno."""
        recent = self.visitas.entrada > self.until - OPEN_VISIT
        return np.asarray(recent & np.isnat(self.visitas.saida))

    def planos_at(self, instant: datetime | np.datetime64) -> Ints:
        """(n,) plano index of every aluno at an instant; a datetime must be aware."""
        if isinstance(instant, datetime):
            instant = np.datetime64(int(instant.timestamp() * 1e6), "us")
        plano = self.alunos.plano.copy()
        until_then = self.mudancas.desde <= instant
        # Later changes of one aluno come later in the order, so the last one stays.
        plano[self.mudancas.aluno[until_then]] = self.mudancas.plano[until_then]
        return plano
