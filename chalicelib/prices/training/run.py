"""An experiment from its rows to a model that is ready to publish."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.core.errors import Unprocessable
from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.columns import Column, Table
from chalicelib.ml.registry import ModelName
from chalicelib.ml.serving import ServedModel, load_served_model
from chalicelib.ml.training.card import Beside
from chalicelib.ml.training.conformal import CROSSED, Conformal, Scale, calibrate, coverage
from chalicelib.ml.training.figures import Figure
from chalicelib.ml.training.figures_experiments import (
    comparison_figure,
    coverage_figure,
    search_figure,
)
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.onnx_double import EXACT
from chalicelib.ml.training.publication import Publishable, prepare
from chalicelib.ml.training.recipe import Candidate, Fitted, Recipe, fit_rows
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.training.selection import EXPLANATION_BUDGET_MS, TIMINGS, Contender
from chalicelib.prices.algorithms import ALGORITMOS, BASELINE, Tarefa
from chalicelib.prices.experiment import Coluna, Experimento, inputs_of
from chalicelib.prices.experiment_checks import check
from chalicelib.prices.training.data import Dados, Listener, Resultado
from chalicelib.prices.training.estimators import Fit, Spec, fit
from chalicelib.prices.training.fitting import Progress
from chalicelib.prices.training.folds import describe, part, unseen
from chalicelib.prices.training.looks import dependence, learning_curve
from chalicelib.prices.training.report import algorithms_table, comparisons, ranked
from chalicelib.prices.training.rows import labelled
from chalicelib.prices.training.trial import Found, Trials

UNNAMED = ModelName("", "precos")
SLOW = ("vizinhos", "vetores_suporte")  # An answer looks at thousands of stored rows.
FEW_ROWS, MANY_ROWS = 500, 2_000  # Of the hold-out, for the importance of columns.
SLOWEST_MS = 100.0
REST_SHARE = 0.25  # Of all work: the last fit, its learning curve, export, card.


class TooLittleToLearn(Unprocessable):
    """There are too few rows, groups or instants to learn from and to judge on."""

    motivo = "Há linhas, grupos ou instantes de menos com que aprender e julgar."


def run_experiment(
    experimento: Experimento, dados: Dados, listen: Listener, jobs: int
) -> Resultado:
    """Compare what is asked for, train the best, judge, calibrate and export it.

    Args:
        experimento: What is asked for.
        dados: The dataset.
        listen: Hears how far it has come; what it raises ends the run between two fits.
        jobs: Fits at once.

    Raises:
        ValidationFailed: The experiment does not fit the dataset.
        TooLittleToLearn: There is not enough to learn from.
        ExportDisagrees: The exported model answers otherwise than the trained one.
    """
    tarefa = check(experimento, dados.colunas, _rows_of(dados))
    try:
        data = labelled(experimento, dados, tarefa)
        parts = part(data.rows, experimento.validacao, tarefa)
        inputs = inputs_of(experimento, dados.colunas)
        return _Run(Trials(experimento, tarefa, inputs, data, parts, jobs), dados, listen).result()
    except TooLittleData as error:
        raise TooLittleToLearn(f"{TooLittleToLearn.default_detail()} {error}") from error


def _rows_of(dados: Dados) -> int:
    return len(next(iter(dados.table.values())))


class _Run:
    """The steps of one experiment."""

    def __init__(self, trials: Trials, dados: Dados, listen: Listener) -> None:
        self.trials, self.dados, self.listen = trials, dados, listen
        self.experimento, self.rows, self.parts = trials.experimento, trials.rows, trials.parts
        self.candidates = trials.candidates()
        work = trials.work(self.candidates)
        self.progress = Progress(listen, work / (1 - REST_SHARE))
        self.rest = work / (1 - REST_SHARE) - work

    def result(self) -> Resultado:
        """Everything."""
        trials, found = self.trials, self.trials.compare(self.candidates, self.progress)
        best = ranked(found)[0]
        parameters, tried = trials.search(best.candidate, self.progress)
        spec = replace(best.candidate.spec, parameters=parameters)
        self.progress.tell(self.rest * 0.2, f"treinando {spec.algorithm}")
        notes: list[str] = [*trials.data.notes]
        ready, model, intervals = self._made(spec, best, notes)
        self.progress.tell(self.rest * 0.3, "desenhando as figuras")
        figures = self._figures(spec, found, tried, ready, model, intervals)
        report = self._report(spec, found, tried, ready, notes)
        ready = replace(ready, fields={**ready.fields, "figures": figures})
        return Resultado(trials.tarefa, report, figures, ready)

    def _made(
        self, spec: Spec, best: Found, notes: list[str]
    ) -> tuple[Publishable, ServedModel, Conformal | None]:
        """The chosen model, trained, calibrated, judged and exported."""
        trials, split = self.trials, self.parts.split
        recipe = self._recipe(spec, notes)
        fitted = fit_rows(recipe, spec.algorithm, self.rows, split.training)
        if trials.data.classes is not None and len(fitted.estimator.classes_) < len(
            trials.data.classes
        ):
            raise TooLittleData("a class has no rows to learn from")
        answers = fitted.answers(self.rows.take(split.validation))
        contenders = {spec.algorithm: Contender(tuple(best.losses), 0.0)}
        chosen = Candidate(spec.algorithm, fitted, answers, contenders)
        self.progress.tell(self.rest * 0.1, "conferindo o modelo exportado")
        described = describe(self.experimento, self.rows, self.parts)
        ready = prepare(recipe, self.rows, split, chosen, self._beside(), described)
        model = served_of(ready)
        intervals = self._intervals(fitted, answers, best, notes)
        data = {**ready.fields["data"], **self._said(model, intervals)}
        selection = self._selection(spec, best, data["explicacao"]["ms"])
        metrics = {**ready.fields["metrics"], "selecao": selection}
        given = {**ready.fields["parameters"], "hiperparametros": dict(spec.parameters)}
        fields = {**ready.fields, "data": data, "metrics": metrics, "parameters": given}
        return replace(ready, fields=fields, unfit=self._unfit(spec, answers)), model, intervals

    def _unfit(self, spec: Spec, answers: NDArray[np.float64]) -> str | None:
        """Why it may not answer unless somebody says so, where nobody answers yet."""
        if spec.algorithm == BASELINE:
            return "Nas dobras, nenhum algoritmo errou menos que a regra ingênua."
        judge, y = self.trials.judge, self.rows.y[self.parts.hold_out]
        own, naive = judge.score(y, answers), judge.score(y, self._beside().answers)
        if own > naive:
            return None
        return "Nas linhas que a julgam, esta versão não acerta mais que a regra ingênua."

    def _recipe(self, spec: Spec, notes: list[str]) -> Recipe:
        trials = self.trials
        inputs = trials.inputs_for(spec.algorithm)
        own = describe(self.experimento, self.rows, self.parts)
        scaling = trials.scaling_for(spec.algorithm, np.flatnonzero(self.parts.training))

        def fit_one(
            _name: str, matrix: NDArray[np.float32], y: NDArray[Any], who: NDArray[Any], seed: int
        ) -> Any:
            done: Fit = fit(spec, matrix, y, who, seed, trials.jobs)
            notes.extend(done.notes)
            return done.estimator

        return Recipe(
            name=UNNAMED,
            columns=inputs.columns,
            judge=trials.judge,
            entities="grupos" if self.experimento.validacao.coluna_grupo else "linhas_distintas",
            algorithms=(spec.algorithm,),
            fit=fit_one,
            answer_label=self.experimento.alvo,
            seed=trials.seed,
            target=scaling,
            unseen=partial(unseen, own),
            asked=asked,
            interactions=inputs.interactions,
            classes=trials.data.classes,
            exporter=EXACT,
            importance_rows=FEW_ROWS if spec.algorithm in SLOW else MANY_ROWS,
        )

    def _beside(self) -> Beside:
        """The baseline, trained on the same rows."""
        y, split = self.rows.y[self.parts.training], self.parts.split
        judged = int(split.validation.sum())
        classes = self.trials.data.classes
        if classes is None:
            return Beside("sempre a média", np.full(judged, float(y.mean())))
        shares = np.bincount(y, minlength=len(classes)) / len(y)
        return Beside("sempre as parcelas do treino", np.tile(shares, (judged, 1)))

    def _intervals(
        self, fitted: Fitted, judged: NDArray[np.float64], best: Found, notes: list[str]
    ) -> Conformal | None:
        """Calibrated on rows that trained nothing, measured on the hold-out.

        Where rows are few, all of them teach, and what counts are the errors of the folds on the
        rows they left out: the cross-validated form of the method, whose promise is approximate
        (Barber, Candes, Ramdas and Tibshirani, "Predictive inference with the jackknife+", 2021).
        """
        if self.trials.tarefa is Tarefa.CLASSIFICACAO:
            return None
        calibration, hold_out = self.parts.calibration, self.parts.hold_out
        scale: Scale = "log" if fitted.target.kind == "log" else "alvo"
        nominal = self.experimento.validacao.cobertura
        if calibration.any():
            answers = fitted.answers(self.rows.take(calibration))
        else:
            calibration = self.parts.compared & ~np.isnan(best.answers)
            answers = best.answers[calibration]
        try:
            found = calibrate(scale, nominal, self.rows.y[calibration], answers)
        except TooLittleData:
            notes.append("linhas de menos para calibrar intervalos: o modelo responde sem eles")
            return None
        method = found.method if self.parts.calibration.any() else CROSSED
        y, who = self.rows.y[hold_out], self.rows.who[hold_out]
        measured = coverage(found, y, judged, who, self.trials.seed)
        return replace(found, measured=measured, method=method)

    def _said(self, model: ServedModel, intervals: Conformal | None) -> dict[str, Any]:
        """What serving reads of the version."""
        known: dict[str, Coluna] = {each.nome: each for each in self.dados.colunas}
        cost = explanation_ms(model, self.rows.take(self.parts.hold_out))
        classes = self.trials.data.classes
        return {
            "tarefa": self.trials.tarefa.value,
            "alvo": self.experimento.alvo,
            "unidade": known[self.experimento.alvo].unidade,
            "classes": None if classes is None else list(classes),
            "intervalo": None if intervals is None else intervals.to_json(),
            "explicacao": {"ms": cost, "sempre": cost <= EXPLANATION_BUDGET_MS},
        }

    def _selection(self, spec: Spec, best: Found, ms: float) -> dict[str, Any]:
        contender = Contender(tuple(best.losses), ms)
        return {spec.algorithm: contender.to_json(self.trials.judge.loss_name)}

    def _figures(
        self,
        spec: Spec,
        found: list[Found],
        tried: list[tuple[Any, float]],
        ready: Publishable,
        model: ServedModel,
        intervals: Conformal | None,
    ) -> dict[str, Figure]:
        judge, labels = self.trials.judge, {n: a.rotulo for n, a in ALGORITMOS.items()}
        losses = {one.candidate.spec.algorithm: one.losses for one in found}
        figures = {
            **ready.fields["figures"],
            "comparacao": comparison_figure(losses, labels, judge.loss_name),
        }
        if spec.algorithm != BASELINE:
            figures["aprendizado"] = learning_curve(self.trials, spec, self.progress)
        if tried:
            figures["busca"] = search_figure(tried, judge.loss_name)
        if intervals is not None and intervals.measured is not None:
            figures["cobertura"] = coverage_figure(intervals.nominal, intervals.measured)
        by_need = [each["column"] for each in ready.fields["metrics"]["importancia"]]
        columns = {column.name: column for column in ready.recipe.columns}
        ordered = [columns[name] for name in by_need]
        table = self.rows.take(self.parts.training)
        classes = self.trials.data.classes
        return figures | dependence(model.predict, table, ordered, classes, self.trials.seed)

    def _report(
        self,
        spec: Spec,
        found: list[Found],
        tried: list[tuple[Any, float]],
        ready: Publishable,
        notes: list[str],
    ) -> dict[str, Any]:
        fields = ready.fields
        return {
            "tarefa": self.trials.tarefa.value,
            "alvo": self.experimento.alvo,
            "log_alvo": fields["encoder"]["target"]["kind"] == "log",
            "colunas": [column.name for column in ready.recipe.columns],
            "interacoes": [pair.name for pair in ready.recipe.interactions],
            "linhas": {key: n for key, n in fields["split"].items() if key.startswith("linhas_")},
            "dobras": len(self.trials.folds),
            "algoritmos": algorithms_table(self.trials, found),
            "testes": comparisons(self.trials, found),
            "escolhido": {
                "algoritmo": spec.algorithm,
                "hiperparametros": dict(spec.parameters),
                "tentativas": [{"hiperparametros": t, "perda": loss} for t, loss in tried],
                "metricas": fields["metrics"]["validacao"],
                "metricas_ingenuo": fields["metrics"]["regra_ingenua"],
                "ganho_sobre_ingenuo": fields["metrics"]["ganho_sobre_regra"],
                "intervalo": fields["data"]["intervalo"],
                "explicacao": fields["data"]["explicacao"],
                "concordancia_onnx": fields["metrics"]["concordancia_onnx"],
                "bytes": len(ready.exported),
            },
            "avisos": notes,
        }


def served_of(ready: Publishable) -> ServedModel:
    """The model as it will answer."""
    encoder = ready.fields["encoder"]
    return load_served_model(
        ready.exported,
        sha256_of(ready.exported),
        encoder,
        explainer=ready.fields["explainer"],
        target=encoder["target"],
        classes=ready.recipe.classes,
    )


def asked(rows: LabelledRows, columns: Any) -> Table:
    """What another version is asked about rows; columns that the dataset has no more are empty."""
    n = len(rows.y)
    return {c.name: rows.table.get(c.name, _empty(c, n)) for c in columns}


def _empty(column: Column, rows: int) -> NDArray[Any]:
    if column.kind == "number":
        return np.full(rows, np.nan)
    if column.kind == "date":
        return np.full(rows, np.datetime64("NaT", "us"))
    return np.full(rows, None, dtype=object)


def explanation_ms(model: ServedModel, table: Table) -> float:
    """What one answer with its reasons takes, in ms of work; timed as `selection` does."""
    one = {column.name: table[column.name][:1] for column in model.encoder.columns}
    pairs = {name for pair in model.encoder.interactions for name in (pair.a, pair.b)}
    one |= {name: table[name][:1] for name in pairs}
    timings = []
    for _ in range(TIMINGS):
        begun = time.thread_time()
        model.score_and_explain(one)
        timings.append((time.thread_time() - begun) * 1000)
        if timings[-1] > SLOWEST_MS:
            break  # Nothing else on the machine slows it down that much.
    return min(timings)
