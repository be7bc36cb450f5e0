"""Members found, filtered and sorted, a page at a time."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.pages import (
    AS_ID,
    AS_INSTANT,
    AS_NUMBER,
    CursorInvalid,
    as_text,
    count_up_to_limit,
    decode_cursor,
    encode_cursor,
)
from chalicelib.core.settings import settings
from chalicelib.gym.schemas import AlunoOut, Faixa
from chalicelib.gym.schemas_members import AlunoResumoOut, AlunosQuery, Sinteticos
from chalicelib.gym.service_risk import band
from chalicelib.gym.tables import Aluno, Checkin, ProbabilidadeChurn, RiscoChurn

# What the generated column and the index of words are made by, too.
MARKS = re.compile("[\u0300-\u036f]")
BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~]+")
TELEPHONE = re.compile(r"[0-9+()\s.-]*[0-9][0-9+()\s.-]*")
LONGEST_WORD = 200


@dataclass(frozen=True)
class SortKey:
    """What members can be sorted by.

    Attributes:
        column: Its values.
        parse: Reads one from a cursor.
        nulls: SQL of what stands for null in ascending and in descending order, so that it comes
            last; None where no value is null.
    """

    column: ColumnElement[Any]
    parse: Callable[[Any], Any]
    nulls: tuple[str, str] | None = None

    def ordered(self, *, is_descending: bool) -> ColumnElement[Any]:
        """The values, with null in its place."""
        if self.nulls is None:
            return self.column
        return func.coalesce(self.column, literal_column(self.nulls[is_descending]))

    def position(self, value: Any, *, is_descending: bool) -> Any:
        """Where a cursor's value stands among them.

        Raises:
            CursorInvalid: It is null, and no value is.
        """
        if value is not None:
            return value
        if self.nulls is None:
            raise CursorInvalid
        return literal_column(self.nulls[is_descending])


# One descent of the index on their visits for each member. A column that is kept up to date
# would sort faster, and make every visit slower.
LAST_VISIT = select(func.max(Checkin.entrada)).where(Checkin.aluno_id == Aluno.id).scalar_subquery()
# What was computed when somebody asked, which may be of after the night's pass over everybody.
SCORE = func.coalesce(RiscoChurn.probabilidade, ProbabilidadeChurn.probabilidade)
SORT_KEYS = {
    "nome": SortKey(Aluno.nome_busca.expression, as_text),
    "matriculado_em": SortKey(Aluno.matriculado_em.expression, AS_INSTANT),
    "ultima_visita": SortKey(
        LAST_VISIT, AS_INSTANT, ("'infinity'::timestamptz", "'-infinity'::timestamptz")
    ),
    "probabilidade": SortKey(SCORE, AS_NUMBER, ("2", "-1")),
}


def list_alunos(
    session: Session, query: AlunosQuery, now: datetime
) -> tuple[list[AlunoResumoOut], str | None, tuple[int, bool]]:
    """The members that were asked for, in two statements.

    Returns:
        The members of the page, the cursor of the next one, and the total with its exactness.

    Raises:
        CursorInvalid: The cursor is not of this list in this order.
    """
    today = local_day(now, settings().local_timezone)
    key = SORT_KEYS[query.ordem.column]
    statement = _filtered(
        select(
            Aluno,
            LAST_VISIT.label("ultima_visita"),
            SCORE.label("probabilidade"),
            key.column.label("chave"),
        ),
        query,
        today,
    )
    found = session.execute(_page(statement, key, query)).all()
    rows = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        last = rows[-1]
        chave = last.chave.isoformat() if isinstance(last.chave, datetime) else last.chave
        cursor = encode_cursor([query.ordem.value, chave, last.Aluno.id])
    total = count_up_to_limit(session, _filtered(select(Aluno.id), query, today))
    return [_summary(row) for row in rows], cursor, total


def _page(statement: Select[Any], key: SortKey, query: AlunosQuery) -> Select[Any]:
    """In order, from behind the cursor; one row more than asked for tells whether there is more."""
    down = query.ordem.is_descending
    order = (key.ordered(is_descending=down), Aluno.id.expression)
    if query.cursor is not None:
        given, value, aluno_id = decode_cursor(
            query.cursor, (as_text, lambda v: None if v is None else key.parse(v), AS_ID)
        )
        if given != query.ordem.value:
            raise CursorInvalid
        position = tuple_(key.position(value, is_descending=down), literal(aluno_id))
        behind = tuple_(*order) < position if down else tuple_(*order) > position
        statement = statement.where(behind)
    directed = (column.desc() if down else column.asc() for column in order)
    return statement.order_by(*directed).limit(query.limit + 1)


def _filtered(statement: Select[Any], query: AlunosQuery, today: date) -> Select[Any]:
    """Join the scores, and keep the members that were asked for."""
    # The one place that says which scores the list shows.
    is_of_today = and_(RiscoChurn.aluno_id == Aluno.id, RiscoChurn.dia == today, Aluno.ativo)
    is_of_tonight = and_(
        ProbabilidadeChurn.aluno_id == Aluno.id, ProbabilidadeChurn.dia == today, Aluno.ativo
    )
    statement = (
        statement.select_from(Aluno)
        .outerjoin(RiscoChurn, is_of_today)
        .outerjoin(ProbabilidadeChurn, is_of_tonight)
    )
    if query.busca is not None and query.busca.strip():
        statement = statement.where(_matches(query.busca))
    if query.plano_id is not None:
        statement = statement.where(Aluno.plano_id == query.plano_id)
    if query.ativo is not None:
        statement = statement.where(Aluno.ativo == query.ativo)
    if query.faixa is not None:
        statement = statement.where(_is_in_band(query.faixa))
    if query.ultima_visita_desde is not None:
        statement = statement.where(_came_since(query.ultima_visita_desde))
    if query.ultima_visita_antes is not None:
        statement = statement.where(
            exists().where(Checkin.aluno_id == Aluno.id), ~_came_since(query.ultima_visita_antes)
        )
    if query.sinteticos is not Sinteticos.INCLUIR:
        statement = statement.where(Aluno.sintetico == (query.sinteticos is Sinteticos.SOMENTE))
    return statement


def _came_since(instant: datetime) -> ColumnElement[bool]:
    return exists().where(Checkin.aluno_id == Aluno.id, Checkin.entrada >= instant)


def _is_in_band(faixa: Faixa) -> ColumnElement[bool]:
    found, probability = settings(), SCORE
    if faixa is Faixa.ALTO:
        return probability >= found.churn_faixa_alta
    if faixa is Faixa.BAIXO:
        return probability < found.churn_faixa_media
    return and_(probability >= found.churn_faixa_media, probability < found.churn_faixa_alta)


def _matches(busca: str) -> ColumnElement[bool]:
    question = search_question(busca)
    if not question:
        return false()
    # Folding to lower case is left to the database, which folded what it compares with.
    words = func.palavras_do_aluno(Aluno.nome_busca, Aluno.email, Aluno.telefone)
    return words.bool_op("@@")(cast(func.lower(question), TSQUERY))


def search_question(busca: str) -> str:
    """What was typed as a `tsquery`, without accents; empty when there is no word in it.

    Every word must begin one of the member's. What has marks inside, such as an address, may
    also be the beginning of the e-mail as it stands.
    """
    text = MARKS.sub("", unicodedata.normalize("NFKD", busca))
    if TELEPHONE.fullmatch(text):
        text = re.sub("[^0-9]", "", text)
    return " & ".join(found for typed in text.split() if (found := _term(typed[:LONGEST_WORD])))


def _term(typed: str) -> str:
    words = [word for word in BETWEEN_WORDS.split(typed) if word]
    if not words:
        return ""
    parts = " & ".join(map(_prefix, words))
    return parts if words == [typed] else f"({_prefix(typed)} | ({parts}))"


def _prefix(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}':*"


def _summary(row: Any) -> AlunoResumoOut:
    probability = row.probabilidade
    return AlunoResumoOut(
        **AlunoOut.model_validate(row.Aluno).model_dump(),
        ultima_visita=row.ultima_visita,
        probabilidade_churn=probability,
        faixa=None if probability is None else band(probability),
    )
