"""Which rows judge the chosen model, which its intervals, and which fold compares algorithms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.training.folds import Split, TooLittleData, grouped_folds
from chalicelib.ml.training.rows import LabelledRows, Mask
from chalicelib.ml.training.splits import RowSplit, choose_hold_out
from chalicelib.prices.algorithms import Tarefa
from chalicelib.prices.experiment import Experimento, Validacao

SALT = "precos"
CALIBRATION_SALT = "precos:calibracao"
CALIBRATION_SHARE = 0.15
MOST_CALIBRATION = 2000
FEWEST_CALIBRATION = 30
FEWEST_JUDGING = 6  # The width of their intervals says how little that is.
FEWEST_TO_SPARE = 400  # Of fewer rows all teach: intervals come from what the folds left out.
IN_TIME, BY_ROW, BY_GROUP = "tempo", "linhas", "grupos"


@dataclass(frozen=True)
class Parts:
    """How the rows are used; all (n,) masks, of which every row is in exactly one.

    Attributes:
        training: The chosen model is fitted on these.
        calibration: Its intervals are; empty of classifiers, and where rows are few.
        hold_out: They judge it.
    """

    training: Mask
    calibration: Mask
    hold_out: Mask

    @property
    def split(self) -> RowSplit:
        """Trained on, and judging."""
        return RowSplit(self.training, self.hold_out)

    @property
    def compared(self) -> Mask:
        """Algorithms are compared by folds of these."""
        return self.training | self.calibration


def part(rows: LabelledRows, validacao: Validacao, tarefa: Tarefa) -> Parts:
    """Hold rows out, the same for every version: by their content, by their group, or the latest.

    Raises:
        TooLittleData: One of the parts would be empty.
    """
    if validacao.tipo == "k_fold_tempo":
        held = _latest(rows.instants, np.ones(len(rows.y), np.bool_), validacao.fracao)
    else:
        held = choose_hold_out(rows.who.tolist(), validacao.fracao, SALT)
    calibration = np.zeros_like(held)
    if tarefa is Tarefa.REGRESSAO and (~held).sum() >= FEWEST_TO_SPARE:
        share = _calibration_share(int((~held).sum()), validacao.cobertura)
        if validacao.tipo == "k_fold_tempo":
            calibration = _latest(rows.instants, ~held, share)
        else:
            drawn = choose_hold_out(rows.who.tolist(), share, CALIBRATION_SALT)
            calibration = drawn & ~held
    found = Parts(~held & ~calibration, calibration, held)
    if found.training.sum() < FEWEST_CALIBRATION or held.sum() < FEWEST_JUDGING:
        raise TooLittleData("too few rows are left to learn from, or to judge on")
    return found


def _calibration_share(rows: int, nominal: float) -> float:
    """Enough rows to promise so much, at most 2,000."""
    needed = max(FEWEST_CALIBRATION, int(2 / (1 - nominal)))
    wanted = min(max(CALIBRATION_SHARE * rows, needed), MOST_CALIBRATION)
    return float(wanted / rows)


def _latest(instants: NDArray[np.datetime64], among: Mask, share: float) -> Mask:
    """(n,) the latest share of some rows; rows of one instant are never parted."""
    ordered = np.sort(instants[among])
    first = ordered[min(int(len(ordered) * (1 - share)), len(ordered) - 1)]
    later: Mask = among & (instants >= first)
    if later.sum() == among.sum():
        later = among & (instants > first)
    if not later.any() or later.sum() == among.sum():
        raise TooLittleData("all rows are of the same instant")
    return later


def describe(experimento: Experimento, rows: LabelledRows, parts: Parts) -> dict[str, Any]:
    """How the rows were parted, as the registry keeps it; `unseen` reads it."""
    validacao = experimento.validacao
    described = {
        "alvo": experimento.alvo,
        "parcela": validacao.fracao,
        "validacao": validacao.tipo,
        "linhas_treino": int(parts.training.sum()),
        "linhas_calibracao": int(parts.calibration.sum()),
        "linhas_validacao": int(parts.hold_out.sum()),
    }
    if validacao.tipo == "k_fold_tempo":
        until = rows.instants[parts.compared].max()
        return {**described, "tipo": IN_TIME, "coluna": validacao.coluna_tempo} | {
            "treino_ate": str(until)
        }
    if validacao.coluna_grupo is not None:
        return {**described, "tipo": BY_GROUP, "coluna": validacao.coluna_grupo, "sal": SALT}
    return {**described, "tipo": BY_ROW, "coluna": None, "sal": SALT}


def unseen(own: Mapping[str, Any], rows: LabelledRows, stored: Mapping[str, Any]) -> Mask:
    """(n,) which rows a version learned nothing of, by its stored split (law 7).

    Versions of another target, or parted by something else, cannot be compared: of those there are
    none.
    """
    same = all(own[key] == stored.get(key) for key in ("alvo", "tipo", "coluna"))
    if not same:
        return np.zeros(len(rows.y), dtype=np.bool_)
    if stored["tipo"] == IN_TIME:
        later: Mask = rows.instants > np.datetime64(stored["treino_ate"], "us")
        return later
    return choose_hold_out(rows.who.tolist(), stored["parcela"], stored["sal"])


def folds(rows: LabelledRows, among: Mask, validacao: Validacao, count: int) -> list[Split]:
    """(rows to fit on, rows to judge) of each fold, as indices; never parting an entity.

    In time every fold judges the block after what it learns from. A hold-out is one fold.

    Raises:
        TooLittleData: There are too few entities, or instants.
    """
    places = np.flatnonzero(among)
    if validacao.tipo == "k_fold_tempo":
        return _blocks(rows.instants, places, count)
    if validacao.tipo == "hold_out":
        drawn = choose_hold_out(rows.who[places].tolist(), validacao.fracao, f"{SALT}:dobra")
        return [(places[~drawn], places[drawn])]
    dealt = grouped_folds(rows.y[places], rows.who[places], count, validacao.semente)
    return [(places[fit], places[judge]) for fit, judge in dealt]


def _blocks(instants: NDArray[np.datetime64], places: NDArray[np.intp], count: int) -> list[Split]:
    ordered = np.sort(instants[places])
    edges = np.unique(ordered[[len(ordered) * i // (count + 1) for i in range(1, count + 1)]])
    found = []
    for first, after in zip(edges, [*edges[1:], None], strict=True):
        mine = instants[places]
        judged = (mine >= first) & ((mine < after) if after is not None else True)
        fit = mine < first
        if fit.any() and judged.any():
            found.append((places[fit], places[judged]))
    if not found:
        raise TooLittleData("the rows lie at too few instants")
    return found
