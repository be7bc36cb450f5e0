"""A dataset and all that has come of it, in few statements however many lots it has."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core.jobs import Job
from chalicelib.credit.findings import lot_warnings
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.schemas_datasets import (
    Achado,
    Conclusao,
    DatasetDetalhe,
    DatasetOut,
    EstadoDataset,
    TipoOut,
    Trecho,
)
from chalicelib.credit.service_datasets import LIVE, find_dataset
from chalicelib.credit.tables import Dataset

MOST_STRETCHES = 100
MOST_WORDS = 50
MOST_WARNINGS = 200

COUNTS = """
SELECT tipo, count(*) AS lotes, max(seq) AS maior_seq,
    count(*) FILTER (WHERE estado = 'pendente') AS pendentes,
    sum(itens) AS itens, sum(aceitos) AS aceitos, sum(recusados) AS recusados
FROM credito_lotes WHERE dataset_id = :dataset GROUP BY tipo
"""
MISSING = """
SELECT tipo, de, ate FROM (
    SELECT tipo, antes + 1 AS de, seq - 1 AS ate,
        row_number() OVER (PARTITION BY tipo ORDER BY seq) AS n
    FROM (
        SELECT tipo, seq, coalesce(lag(seq) OVER (PARTITION BY tipo ORDER BY seq), 0) AS antes
        FROM credito_lotes WHERE dataset_id = :dataset
    ) s
    WHERE seq > antes + 1
) t
WHERE n <= :most ORDER BY tipo, de
"""
OUTCOMES = """
SELECT e.key, sum(cast(e.value AS int)) FROM credito_lotes l, jsonb_each_text(l.desfechos) e
WHERE l.dataset_id = :dataset GROUP BY e.key ORDER BY 2 DESC, 1 LIMIT :most
"""
LOT_WARNINGS = """
SELECT l.tipo, e.key, sum(cast(e.value AS int))
FROM credito_lotes l, jsonb_each_text(l.avisos) e
WHERE l.dataset_id = :dataset GROUP BY l.tipo, e.key ORDER BY 1, 2 LIMIT :most
"""


def describe_dataset(session: Session, dataset_id: UUID) -> DatasetDetalhe:
    """A dataset with counts, gaps, warnings and the findings of its last conclusion.

    Raises:
        DatasetNotFound: There is none under this id.
    """
    dataset = find_dataset(session, dataset_id)
    conclusion = _conclusion(session, dataset)
    estado = dataset.estado
    if estado == EstadoDataset.CONFERINDO and (conclusion is None or conclusion.estado not in LIVE):
        estado = EstadoDataset.ABERTO  # Its job was given up: the next lot finds it open.
    shown = DatasetOut.model_validate(dataset).model_dump() | {"estado": estado}
    return DatasetDetalhe(
        **shown,
        tipos=count_lots(session, dataset_id),
        desfechos=count_outcomes(session, dataset_id),
        conclusao=conclusion,
        problemas=[Achado(**found) for found in dataset.problemas],
        avisos=[*_lot_warnings(session, dataset_id), *(Achado(**a) for a in dataset.avisos)],
        esquema=dataset.esquema,
    )


def _conclusion(session: Session, dataset: Dataset) -> Conclusao | None:
    if dataset.job_id is None:
        return None
    return Conclusao(
        job_id=dataset.job_id,
        estado=session.scalar(select(Job.state).where(Job.id == dataset.job_id)),
        esperados=dataset.esperados or {},
        aceita_recusados=dataset.aceita_recusados,
        aceita_sem_cliente=dataset.aceita_sem_cliente,
    )


def count_lots(session: Session, dataset_id: UUID) -> list[TipoOut]:
    """What has come of each of the four kinds."""
    values = {"dataset": dataset_id, "most": MOST_STRETCHES}
    counted = {row.tipo: row for row in session.execute(text(COUNTS), values)}
    stretches: dict[str, list[Trecho]] = {}
    for row in session.execute(text(MISSING), values):
        stretches.setdefault(row.tipo, []).append(Trecho(de=row.de, ate=row.ate))
    found = []
    for tipo in Tipo:
        if tipo.value not in counted:
            counts = dict.fromkeys(TipoOut.model_fields.keys() - {"tipo", "faltando"}, 0)
        else:
            row = counted[tipo.value]
            counts = {name: int(value) for name, value in row._mapping.items() if name != "tipo"}
            counts["lotes_faltando"] = row.maior_seq - row.lotes
        found.append(TipoOut(tipo=tipo, faltando=stretches.get(tipo.value, []), **counts))
    return found


def count_outcomes(
    session: Session, dataset_id: UUID, most: int | None = MOST_WORDS
) -> dict[str, int]:
    """Accepted orders by outcome or status, the commonest first; all of them for None."""
    values = {"dataset": dataset_id, "most": most}
    return {word: int(n) for word, n in session.execute(text(OUTCOMES), values)}


def _lot_warnings(session: Session, dataset_id: UUID) -> list[Achado]:
    values = {"dataset": dataset_id, "most": MOST_WARNINGS}
    counted = session.execute(text(LOT_WARNINGS), values)
    return lot_warnings((tipo, code, int(n)) for tipo, code, n in counted)
