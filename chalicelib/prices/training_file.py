"""Predicting the rows of a file: the file's own rows, with answers added, in its own format.

The file is read piece by piece by the rules of a dataset's, so memory stays flat; a row with a
value that cannot be read is left out and listed. Nothing is kept of single rows: how many fell
into each of training's bins is, which is what the shift of inputs is measured by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chalicelib.core.imports import record_rejections
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store, store_must_answer, upload_media_type
from chalicelib.ml.monitoring import Binning
from chalicelib.ml.registry import training_profile
from chalicelib.ml.serving import ServedModel
from chalicelib.prices.answers import CLASSES, bounds_of
from chalicelib.prices.errors_models import ArquivoSemColunas, LinhasDemais
from chalicelib.prices.inputs import reader_of, table_of
from chalicelib.prices.media import PARQUET
from chalicelib.prices.models import price_model_name
from chalicelib.prices.profiling.sources import Source, open_source
from chalicelib.prices.queues_models import ArquivoMessage
from chalicelib.prices.schemas_predictions import LinhaRecusada, LoteReport
from chalicelib.prices.service_predictions import usable_model
from chalicelib.prices.tables_predictions import Chamada
from chalicelib.prices.training_bins import bin_counts
from chalicelib.prices.training_data import fetched
from chalicelib.prices.training_file_writers import Columns, FileWriter, writer_for

MOST_ROWS = 5_000_000
REFUSALS_SHOWN = 100
MOST_REFUSALS_KEPT = 10_000
SUFFIX = {CSV: "csv", NDJSON: "ndjson", PARQUET: "parquet"}
UNREADABLE = "{column}: valor que não pode ser lido como {kind}"
NOTHING = object()  # Stands for a value that cannot be read.


@dataclass
class Tally:
    """What became of the rows so far.

    Attributes:
        rows: How many were answered.
        refused: Row -> why it was not.
        strange: Column -> rows with a value that training saw nothing like.
        bins: Column -> rows in each of its bins.
    """

    rows: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    strange: Counter[str] = field(default_factory=Counter)
    bins: dict[str, list[int]] = field(default_factory=dict)

    def count(self, more: Mapping[str, Sequence[int]]) -> None:
        """Add the bins of more rows."""
        for name, counts in more.items():
            before = self.bins.get(name, [0] * len(counts))
            self.bins[name] = [a + b for a, b in zip(before, counts, strict=True)]


def predict_file(run: JobRun, message: ArquivoMessage) -> LoteReport:
    """Answer every row of a file that can be read, and store the file of answers.

    Raises:
        ModelVersionNotFound, ModelUnusable: The version cannot answer any more.
        ObjectMissing: The file is gone.
        ArquivoRecusado, ArquivoSemColunas, LinhasDemais: It cannot be predicted.
        ServiceUnavailable: The store does not answer.
    """
    name = price_model_name(run.tenant, message.projeto)
    run.progress(0, 1, "lendo o arquivo")
    with run.reading() as session:
        media_type = upload_media_type(session, message.objeto)
        model = usable_model(session, name, message.versao)
        stored = training_profile(session, name, message.versao)
    bins = [Binning.from_json(each) for each in stored]
    with (
        fetched(message.objeto) as path,
        TemporaryDirectory(prefix="previsto-previsoes-") as folder,
    ):
        source = open_source(path, media_type)
        answers = Path(folder) / "respostas"
        predictor = _Predictor(model, source, bins)
        with answers.open("wb") as file:
            _work_through(run, predictor, source, writer_for(media_type, file))
        report = _stored(run, message, media_type, predictor, answers)
    with run.transaction() as session:
        _record(session, run, message, report, predictor.tally)
    return report


def _work_through(run: JobRun, predictor: _Predictor, source: Source, writer: FileWriter) -> None:
    for batch in source.batches():
        if source.rows > MOST_ROWS:
            raise LinhasDemais
        writer.write(predictor.answered(batch), batch.schema)
        run.progress(source.done, 1, "prevendo")
    writer.close()


def _stored(
    run: JobRun, message: ArquivoMessage, media_type: str, predictor: _Predictor, answers: Path
) -> LoteReport:
    """Put the answers where whoever asked may fetch them; gives what became of the rows."""
    kind = SUFFIX[media_type]
    key = f"{run.tenant}/precos/{message.projeto.hex}/previsoes/{run.job_id}.{kind}"
    with store_must_answer(), answers.open("rb") as file:
        object_store().put(key, file, content_type=media_type)
    tally, refused = predictor.tally, predictor.all_refused()
    return LoteReport(
        versao=message.versao,
        linhas=tally.rows + len(refused),
        previstas=tally.rows,
        recusadas=len(refused),
        primeiras_recusadas=[
            LinhaRecusada(linha=line, motivo=why)
            for line, why in islice(sorted(refused.items()), REFUSALS_SHOWN)
        ],
        ausentes=predictor.missing,
        desconhecidas=predictor.unknown,
        fora_do_treino=dict(sorted(tally.strange.items())),
        objeto=key,
        bytes=answers.stat().st_size,
    )


def _record(
    session: Session, run: JobRun, message: ArquivoMessage, report: LoteReport, tally: Tally
) -> None:
    """Keep the call, once however often the job is tried, and what was refused."""
    values = {
        "tenant": run.tenant,
        "projeto_id": message.projeto,
        "versao": message.versao,
        "usuario": run.owner,
        "em": run.started_at,
        "linhas": report.previstas,
        "origem": "arquivo",
        "relatorio": report.model_dump(mode="json"),
        "faixas": {"linhas": tally.rows, "colunas": tally.bins},
    }
    session.execute(
        insert(Chamada)
        .values(job_id=run.job_id, **values)
        .on_conflict_do_update(index_elements=["job_id"], set_=values)
    )
    session.execute(text("DELETE FROM import_rejections WHERE job_id = :id"), {"id": run.job_id})
    record_rejections(session, run, dict(islice(tally.refused.items(), MOST_REFUSALS_KEPT)))


class _Predictor:
    """Answers batches of a file's rows.

    Attributes:
        tally: What became of the rows so far.
        missing: Columns that the version reads and the file lacks.
        unknown: Columns that it does not read.
    """

    def __init__(self, model: ServedModel, source: Source, bins: Sequence[Binning]) -> None:
        """Look at the file's columns.

        Raises:
            ArquivoSemColunas: The version reads none of them.
        """
        self._model, self._source, self._bins = model, source, bins
        self._schema: list[dict[str, Any]] = model.metadata["esquema"]
        self._readers = {each["nome"]: reader_of(each) for each in self._schema}
        self._kinds = {each["nome"]: each["tipo"] for each in self._schema}
        self.tally = Tally()
        self.missing = [name for name in self._readers if name not in source.names]
        known = self._readers.keys() | {model.metadata["alvo"]}
        self.unknown = [name for name in source.names if name not in known]
        if len(self.missing) == len(self._readers):
            raise ArquivoSemColunas
        self._names = _free_names(model, source.names)

    def all_refused(self) -> dict[int, str]:
        """Row -> why: those that could not be split, and those with a value that is none."""
        self.tally.refused = {**self._source.refused.reasons, **self.tally.refused}
        return self.tally.refused

    def answered(self, batch: pa.RecordBatch) -> Columns:
        """The rows of a batch that can be read, with what is said of them."""
        given: Columns = {name: batch.column(name).to_pylist() for name in self._source.names}
        read = {
            name: self._read(name, given[name]) if name in given else [None] * len(batch)
            for name in self._readers
        }
        kept = self._readable(read, len(batch))
        rows = {name: [values[i] for i in kept] for name, values in given.items()}
        if not kept:
            return {**rows, **{name: [] for name in self._names.values()}}
        cases = {name: [values[i] for i in kept] for name, values in read.items()}
        said = self._said(table_of(cases, self._schema), len(kept))
        self.tally.rows += len(kept)
        return {**rows, **said}

    def _read(self, name: str, values: Sequence[Any]) -> list[Any]:
        """Values as the encoder takes them; the same text is read once."""
        reader, known = self._readers[name], dict[Any, Any]()
        for value in values:
            if value not in known:
                try:
                    known[value] = reader(_written(value))
                except (ValueError, OverflowError):
                    known[value] = NOTHING
        return [known[value] for value in values]

    def _readable(self, read: Columns, rows: int) -> list[int]:
        """Places of the rows that can be read; why others cannot goes to the tally."""
        faults: dict[int, str] = {}
        for name, values in read.items():
            for place, value in enumerate(values):
                if value is NOTHING:
                    said = UNREADABLE.format(column=name, kind=self._kinds[name])
                    faults.setdefault(place, said)
        for place, why in faults.items():
            self.tally.refused[self._source.lines[place]] = why
        return [place for place in range(rows) if place not in faults]

    def _said(self, table: Mapping[str, Any], rows: int) -> Columns:
        """Answers of rows, by the names of the columns they are written in."""
        model, names = self._model, self._names
        strange = [sorted({each.source for each in row}) for row in model.encoder.unseen(table)]
        self.tally.strange.update(name for row in strange for name in row)
        notices = {names["avisos"]: ["; ".join(row) for row in strange]}
        if model.metadata["tarefa"] == CLASSES:
            classes = model.metadata["classes"]
            chances = model.probabilities(table)
            self.tally.count(bin_counts(self._bins, table, chances.max(axis=1)))
            shown = {names[f"chance:{n}"]: chances[:, i].tolist() for i, n in enumerate(classes)}
            likeliest = [classes[best] for best in chances.argmax(axis=1)]
            return {names["previsao"]: likeliest, **shown, **notices}
        values = model.predict(table)
        self.tally.count(bin_counts(self._bins, table, values))
        low, high = bounds_of(model, values)
        nothing = [None] * rows
        return {
            names["previsao"]: values.tolist(),
            names["baixo"]: nothing if low is None else np.asarray(low).tolist(),
            names["alto"]: nothing if high is None else np.asarray(high).tolist(),
            **notices,
        }


def _written(value: Any) -> Any:
    """An instant of a Parquet file as text, which readers take; all else as it is."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _free_names(model: ServedModel, taken: Sequence[str]) -> dict[str, str]:
    """What is said -> the column it is written in, which none of the file's own is called."""
    wanted = {"previsao": "previsao"}
    if model.metadata["tarefa"] == CLASSES:
        wanted |= {f"chance:{name}": f"prob_{name}" for name in model.metadata["classes"]}
    else:
        wanted |= {"baixo": "previsao_baixo", "alto": "previsao_alto"}
    wanted |= {"avisos": "previsao_avisos"}
    found, used = {}, set(taken)
    for said, name in wanted.items():
        free = name
        while free in used:
            free += "_"
        found[said] = free
        used.add(free)
    return found
