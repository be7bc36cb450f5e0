"""Which hyperparameters a search tries."""

from __future__ import annotations

import math
import random

from chalicelib.prices.algorithms import Busca, Espaco, Tarefa, Value, is_whole

Trial = dict[str, Value]


def trials_of(algorithm: str, tarefa: Tarefa, busca: Busca, seed: int) -> list[Trial]:
    """Every point of a grid, or as many random points as asked for, none of them twice.

    Few values give fewer random points than asked for.
    """
    if busca.tipo == "grade":
        return list(busca.grid())
    draw = random.Random(f"{algorithm}:{seed}")
    found: dict[str, Trial] = {}
    for _ in range(busca.tentativas * 10):
        point = {
            name: _draw(space, is_whole(algorithm, tarefa, name), draw)
            for name, space in busca.espaco.items()
        }
        found.setdefault(repr(point), point)
        if len(found) == busca.tentativas:
            break
    return list(found.values())


def _draw(space: Espaco, whole: bool, draw: random.Random) -> Value:
    if space.valores is not None:
        chosen: Value = draw.choice(space.valores)
        return chosen
    low, high = float(space.de or 0.0), float(space.ate or 0.0)
    if whole and space.escala == "uniforme":
        return draw.randint(int(low), int(high))
    if space.escala == "log":
        # Half a step more at either end, so that whole numbers there are as likely as others.
        low, high = (low - 0.5 + 1e-9, high + 0.5 - 1e-9) if whole else (low, high)
        value = math.exp(draw.uniform(math.log(low), math.log(high)))
    else:
        value = draw.uniform(low, high)
    return round(value) if whole else min(max(value, low), high)
