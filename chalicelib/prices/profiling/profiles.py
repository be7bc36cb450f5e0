"""A file turned into Parquet and profiled: everything that needs neither database nor store."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from chalicelib.prices.profiling.candidates import target_candidates
from chalicelib.prices.profiling.conversion import (
    Converted,
    Plan,
    column_chunks,
    make_plans,
    open_parquet,
    write_as_it_is,
    write_converted,
)
from chalicelib.prices.profiling.findings import (
    column_findings,
    copy_findings,
    dataset_findings,
    leak_findings,
)
from chalicelib.prices.profiling.relations import (
    Sampled,
    copies,
    rank_correlations,
    sampled,
)
from chalicelib.prices.profiling.sources import Source, open_source
from chalicelib.prices.profiling.summaries import summarise
from chalicelib.prices.schemas_datasets import Alvo, Aviso, ColunaPerfil

FIGURE_ROWS = 1_000
FIGURE_CELLS = 100_000
LONGEST_LABEL = 60

Listen = Callable[[float, str], None]
"""Is told which share of all is done, and what is done now; raises what stops a run."""


@dataclass(frozen=True)
class Profiled:
    """What was found in a file.

    Attributes:
        columns: As profiling has them, before corrections.
        rows: How many are kept.
        duplicates: How many of them equal one before them.
        refused: Line -> why it is left out.
        description: How the file was read.
        targets: Candidates, best first.
        findings: Of the whole.
        figures: What figures are drawn from, as JSON.
    """

    columns: list[ColunaPerfil]
    rows: int
    duplicates: int
    refused: dict[int, str]
    description: dict[str, object]
    targets: list[Alvo]
    findings: list[Aviso]
    figures: dict[str, Any]


def profile_file(path: Path, media_type: str, kept: Path, listen: Listen) -> Profiled:
    """Read a file, write the Parquet that is kept of it, and say what is in it.

    Memory stays the same whatever the file's size: some pieces of a few megabytes, and one column
    of numbers.

    Args:
        path: The file as it was sent.
        media_type: What it was declared as.
        kept: Where to write the Parquet; a file beside it is used meanwhile.
        listen: Is told how far it is.

    Raises:
        ArquivoRecusado: It cannot be read as a table; says why, in Portuguese.
    """
    as_it_is = kept.with_suffix(".text.parquet")
    source = open_source(path, media_type)
    write_as_it_is(source, as_it_is, lambda share: listen(0.5 * share, "Lendo o arquivo"))
    plans = make_plans(
        as_it_is,
        prefers_comma=source.description.get("separador") == ";",
        tell=lambda share: listen(0.5 + 0.2 * share, "Reconhecendo os tipos"),
    )
    converted = write_converted(
        as_it_is, kept, plans, lambda share: listen(0.7 + 0.15 * share, "Convertendo para Parquet")
    )
    as_it_is.unlink()
    columns = _summaries(kept, plans, listen)
    return _related(columns, converted, source)


def _summaries(kept: Path, plans: Sequence[Plan], listen: Listen) -> list[ColunaPerfil]:
    file, found = open_parquet(kept), []
    for place, plan in enumerate(plans, 1):
        column = summarise(plan, column_chunks(file, plan.name), file.metadata.num_rows)
        found.append(column.model_copy(update={"avisos": column_findings(column, plan)}))
        listen(0.85 + 0.12 * place / len(plans), "Perfilando as colunas")
    return found


def _related(columns: list[ColunaPerfil], converted: Converted, source: Source) -> Profiled:
    refused = source.refused.reasons
    values = sampled(converted.sample, columns)
    correlations = rank_correlations(values)
    targets = target_candidates(columns)
    more = [copy_findings(copies(values, correlations)), leak_findings(values, targets)]
    columns = [
        each.model_copy(
            update={"avisos": each.avisos + [a for found in more for a in found.get(each.nome, [])]}
        )
        for each in columns
    ]
    return Profiled(
        columns=columns,
        rows=converted.rows,
        duplicates=converted.duplicates,
        refused=refused,
        description=source.description,
        targets=targets,
        findings=list(dataset_findings(converted, len(refused), source.beyond, columns)),
        figures={
            "correlacao": _correlations(values, correlations.tolist()),
            "amostra": _figure_sample(converted.sample, len(columns)),
        },
    )


def _correlations(values: Sequence[Sampled], matrix: list[list[float]]) -> dict[str, Any]:
    names = [each.column.nome for each in values if each.numbers is not None]
    rows = [[None if math.isnan(x) else round(x, 3) for x in row] for row in matrix]
    return {"colunas": names, "matriz": rows}


def _figure_sample(sample: pa.Table, width: int) -> dict[str, Any]:
    """Some rows for figures, as JSON: numbers shortened, texts cut."""
    rows = max(1, min(FIGURE_ROWS, FIGURE_CELLS // width))
    step = -(-max(sample.num_rows, 1) // rows)
    some = sample.take(pa.array(range(0, sample.num_rows, step), pa.int64()))
    columns = {
        name: [_for_figure(value) for value in some.column(name).to_pylist()]
        for name in some.column_names
    }
    return {"linhas": some.num_rows, "colunas": columns}


def _for_figure(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    if value is None or isinstance(value, str):
        return value and value[:LONGEST_LABEL]
    return value.isoformat()
