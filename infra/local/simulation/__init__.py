"""A simulated gym: members, planos and visits that look like a gym's and are nobody's.

For the demo, the tests and the benchmarks. Numbers measured on it say how the software
behaves, not how well a model would do in a real gym.

    habits      every assumption, as a parameter with its unit
    presets     three gyms: academia_de_bairro, studio_premium, rede_24h
    members     who they are
    lives       how their engagement moves, when they stop and when they cancel
    turnstile   what the turnstile kept of it
    result      the columns handed over
"""

from datetime import datetime

import numpy as np

from infra.local.simulation.agenda import Window, instants, window
from infra.local.simulation.arrays import Instants, Ints
from infra.local.simulation.habits import Habits
from infra.local.simulation.lives import Lives
from infra.local.simulation.members import Members, birthdays, draw_members
from infra.local.simulation.names import people, telefones
from infra.local.simulation.presets import (
    PRESETS,
    academia_de_bairro,
    rede_24h,
    studio_premium,
)
from infra.local.simulation.result import (
    SimulatedAlunos,
    SimulatedGym,
    SimulatedMudancas,
    SimulatedPlano,
    SimulatedVisitas,
)
from infra.local.simulation.turnstile import Turnstile

__all__ = [
    "PRESETS",
    "Habits",
    "SimulatedAlunos",
    "SimulatedGym",
    "SimulatedMudancas",
    "SimulatedPlano",
    "SimulatedVisitas",
    "academia_de_bairro",
    "rede_24h",
    "simulate",
    "studio_premium",
]


def simulate(
    *,
    alunos: int = 2000,
    meses: int = 18,
    until: datetime,
    seed: int = 7,
    habits: Habits | None = None,
) -> SimulatedGym:
    """Simulate the records of a gym up to an instant.

    Args:
        alunos: Everybody who was a member at some time of the window; any number.
        meses: Calendar months of visits. Veterans joined before; their earlier visits are
            not known, as if the turnstile was bought on the first day.
        until: Aware; "now". Nothing is recorded after it, and a few members are inside.
        seed: Same arguments, same arrays, bit for bit, on one machine and numpy version.
        habits: How its members behave; `academia_de_bairro()` if left out.

    Raises:
        ValueError: `until` is naive, or there is no member or no month.
    """
    if alunos < 1:
        raise ValueError("alunos must be at least 1")
    habits = habits or academia_de_bairro()
    period = window(until, meses)
    # One stream each: a draw more in one part leaves the others as they were.
    who, life, gate, desk = (np.random.default_rng([seed, part]) for part in range(4))
    members = draw_members(who, alunos, habits, period)
    lives = Lives(life, members, habits, period)
    turnstile = Turnstile(gate, habits, period)
    for monday in period.mondays:
        lives.live_week(monday)
        turnstile.record_week(lives)
    return SimulatedGym(
        planos=tuple(SimulatedPlano(each.nome, each.mensalidade) for each in habits.planos),
        alunos=_alunos(desk, members, lives, habits, period),
        mudancas=_mudancas(lives, period),
        visitas=turnstile.visitas(lives),
        until=np.datetime64(period.until, "s").astype("datetime64[us]"),
    )


def _alunos(
    rng: np.random.Generator, members: Members, lives: Lives, habits: Habits, period: Window
) -> SimulatedAlunos:
    nome, email = people(rng, len(members))
    born = birthdays(rng, members.joined, habits.joining.mean_age).astype("datetime64[D]")
    born[rng.random(len(members)) < 0.08] = np.datetime64("NaT")
    return SimulatedAlunos(
        nome=nome,
        email=email,
        telefone=telefones(rng, rng.random(len(members)) < 0.88),
        data_nascimento=born,
        plano=members.plano,
        matriculado_em=instants(members.matriculado),
        cancelado_em=_until(lives.cancelado, period),
    )


def _mudancas(lives: Lives, period: Window) -> SimulatedMudancas:
    aluno, desde, plano = (np.concatenate(part) for part in zip(*lives.changes, strict=True))
    keep = (desde <= period.until) & (desde > lives.members.matriculado[aluno])
    keep &= desde < lives.cancelado[aluno]
    aluno, desde, plano = aluno[keep], desde[keep], plano[keep]
    order = np.lexsort((desde, aluno))
    return SimulatedMudancas(aluno[order], instants(desde[order]), plano[order])


def _until(seconds: Ints, period: Window) -> Instants:
    """Instants of what has happened by the end of the window, NaT for the rest."""
    happened = seconds <= period.until
    found = instants(np.where(happened, seconds, 0))
    found[~happened] = np.datetime64("NaT")
    return found
