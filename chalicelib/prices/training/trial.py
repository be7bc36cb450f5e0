"""One experiment under way: its rows, its encoded matrices, its candidates on the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.encoding import Encoder, TargetScaling
from chalicelib.ml.training.folds import Split
from chalicelib.ml.training.judging import Floats, Judge
from chalicelib.ml.training.multiclass import MulticlassJudge
from chalicelib.ml.training.regressors import RegressionJudge
from chalicelib.prices.algorithms import BASELINE, Busca, Tarefa
from chalicelib.prices.experiment import Coluna, Experimento
from chalicelib.prices.training.columns import Inputs, inputs_for
from chalicelib.prices.training.estimators import Matrix, Spec
from chalicelib.prices.training.fitting import Outcome, Places, Progress, Task, perform_all
from chalicelib.prices.training.folds import Parts, folds
from chalicelib.prices.training.rows import Labelled
from chalicelib.prices.training.scalings import (
    LINEAR,
    LOG,
    PLAIN,
    linear_scaling,
    target_scaling,
)
from chalicelib.prices.training.search import Trial, trials_of


class LabJudge(Judge, Protocol):
    """A judge that also judges single folds."""

    def values(self, y: NDArray[Any], answers: Floats) -> dict[str, float]:
        """Every metric without its interval; NaN where the rows cannot say."""


@dataclass(frozen=True)
class Candidate:
    """An algorithm that is asked for."""

    spec: Spec
    busca: Busca | None


@dataclass
class Found:
    """What became of a candidate on the folds.

    Attributes:
        answers: (n,) or (n, k) out-of-fold answers in the target's unit; NaN where none was asked.
        parameters: By fold, what was given or found.
        losses, metrics, seconds: By fold.
        notes: What is worth knowing, in pt-BR.
    """

    candidate: Candidate
    answers: Floats
    parameters: list[Trial] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    metrics: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.losses))


class Trials:
    """Everything that candidates share."""

    def __init__(
        self,
        experimento: Experimento,
        tarefa: Tarefa,
        inputs: Sequence[Coluna],
        data: Labelled,
        parts: Parts,
        jobs: int,
    ) -> None:
        """Of labelled rows that have been parted."""
        self.experimento, self.tarefa, self.data, self.parts = experimento, tarefa, data, parts
        self.rows, self.jobs = data.rows, jobs
        self.seed = experimento.validacao.semente
        self.folds = folds(
            self.rows, parts.compared, experimento.validacao, experimento.validacao.dobras
        )
        self.judge: LabJudge = (
            RegressionJudge(seed=self.seed)
            if data.classes is None
            else MulticlassJudge(data.classes, seed=self.seed)
        )
        self.scaling = PLAIN
        if tarefa is Tarefa.REGRESSAO:
            asked = experimento.engenharia.log_alvo
            self.scaling = target_scaling(asked, self.rows.y, parts.training)
        self._inputs = list(inputs)
        self._matrices: dict[tuple[bytes, Inputs], Matrix] = {}

    def inputs_for(self, algorithm: str) -> Inputs:
        """What one algorithm reads."""
        engineering = self.experimento.engenharia
        rows = int(self.parts.compared.sum())
        return inputs_for(algorithm, self._inputs, engineering, rows)

    def scaling_for(self, algorithm: str, learned: Places) -> TargetScaling:
        """How the target is scaled for one algorithm, fitted on what it learns from."""
        if self.tarefa is Tarefa.CLASSIFICACAO:
            return TargetScaling()
        return self._scaling(algorithm).fit(self.rows.y[learned])

    def _scaling(self, algorithm: str) -> TargetScaling:
        if algorithm == BASELINE:  # In the target's own unit: a mean of logarithms is no mean.
            return PLAIN
        asked = self.experimento.engenharia.log_alvo
        if algorithm in LINEAR and asked is None and self.scaling == LOG:
            return self._linear_scaling
        return self.scaling

    @cached_property
    def _linear_scaling(self) -> TargetScaling:
        """Decided once: on few rows, fold by fold it would be decided by chance."""
        inputs = self.inputs_for("regressao_ridge")
        # One after the other: the matrices of all folds would be much to hold.
        encoded = ((self._encoded(inputs, split[0]), split) for split in self.folds)
        return linear_scaling(encoded, self.rows.y, self.judge)

    def candidates(self) -> list[Candidate]:
        """What is asked for; the baseline always, once."""
        asked = {each.nome: each for each in self.experimento.algoritmos}
        found = [
            Candidate(Spec(e.nome, self.tarefa, e.hiperparametros, e.calibrar), e.busca)
            for e in asked.values()
        ]
        if BASELINE not in asked:
            found.insert(0, Candidate(Spec(BASELINE, self.tarefa, {}), None))
        return found

    def compare(self, candidates: Sequence[Candidate], progress: Progress) -> list[Found]:
        """Every candidate on every fold; a search is made anew within each fold's training part."""
        width = len(self.data.classes or ())
        shape = (len(self.rows.y), width) if width else (len(self.rows.y),)
        found = [Found(each, np.full(shape, np.nan)) for each in candidates]
        for number, split in enumerate(self.folds, start=1):
            label = f"dobra {number} de {len(self.folds)}"
            given = [self._best(each, split[0], progress)[0] for each in candidates]
            tasks = [
                self._task(each, parameters, split, split[0], label)
                for each, parameters in zip(candidates, given, strict=True)
            ]
            outcomes = perform_all(tasks, self.jobs, progress)
            for one, parameters, outcome in zip(found, given, outcomes, strict=True):
                one.parameters.append(parameters)
                self._note(one, split, outcome)
            self._matrices.clear()  # Those of one fold are of no use to the next.
        return found

    def work(self, candidates: Sequence[Candidate]) -> float:
        """The cost of `compare`, as `Progress` counts it."""
        total = 0.0
        for each in candidates:
            for split in self.folds:
                task = self._costed(each, split)
                total += task * (1 + _inner_share(each, self.seed))
        return total

    def search(
        self, candidate: Candidate, progress: Progress
    ) -> tuple[Trial, list[tuple[Trial, float]]]:
        """The best hyperparameters on all rows that are trained on, and what was tried."""
        return self._best(candidate, np.flatnonzero(self.parts.training), progress)

    def answers(self, algorithm: str, learned: Places, outputs: Floats) -> Floats:
        """An estimator's outputs in the target's unit."""
        return self.scaling_for(algorithm, learned).inverse(outputs)

    def task(self, spec: Spec, learned: Places, judged: Places, label: str) -> Task:
        """One fit, its rows encoded as the rows learned from say."""
        return self._of(spec, (learned, judged), learned, label)

    def _best(
        self, candidate: Candidate, learned: Places, progress: Progress
    ) -> tuple[Trial, list[tuple[Trial, float]]]:
        """What a search finds on some rows; what is given where there is none."""
        spec, busca = candidate.spec, candidate.busca
        if busca is None:
            return dict(spec.parameters), []
        among = np.zeros(len(self.rows.y), dtype=np.bool_)
        among[learned] = True
        inner = folds(self.rows, among, self.experimento.validacao, busca.dobras)
        trials = trials_of(spec.algorithm, self.tarefa, busca, self.seed)
        tasks = [
            self._task(candidate, {**spec.parameters, **trial}, split, learned, "busca")
            for trial in trials
            for split in inner
        ]
        outcomes = iter(perform_all(tasks, self.jobs, progress))
        tried = []
        for trial in trials:
            losses = [self._loss(spec, split, learned, next(outcomes)) for split in inner]
            tried.append((trial, float(np.mean(losses))))
        best = min(tried, key=lambda each: each[1])[0]
        return {**spec.parameters, **best}, tried

    def _task(
        self, candidate: Candidate, parameters: Trial, split: Split, encoded: Places, label: str
    ) -> Task:
        spec = replace(candidate.spec, parameters=parameters)
        return self._of(spec, split, encoded, f"avaliando {spec.algorithm}, {label}")

    def _of(self, spec: Spec, split: Split, encoded: Places, label: str) -> Task:
        scaling = self.scaling_for(spec.algorithm, encoded)
        y = self.rows.y if self.tarefa is Tarefa.CLASSIFICACAO else scaling.forward(self.rows.y)
        return Task(
            label=label,
            spec=spec,
            matrix=self._matrix(spec.algorithm, encoded),
            y=y,
            who=self.rows.who,
            learned=split[0],
            judged=split[1],
            seed=self.seed,
            classes=len(self.data.classes or ()),
        )

    def _matrix(self, algorithm: str, learned: Places) -> Matrix:
        """(n, width) all rows, encoded as some of them say."""
        inputs = self.inputs_for(algorithm)
        key = learned.tobytes(), inputs
        if key not in self._matrices:
            self._matrices[key] = self._encoded(inputs, learned)
        return self._matrices[key]

    def _encoded(self, inputs: Inputs, learned: Places) -> Matrix:
        among = {name: values[learned] for name, values in self.rows.table.items()}
        encoder = Encoder.fit(inputs.columns, among, inputs.interactions)
        return encoder.encode(self.rows.table)

    def _loss(self, spec: Spec, split: Split, encoded: Places, outcome: Outcome) -> float:
        answers = self.answers(spec.algorithm, encoded, outcome.outputs)
        return self.judge.loss(self.rows.y[split[1]], answers)

    def _note(self, one: Found, split: Split, outcome: Outcome) -> None:
        learned, judged = split
        answers = self.answers(one.candidate.spec.algorithm, learned, outcome.outputs)
        one.answers[judged] = answers
        one.losses.append(self.judge.loss(self.rows.y[judged], answers))
        one.metrics.append(self.judge.values(self.rows.y[judged], answers))
        one.seconds.append(outcome.seconds)
        one.notes += [note for note in outcome.notes if note not in one.notes]

    def _costed(self, candidate: Candidate, split: Split) -> float:
        nothing = np.empty((0, 0), dtype=np.float32)
        task = Task("", candidate.spec, nothing, split[0], split[0], *split, self.seed, 0)
        return task.cost


def _inner_share(candidate: Candidate, seed: int) -> float:
    """How many whole fits a search within a fold is worth."""
    busca = candidate.busca
    if busca is None:
        return 0.0
    trials = len(trials_of(candidate.spec.algorithm, candidate.spec.tarefa, busca, seed))
    return trials * (busca.dobras - 1)
