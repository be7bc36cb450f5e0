"""Bulk files of members."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.clock import utc_now, zone
from chalicelib.core.imports import ImportReport, Merged, RowRefused, Target, import_rows
from chalicelib.core.rowfile import HeaderInvalid, Position, Row
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import settings
from chalicelib.core.types import Id, Instant, ShortText
from chalicelib.gym.schemas import DataNascimento, Email, ImportMessage, Telefone
from chalicelib.gym.service_imports import NULL, copy_text, open_import

ALUNO_COLUMNS = (
    "nome",
    "email",
    "plano",
    "plano_id",
    "telefone",
    "data_nascimento",
    "matriculado_em",
    "cancelado_em",
)


HOW_TO_WRITE = {
    "nome": "nome: obrigatório, até 200 caracteres",
    "email": "email: obrigatório, como ana.lima@example.com",
    "plano": "plano: o nome, até 200 caracteres",
    "plano_id": "plano_id: um número inteiro positivo",
    "telefone": "telefone: de 8 a 20 dígitos, como +55 11 98765-4321",
    "data_nascimento": "data_nascimento: uma data passada, como 1990-05-17",
    "matriculado_em": "matriculado_em: uma data, como 2026-03-02, ou data e hora",
    "cancelado_em": "cancelado_em: uma data, como 2026-03-02, ou data e hora",
}


def _as_instant(value: Any) -> Any:
    """A date alone, or a time without offset, is local."""
    if not isinstance(value, str):
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=zone(settings().local_timezone))
    return instant


FileInstant = Annotated[Instant, BeforeValidator(_as_instant)]


class AlunoRow(BaseModel):
    """One row of the file."""

    nome: ShortText
    email: Email
    plano: ShortText | None = None
    plano_id: Id | None = None
    telefone: Telefone | None = None
    data_nascimento: DataNascimento | None = None
    matriculado_em: FileInstant | None = None
    cancelado_em: FileInstant | None = None


_ROW = TypeAdapter(AlunoRow)


def import_alunos(run: JobRun, message: ImportMessage) -> ImportReport:
    """Import a file of members; see POST /aluno/registro/lote."""
    open_file, size = open_import(run, message, ALUNO_COLUMNS)
    file = open_file(Position())
    names = set(file.header()) if file.is_csv else set(ALUNO_COLUMNS)
    if not {"nome", "email"} <= names or not names & {"plano", "plano_id"}:
        raise HeaderInvalid(
            "The CSV needs a header with nome, email, and plano or plano_id.",
            motivo="O CSV precisa de um cabeçalho com nome, email e plano ou plano_id.",
        )
    now = utc_now()
    target = Target(
        table="staged_alunos",
        columns=STAGED,
        parse=lambda line, row: _parse(line, row, now),
        merge=merge_alunos,
    )
    return import_rows(run, open_file, size, target)


def _parse(line: int, row: Row, now: datetime) -> str:
    values = {name: v for name, v in zip(ALUNO_COLUMNS, row, strict=True) if v is not None}
    try:
        aluno = _ROW.validate_python(values)
    except ValidationError as error:
        faulty = {str(fault["loc"][0]) for fault in error.errors()}
        advice = "; ".join(HOW_TO_WRITE[name] for name in ALUNO_COLUMNS if name in faulty)
        raise RowRefused(f"{advice}.") from None
    if aluno.plano is None and aluno.plano_id is None:
        raise RowRefused("Informe plano ou plano_id.")
    joined = aluno.matriculado_em or now
    if joined > now or (aluno.cancelado_em and not joined <= aluno.cancelado_em <= now):
        raise RowRefused("matriculado_em e cancelado_em: fora de ordem ou no futuro.")
    fields = (
        aluno.nome,
        aluno.email,
        aluno.plano,
        aluno.plano_id,
        aluno.telefone,
        aluno.data_nascimento,
        joined,
        aluno.cancelado_em,
    )
    return "\t".join([str(line), *map(_field, fields)]) + "\n"


def _field(value: Any) -> str:
    return NULL if value is None else copy_text(value, longest=300)


STAGED = """
linha int, nome text, email text, plano text, plano_id bigint, telefone text,
data_nascimento date, matriculado_em timestamptz, cancelado_em timestamptz
"""
# As it is written; else without regard to accents and case, if that leaves no doubt.
RESOLVE_PLANOS = """
WITH escrito AS (
    SELECT DISTINCT plano FROM staged_alunos WHERE plano_id IS NULL AND plano IS NOT NULL
), achado AS (
    SELECT e.plano, coalesce(min(p.id) FILTER (WHERE p.nome = e.plano),
                             CASE WHEN count(*) = 1 THEN min(p.id) END) AS plano_id
    FROM escrito e JOIN planos p ON sem_acentos(p.nome) = sem_acentos(e.plano)
    GROUP BY e.plano
)
UPDATE staged_alunos s SET plano_id = a.plano_id FROM achado a
WHERE s.plano_id IS NULL AND s.plano = a.plano
"""
REFUSE_UNKNOWN_PLANOS = """
DELETE FROM staged_alunos s
WHERE NOT EXISTS (SELECT 1 FROM planos p WHERE p.id = s.plano_id)
RETURNING linha
"""
INSERT_ALUNOS = """
WITH linhas AS (
    SELECT DISTINCT ON (email) * FROM staged_alunos ORDER BY email, linha
), novo AS (
    INSERT INTO alunos (nome, email, telefone, data_nascimento, plano_id, ativo, matriculado_em)
    SELECT nome, email, telefone, data_nascimento, plano_id, cancelado_em IS NULL, matriculado_em
    FROM linhas ORDER BY email
    ON CONFLICT (email) DO NOTHING
    RETURNING id, email, plano_id, matriculado_em
), primeira AS (
    INSERT INTO aluno_vigencias (aluno_id, desde, plano_id, ativo)
    SELECT n.id, n.matriculado_em, n.plano_id,
           s.cancelado_em IS DISTINCT FROM n.matriculado_em
    FROM novo n JOIN linhas s ON s.email = n.email
), segunda AS (
    INSERT INTO aluno_vigencias (aluno_id, desde, plano_id, ativo)
    SELECT n.id, s.cancelado_em, n.plano_id, false
    FROM novo n JOIN linhas s ON s.email = n.email
    WHERE s.cancelado_em > n.matriculado_em
)
SELECT count(*) FROM novo
"""


def merge_alunos(session: Session) -> Merged:
    """Merge what is staged; whoever is known by e-mail stays as they are."""
    session.execute(text(RESOLVE_PLANOS))
    unknown = session.execute(text(REFUSE_UNKNOWN_PLANOS)).scalars().all()
    accepted = session.execute(text(INSERT_ALUNOS)).scalar_one()
    names = ", ".join(session.execute(text("SELECT nome FROM planos ORDER BY id")).scalars())
    refused = dict.fromkeys(unknown, f"Plano desconhecido; há: {names or 'nenhum'}.")
    return Merged(accepted, refused)
