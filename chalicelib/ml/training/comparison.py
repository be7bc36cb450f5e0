"""Two versions on the same rows, none of which either of them was trained on (law 7)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from chalicelib.core.errors import Unprocessable
from chalicelib.core.runs import JobRun
from chalicelib.ml.registry import ModelVersion, version_of
from chalicelib.ml.schemas import ComparisonReport
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.judging import Floats, Gate
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.versions import UNLOADABLE, served_model

log = logging.getLogger("previsto.training")

Report = TypeVar("Report", bound=ComparisonReport)


class NoCommonHoldOut(Unprocessable):
    """There are no rows yet that neither version was trained on and that could tell them apart."""

    motivo = (
        "Ainda não há linhas com que nenhuma das versões tenha sido treinada e que as "
        "distingam; com o tempo haverá."
    )


class ModelUnloadable(Unprocessable):
    """The stored model of one of the versions is missing or is not the one registered."""

    motivo = "O modelo guardado de uma das versões não pode ser lido."


@dataclass(frozen=True)
class Verdict:
    """Whether a new version is promoted, and why, for the trail."""

    promoted: bool
    why: str


def compare(
    run: JobRun, recipe: Recipe, pair: tuple[int, int], rows: LabelledRows, report: type[Report]
) -> Report:
    """Judge two versions on those rows that neither of them was trained on.

    Args:
        run: The job; it is at 1 of 3 while the versions answer, and at 2 of 3 thereafter.
        recipe: Whose versions they are.
        pair: a and b.
        rows: Labelled rows; those that one of the two has seen are left out here.
        report: What is said; beside the base's fields, the counts of the recipe by their names.

    Raises:
        NoCommonHoldOut: There are none, or they cannot tell the two apart.
        ModelUnloadable: One of them cannot be loaded.
        ModelVersionNotFound: There is no such version.
    """
    with run.reading() as session:
        splits = [version_of(session, recipe.name, number).split for number in pair]
    common = rows
    for split in splits:
        common = common.part(recipe.unseen(common, split))
    if not len(common.y):
        raise NoCommonHoldOut
    run.progress(1, 3, "perguntando às duas versões")
    with run.reading() as session:
        a, b = (answers_of(session, recipe, number, common) for number in pair)
    run.progress(2, 3, "comparando")
    try:
        return _report(recipe, pair, common, (a, b), report)
    except TooLittleData as error:
        raise NoCommonHoldOut from error


def answers_of(session: Session, recipe: Recipe, version: int, rows: LabelledRows) -> Floats:
    """(n,) what a version says of rows.

    Raises:
        ModelUnloadable: It cannot be loaded.
        ModelVersionNotFound: There is no such version.
    """
    try:
        model = served_model(session, recipe.name, version)
        return model.predict(recipe.asked(rows, model.encoder.columns))
    except UNLOADABLE as error:
        log.exception("version cannot be loaded", extra={"version": version})
        raise ModelUnloadable from error


def _report(
    recipe: Recipe,
    pair: tuple[int, int],
    rows: LabelledRows,
    answers: tuple[Floats, Floats],
    report: type[Report],
) -> Report:
    judge, y, who = recipe.judge, rows.y, rows.who
    return report.model_validate(
        {
            "a": pair[0],
            "b": pair[1],
            **rows.span(),
            "linhas": len(y),
            **recipe.count_entities(who),
            **judge.counts(y),
            "metricas_a": judge.metrics(y, answers[0], who),
            "metricas_b": judge.metrics(y, answers[1], who),
            "diferencas": judge.differences(y, *answers, who),
        }
    )


@dataclass(frozen=True)
class Challenge:
    """A new version that wants to answer.

    Attributes:
        rows: The rows that judge it, none of which it was trained on.
        answers: (n,) what it says of them.
        unfit: Why it may not answer where nobody else can; None where it may.
    """

    rows: LabelledRows
    answers: Floats
    unfit: str | None = None


def verdict_alone(unfit: str | None, why: str = "Primeira versão do modelo.") -> Verdict:
    """Whether a version may answer where nobody does.

    Args:
        unfit: What its product finds against it, if anything.
        why: What is said where it may.
    """
    if unfit is None:
        return Verdict(True, why)
    return Verdict(False, f"{unfit} Não responde enquanto ninguém a promover.")


def verdict_beside(
    run: JobRun, recipe: Recipe, champion: ModelVersion, challenge: Challenge
) -> Verdict:
    """Whether a challenger may take the place of the champion, who answers now."""
    rows = challenge.rows
    if barred := _barred_columns(recipe, champion):
        why = f"A versão {champion.version} olha para o que não pode mais: {', '.join(barred)}."
        return verdict_alone(challenge.unfit, why)
    if why_not := recipe.incomparable(champion):
        return Verdict(False, why_not)
    common = recipe.unseen(rows, champion.split)
    seen = rows.part(common)
    try:
        with run.reading() as session:
            model = served_model(session, recipe.name, champion.version)
        theirs = model.predict(recipe.asked(seen, model.encoder.columns))
        gate = recipe.judge.gate(seen.y, challenge.answers[common], theirs, seen.who)
    except UNLOADABLE:
        log.exception("champion cannot be loaded", extra={"version": champion.version})
        gone = f"A versão {champion.version} não pode mais ser carregada."
        return verdict_alone(challenge.unfit, gone)
    except TooLittleData:
        return Verdict(
            False,
            f"Não há {recipe.judge.wanted_rows} fora dos treinos desta versão e da "
            f"{champion.version}: sem comparação honesta, quem responde continua.",
        )
    return _verdict(recipe.judge.measure, champion.version, gate)


def _barred_columns(recipe: Recipe, version: ModelVersion) -> list[str]:
    """What a version reads and may not any more; one that does cannot answer, however good."""
    read = {each["column"]["name"] for each in version.encoder["columns"]}
    return sorted(read & recipe.barred)


def _verdict(measure: str, champion: int, gate: Gate) -> Verdict:
    found = gate.difference
    interval = f"{found.value:+.4f} [{found.low:+.4f}; {found.high:+.4f}]".replace(".", ",")
    if gate.passed:
        return Verdict(True, f"{measure} não inferior à versão {champion}: {interval}.")
    return Verdict(False, f"{measure} pode ser pior que a da versão {champion}: {interval}.")
