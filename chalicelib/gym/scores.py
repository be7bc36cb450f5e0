"""A stretch of members read, scored and stored in sets: numbers pass through as arrays.

The features are those of `features.py`, the kinds of answer those of `service_risk.py`; only
the way in and out differs from one member's answer.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.rowblocks import read_rows, write_rows
from chalicelib.gym.features import COLUMNS, Pairs, features_sql
from chalicelib.gym.models import CHURN
from chalicelib.gym.schemas import TipoResposta
from chalicelib.gym.service_risk import ABSENCE, RULED, TENURE, kind_of_answer
from chalicelib.ml.registry import Alias
from chalicelib.ml.serving import ServedModel

Rows = NDArray[Any]
TIPOS = tuple(TipoResposta)
ASKED = frozenset({TipoResposta.MODELO, TipoResposta.INICIO})
NUMBERS = tuple(column.name for column in COLUMNS if column.kind == "number")

KEPT = [
    ("aluno_id", "i8"),
    ("revisao", "i8"),
    ("calculado_em", "i8"),
    ("anterior", "f8"),  # NaN where there is none, whose version is 0.
    ("anterior_versao", "i4"),
]
READ_ROW = np.dtype([*KEPT, ("plano_id", "i8"), *((name, "f8") for name in NUMBERS)])
SCORED_ROW = np.dtype([*KEPT, ("tipo", "i4"), ("probabilidade", "f8")])

# Of a chunk's members, those without a number yet, each as of now or as of an answer they have.
# The limits keep these joins look-ups in the keys. What PostgreSQL knows of a table is older
# than today's rows: it takes them for none, and would compare every member with all of them.
PAIRS = """(
    SELECT a.id AS aluno_id, coalesce(r.calculado_em, '{now}'::timestamptz) AS as_of
    FROM alunos a
    LEFT JOIN LATERAL (
        SELECT r.calculado_em FROM riscos_churn r
        WHERE r.aluno_id = a.id
          AND (r.revisao, r.dia, r.modelo_versao) = (a.revisao, '{dia}', {versao})
        LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT true AS pontuado FROM probabilidades_churn p
        WHERE p.dia = '{dia}' AND p.aluno_id = a.id
          AND (p.revisao, p.modelo_versao) = (a.revisao, {versao})
        LIMIT 1
    ) p ON true
    WHERE a.ativo AND a.id > {after} AND a.id <= {upto} AND p.pontuado IS NULL
) AS p"""
NUMBERS_SQL = ", ".join(f"coalesce(f.{name}, 'NaN')" for name in NUMBERS)
READ = f"""
SELECT f.aluno_id, a.revisao, f.as_of, coalesce(y.probabilidade, 'NaN'),
       coalesce(y.modelo_versao, 0), pl.id, {NUMBERS_SQL}
FROM ({{features}}) f
JOIN alunos a ON a.id = f.aluno_id
JOIN planos pl ON pl.nome = f.plano
LEFT JOIN LATERAL (
    SELECT o.probabilidade, o.modelo_versao FROM probabilidades_churn o
    WHERE o.dia = '{{ontem}}' AND o.aluno_id = f.aluno_id
    LIMIT 1
) y ON true
"""

PLANOS = "SELECT id, nome FROM planos"

STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_scores (
    aluno_id bigint, revisao bigint, calculado_em timestamptz, anterior float8,
    anterior_versao int, tipo int, probabilidade float8
) ON COMMIT DELETE ROWS
"""
STAGED = f"staged_scores ({', '.join(SCORED_ROW.names or ())})"
# A promotion waits for the chunk that is being written, so that no chunk of the model before it
# comes to lie over one of its own.
HOLD_CHAMPION = """
SELECT version FROM model_aliases
WHERE tenant = :tenant AND model = :model AND alias = :alias FOR SHARE
"""
# Who was erased meanwhile has no row to refer to any more.
STORE = """
INSERT INTO probabilidades_churn AS p
    (dia, aluno_id, tipo, probabilidade, modelo_versao, revisao, calculado_em,
     anterior, anterior_versao)
SELECT :dia, s.aluno_id, (cast(:tipos AS text[]))[s.tipo + 1], nullif(s.probabilidade, 'NaN'),
       :versao, s.revisao, s.calculado_em,
       nullif(s.anterior, 'NaN'), nullif(s.anterior_versao, 0)
FROM staged_scores s
JOIN alunos a ON a.id = s.aluno_id
ORDER BY s.aluno_id
ON CONFLICT (dia, aluno_id) DO UPDATE SET
    tipo = excluded.tipo, probabilidade = excluded.probabilidade,
    modelo_versao = excluded.modelo_versao, revisao = excluded.revisao,
    calculado_em = excluded.calculado_em, anterior = excluded.anterior,
    anterior_versao = excluded.anterior_versao, explicacao = NULL
WHERE p.revisao <= excluded.revisao
"""


@dataclass(frozen=True)
class ScoredDay:
    """What scores are of: a local day, and the version that gives them."""

    dia: date
    versao: int


@dataclass(frozen=True)
class Members:
    """Members whose features have been read.

    Attributes:
        rows: (n,) of `READ_ROW`.
        table: Column of the model -> (n,) values.
    """

    rows: Rows
    table: dict[str, Any]


def read_members(
    session: Session, day: ScoredDay, bounds: tuple[int, int], now: datetime
) -> Members:
    """The active members with ids above the first bound, up to the second, not scored yet.

    COPY takes no parameters, so they are written into the statement; none is a user's.
    """
    after, upto = bounds
    pairs = PAIRS.format(
        now=now.isoformat(), dia=day.dia, versao=day.versao, after=after, upto=upto
    )
    statement = READ.format(features=features_sql(Pairs(pairs)), ontem=day.dia - timedelta(days=1))
    rows = read_rows(session, statement, READ_ROW)
    names = {plano.id: plano.nome for plano in session.execute(text(PLANOS))}
    table: dict[str, Any] = {name: rows[name] for name in NUMBERS}
    table["plano"] = [names[plano_id] for plano_id in rows["plano_id"].tolist()]
    return Members(rows, table)


def score(model: ServedModel, members: Members) -> Rows:
    """(n,) of `SCORED_ROW`: each member's kind of answer, and their number; NaN where none is."""
    columns = (members.table[ABSENCE].tolist(), members.table[TENURE].tolist())
    kinds = [kind_of_answer(absence, tenure) for absence, tenure in zip(*columns, strict=True)]
    found = np.empty(len(kinds), dtype=SCORED_ROW)
    for name, _ in KEPT:
        found[name] = members.rows[name]
    found["tipo"] = [TIPOS.index(kind) for kind in kinds]
    found["probabilidade"] = [RULED.get(kind, np.nan) for kind in kinds]
    asked = np.flatnonzero([kind in ASKED for kind in kinds])
    table = {
        name: values[asked] if name in NUMBERS else [values[row] for row in asked.tolist()]
        for name, values in members.table.items()
    }
    found["probabilidade"][asked] = model.predict(table)
    return found


def store(session: Session, day: ScoredDay, scored: Rows) -> bool:
    """Keep the scores; False, and none is kept, where another version is champion by now."""
    champion = {"tenant": CHURN.tenant, "model": CHURN.model, "alias": Alias.CHAMPION.value}
    if session.execute(text(HOLD_CHAMPION), champion).scalar() != day.versao:
        return False
    session.execute(text(STAGE))
    write_rows(session, STAGED, scored)
    values = {
        "dia": day.dia,
        "versao": day.versao,
        "tipos": [tipo.value for tipo in TIPOS],
    }
    session.execute(text(STORE), values)
    return True
