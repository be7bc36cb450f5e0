"""Build, judge and publish the price model, and keep the data it was made of."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from chalicelib.books.errors import SnapshotNotFound
from chalicelib.books.features import COLUMNS, SPLIT_RULE
from chalicelib.books.models import BOOK_PRICE, notice
from chalicelib.books.schemas_ml import PriceReport
from chalicelib.books.tables_scraping import Snapshot
from chalicelib.books.training_data import (
    judging_rows,
    keep_training_set,
    read_labelled,
    write_csv,
)
from chalicelib.core.runs import JobRun
from chalicelib.ml.registry import champion_of
from chalicelib.ml.training.card import Beside
from chalicelib.ml.training.choice import train, try_algorithms
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.hold_outs import folds_by_entity
from chalicelib.ml.training.publication import TrainingReport, earlier_report, prepare, publish
from chalicelib.ml.training.recipe import Recipe
from chalicelib.ml.training.regressors import REGRESSORS, RegressionJudge, fit_regressor
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.training.selection import choose
from chalicelib.ml.training.splits import RowSplit

FOLDS = 3
FEW = "Poucos livros para treinar um modelo; os arquivos de treino foram gravados."
SAME = "Os dados são os mesmos de que a versão {version} foi treinada."

PRICE_RECIPE = Recipe(
    name=BOOK_PRICE,
    columns=COLUMNS,
    judge=RegressionJudge(),
    entities="livros",
    algorithms=tuple(REGRESSORS),
    fit=fit_regressor,
    answer_label="Preço",
    # The same books judge every version, whatever snapshot it was trained on.
    unseen=lambda rows, _split: judging_rows(rows),
)


def train_prices(run: JobRun, snapshot: int) -> PriceReport:
    """Keep the training data of a snapshot, train on it, publish, and promote.

    Raises:
        SnapshotNotFound: There is no such snapshot.
    """
    with run.reading() as session:
        if session.get(Snapshot, snapshot) is None:
            raise SnapshotNotFound
    run.progress(0, 6, "gravando os dados de treino")
    with TemporaryDirectory(prefix="previsto-books-") as name:
        csv = Path(name) / "treino.csv"
        write_csv(run, snapshot, csv)
        keep_training_set(run, snapshot, csv)
        rows = read_labelled(csv)
    report, why = _train(run, snapshot, rows)
    return PriceReport(
        snapshot=snapshot,
        linhas=len(rows.y),
        sha256=rows.fingerprint,
        modelo=report.model_dump(mode="json") if report else None,
        aviso=why,
    )


def _train(run: JobRun, snapshot: int, rows: LabelledRows) -> tuple[TrainingReport | None, str]:
    published = earlier_report(run)
    if published is not None:
        return published, _told(published)
    with run.reading() as session:
        champion = champion_of(session, BOOK_PRICE)
    if champion is not None and champion.data["impressao_digital"] == rows.fingerprint:
        return None, SAME.format(version=champion.version)
    try:
        report = _publish(run, snapshot, rows)
    except TooLittleData:
        return None, FEW
    return report, _told(report)


def _told(report: TrainingReport) -> str:
    return notice({"ganho_sobre_regra": report.ganho_sobre_regra})


def _publish(run: JobRun, snapshot: int, rows: LabelledRows) -> TrainingReport:
    held_out = judging_rows(rows)
    split = RowSplit(~held_out, held_out)
    run.progress(1, 6, "escolhendo o algoritmo")
    folds = folds_by_entity(rows, split.training, FOLDS, PRICE_RECIPE.seed)
    share = 2 / len(PRICE_RECIPE.algorithms)
    contenders = try_algorithms(
        PRICE_RECIPE,
        rows,
        folds,
        lambda place, name: run.progress(1 + share * place, 6, f"avaliando {name}"),
    )
    algorithm = choose(contenders)
    run.progress(3, 6, f"treinando {algorithm}")
    chosen = train(PRICE_RECIPE, algorithm, rows, split, contenders)
    run.progress(4, 6, "conferindo o modelo exportado")
    ready = prepare(
        PRICE_RECIPE, rows, split, chosen, chance(rows, split), _described(snapshot, split)
    )
    run.progress(5, 6, "publicando")
    return publish(run, ready, then=_nothing_follows)


def chance(rows: LabelledRows, split: RowSplit) -> Beside:
    """The rule to beat: the mean price of the books that were trained on, for every book."""
    judged = rows.take(split.validation)
    mean = np.full(int(split.validation.sum()), float(rows.y[split.training].mean()))
    return Beside("sempre a média", mean, {"por_avaliacao": judged["rating"].astype(str)})


def _described(snapshot: int, split: RowSplit) -> dict[str, Any]:
    return {
        "tipo": "livros",
        "regra": SPLIT_RULE,
        "snapshot": snapshot,
        "linhas_treino": int(split.training.sum()),
        "linhas_validacao": int(split.validation.sum()),
    }


def _nothing_follows(_session: Session, _version: int, _by: str) -> None:
    """No answer is stored that a promotion would make old."""
