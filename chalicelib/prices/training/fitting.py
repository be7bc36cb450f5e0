"""Many fits, in parallel where there are cores, each with an end at which a run may stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from chalicelib.ml.training.export import all_answers
from chalicelib.prices.algorithms import Tarefa
from chalicelib.prices.training.data import Listener
from chalicelib.prices.training.estimators import Matrix, Spec, fit

ROWS_WORTH_PROCESSES = 30_000  # Of all fits together; below, starting a process takes longer.
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Task:
    """One fit, and the rows it is asked about thereafter.

    Attributes:
        label: What is done, in pt-BR.
        spec: What is fitted.
        matrix: (n, width) encoded rows; `y` and `who` are (n,).
        learned, judged: Which of them.
        classes: How many classes there are; 0 of regressions.
    """

    label: str
    spec: Spec
    matrix: Matrix
    y: NDArray[Any]
    who: NDArray[Any]
    learned: Places
    judged: Places
    seed: int
    classes: int

    @property
    def cost(self) -> float:
        """What it takes beside others, roughly."""
        return _COSTS.get(self.spec.algorithm, 1.0) * (len(self.learned) + 200)


# Seconds per row of a fit of 5,000 rows and 30 columns, beside that of Ridge.
_COSTS = {
    "vizinhos": 3.0,
    "vetores_suporte": 40.0,
    "arvore_decisao": 2.0,
    "floresta_aleatoria": 60.0,
    "arvores_extras": 40.0,
    "gradiente": 30.0,
    "histograma_gradiente": 20.0,
    "rede_neural": 60.0,
}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a fit gave.

    Attributes:
        outputs: (m,) outputs in the estimator's scale, or (m, classes) probabilities.
        seconds: Of fitting alone.
        notes: See `estimators.Fit`.
    """

    outputs: NDArray[np.float64]
    seconds: float
    notes: tuple[str, ...]


def perform(task: Task) -> Outcome:
    """Fit and ask."""
    begun = time.perf_counter()
    matrix, y, who = (values[task.learned] for values in (task.matrix, task.y, task.who))
    done = fit(task.spec, matrix, y, who, task.seed)
    seconds = time.perf_counter() - begun
    outputs = all_answers(done.estimator, task.matrix[task.judged])
    if task.spec.tarefa is Tarefa.CLASSIFICACAO:
        outputs = spread(outputs, done.estimator.classes_, task.classes)
    return Outcome(outputs, seconds, done.notes)


def spread(outputs: NDArray[np.float64], known: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """(m, known) probabilities -> (m, classes); of classes that were not learned they are 0."""
    whole = np.zeros((len(outputs), classes))
    whole[:, known.astype(np.intp)] = outputs
    return whole


class Progress:
    """Tells a listener how far all the work has come, and how long the rest may take."""

    def __init__(
        self, listen: Listener, total: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin; `total` is the cost of all tasks that will come."""
        self._listen, self._total, self._clock = listen, total, clock
        self._done, self._begun = 0.0, clock()

    def more(self, cost: float) -> None:
        """There is more to do than was known."""
        self._total += cost

    def tell(self, cost: float, step: str) -> None:
        """So much has been done; what raises here ends the run."""
        self._done += cost
        spent = self._clock() - self._begun
        left = spent * (self._total - self._done) / self._done if self._done else None
        self._listen.progress(self._done, self._total, f"{step}{_shown(left)}")
        self._listen.check_cancelled()


def _shown(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"; faltam cerca de {max(1, round(seconds))} s"
    return f"; faltam cerca de {round(seconds / 60)} min"


def perform_all(tasks: Sequence[Task], jobs: int, progress: Progress) -> list[Outcome]:
    """The outcomes, in the order of the tasks.

    Whatever the listener raises ends all: fits that have begun are not waited for.
    """
    rows = sum(len(task.learned) for task in tasks)
    cores = jobs if rows >= ROWS_WORTH_PROCESSES else 1
    found: dict[int, Outcome] = {}
    with closing(_outcomes(tasks, cores)) as outcomes:
        for place, outcome in outcomes:
            found[place] = outcome
            progress.tell(tasks[place].cost, tasks[place].label)
    return [found[place] for place in range(len(tasks))]


def _outcomes(tasks: Sequence[Task], cores: int) -> Generator[tuple[int, Outcome], None, None]:
    if cores == 1 or len(tasks) == 1:
        yield from ((place, perform(task)) for place, task in enumerate(tasks))
        return
    parallel = Parallel(n_jobs=cores, return_as="generator_unordered", pre_dispatch="2*n_jobs")
    # Longest first, so that no core waits for the last one.
    order = sorted(range(len(tasks)), key=lambda place: -tasks[place].cost)
    yield from parallel(delayed(_numbered)(place, tasks[place]) for place in order)


def _numbered(place: int, task: Task) -> tuple[int, Outcome]:
    return place, perform(task)
