"""Which columns a dataset has, and what they hold: inferred from the values, by the database.

Whether a value is there, and of which kind, is counted over all items; how many different ones
there are, over a sample of up to 50,000 items, drawn by id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.credit.item_fields import FIELDS, OWNER, Tipo
from chalicelib.credit.item_tables import item_table
from chalicelib.credit.kinds import own_kind
from chalicelib.credit.schemas_datasets import ColunaOut
from chalicelib.credit.tables import Dataset
from chalicelib.credit.values import NO, YES

SAMPLE = 50_000
MOST_COLUMNS = 300  # Of a company's own, of one kind.
MISSING_SHARE = 0.9
DISTINCT_SHARE = 0.9
FEWEST_FOR_DISTINCT = 50
MANY_CATEGORIES = 100
EXAMPLE_FROM = 5  # A value that fewer items have could point to one of them.
MOST_EXAMPLES = 5
LONGEST_EXAMPLE = 40

_PERSONAL_NAME = re.compile(
    r"nome|mail|fone|celular|whats|cpf|cnpj|\brg\b|doc|ender|rua|bairro|cep|contato|vendedor"
    r"|respons|represent|usuario|gerente|socio|nascimento|titular|placa|conta|pix|obs"
)
_PERSONAL_VALUE = re.compile(r"@|\d{5}")
_WORDS = ", ".join(f"'{word}'" for word in sorted(YES | NO | {"não"}))

# Fields and own columns as one object; a dot before those tells them apart: no own column has one.
_VALUES = "jsonb_strip_nulls(jsonb_build_object({fields})) || t.atributos"
KINDS = """
SELECT e.key AS nome, count(*) AS presentes,
    count(*) FILTER (WHERE jsonb_typeof(e.value) = 'number') AS numeros,
    count(*) FILTER (WHERE e.value IN ('0', '1')) AS zeros_e_uns,
    count(*) FILTER (WHERE jsonb_typeof(e.value) = 'boolean'
        OR lower(e.value #>> '{{}}') IN ({words}) AND jsonb_typeof(e.value) = 'string')
        AS booleanos,
    min(cast(e.value AS float8)) FILTER (WHERE jsonb_typeof(e.value) = 'number') AS minimo,
    max(cast(e.value AS float8)) FILTER (WHERE jsonb_typeof(e.value) = 'number') AS maximo,
    coalesce(bool_and(mod(cast(e.value AS numeric), 1) = 0)
        FILTER (WHERE jsonb_typeof(e.value) = 'number'), false) AS inteiros
FROM {table} t, jsonb_each({values}) e
WHERE t.dataset_id = :dataset GROUP BY e.key ORDER BY e.key LIMIT :most
"""
DISTINCT = """
SELECT nome, cast(sum(n) AS bigint) AS amostra, count(*) AS distintos,
    (array_agg(valor ORDER BY n DESC, valor) FILTER (WHERE n >= :from AND length(valor) <= :longest)
    )[1:{examples}] AS frequentes
FROM (
    SELECT e.key AS nome, e.value #>> '{{}}' AS valor, count(*) AS n
    FROM {table} t, jsonb_each({values}) e
    WHERE t.dataset_id = :dataset AND mod(t.id, :step) = 0
    GROUP BY 1, 2
) v
GROUP BY nome
"""


@dataclass(frozen=True)
class _Seen:
    """What the statements say of one column."""

    total: int
    kinds: Any
    distinct: Any

    @property
    def is_distinct(self) -> bool:
        """Whether nearly every item has a value of its own."""
        if self.distinct is None:
            return False
        enough = self.distinct.amostra >= FEWEST_FOR_DISTINCT
        return bool(enough and self.distinct.distintos > DISTINCT_SHARE * self.distinct.amostra)


def infer_schema(session: Session, dataset: Dataset) -> dict[str, list[dict[str, Any]]]:
    """The columns of each kind of a dataset, fields that we know before the company's own.

    A field that holds nothing anywhere is listed as such; one more own column than a kind may
    have is listed at the most.
    """
    return {
        tipo.value: [column.model_dump() for column in _columns(session, dataset, tipo)]
        for tipo in Tipo
    }


def _columns(session: Session, dataset: Dataset, tipo: Tipo) -> list[ColunaOut]:
    table = item_table(tipo)
    count = text(f"SELECT count(*) FROM {table.name} WHERE dataset_id = :dataset")
    total = session.execute(count, {"dataset": dataset.id}).scalar_one()
    if not total:
        return []
    fields = {f.name: f.kind for f in FIELDS[tipo]}
    listed = ", ".join(f"'.{name}', t.{name}" for name in fields)
    pieces = {"table": table.name, "values": _VALUES.format(fields=listed)}
    values = {
        "dataset": dataset.id,
        "most": MOST_COLUMNS + len(fields) + 1,
        "step": -(-total // SAMPLE),
        "from": EXAMPLE_FROM,
        "longest": LONGEST_EXAMPLE,
    }
    kinds = session.execute(text(KINDS.format(words=_WORDS, **pieces)), values)
    distinct = text(DISTINCT.format(examples=MOST_EXAMPLES, **pieces))
    sampled = {row.nome: row for row in session.execute(distinct, values)}
    seen = {row.nome: _Seen(total, row, sampled.get(row.nome)) for row in kinds}
    known = [_field(name, kind, seen.get(f".{name}"), total) for name, kind in fields.items()]
    own = [_own(tipo, name, seen[name]) for name in seen if not name.startswith(".")]
    return known + own


def _field(name: str, kind: str, seen: _Seen | None, total: int) -> ColunaOut:
    if seen is None:
        empty = {"faltando": total, "presentes": 0, "distintos": 0, "amostra": 0}
        return ColunaOut(nome=name, kind=kind, propria=False, avisos=["quase_vazia"], **empty)
    return ColunaOut(nome=name, kind=kind, propria=False, **_counts(seen, kind))


def _own(tipo: Tipo, name: str, seen: _Seen) -> ColunaOut:
    found = seen.kinds
    kind = own_kind(found.presentes, found.numeros, found.booleanos, found.zeros_e_uns)
    column = ColunaOut(nome=f"{OWNER[tipo]}.{name}", kind=kind, propria=True, **_counts(seen, kind))
    if kind != "number" and not _may_be_personal(name, seen):
        frequent = (seen.distinct.frequentes if seen.distinct else None) or ()
        column.exemplos = [value for value in frequent if not _PERSONAL_VALUE.search(value)]
    return column


def _may_be_personal(name: str, seen: _Seen) -> bool:
    return _PERSONAL_NAME.search(name) is not None or seen.is_distinct


def _counts(seen: _Seen, kind: str) -> Mapping[str, Any]:
    is_number = kind == "number"
    sampled = seen.distinct
    return {
        "faltando": seen.total - seen.kinds.presentes,
        "presentes": seen.kinds.presentes,
        "distintos": sampled.distintos if sampled else 0,
        "amostra": sampled.amostra if sampled else 0,
        "minimo": seen.kinds.minimo if is_number else None,
        "maximo": seen.kinds.maximo if is_number else None,
        "avisos": list(_warnings(seen, kind)) if sampled else [],
    }


def _warnings(seen: _Seen, kind: str) -> list[str]:
    kinds, sampled = seen.kinds, seen.distinct
    found = {
        "constante": sampled.distintos == 1 and kind in ("number", "category", "bool"),
        "quase_vazia": kinds.presentes < (1 - MISSING_SHARE) * seen.total,
        "identificador": seen.is_distinct and _may_identify(kinds, kind),
        "tipos_misturados": kind in ("number", "category") and 0 < kinds.numeros < kinds.presentes,
        "muitas_categorias": kind == "category" and sampled.distintos > MANY_CATEGORIES,
    }
    return [name for name, is_so in found.items() if is_so]


def _may_identify(kinds: Any, kind: str) -> bool:
    """Amounts differ from item to item as well; codes are text, or whole numbers."""
    return kind == "category" or (kind == "number" and bool(kinds.inteiros))
