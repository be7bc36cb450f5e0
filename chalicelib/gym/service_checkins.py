"""Entries and exits, one at a time; each is one statement, so two desks cannot interleave."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.statements import HotStatement
from chalicelib.gym.errors import (
    AlunoInativo,
    AlunoNotFound,
    ChaveEventoTaken,
    CheckinAberto,
    SemVisitaAberta,
)
from chalicelib.gym.schemas import CheckinIn, CheckinOut, SituacaoVisita

CLOCK_SKEW = timedelta(minutes=5)  # How far a turnstile's clock may run ahead of ours.

VISIT = "entrada, saida, sem_saida, chave_evento"

# `encerrada` must have run before the insert meets the unique index of open visits; reading its
# count there orders the two. A late event is over already: another visit follows it, or six
# hours have gone by.
RECORD_ENTRY = HotStatement(f"""
WITH dentro AS (
    SELECT 1 FROM checkins c
    WHERE c.aluno_id = :aluno_id AND c.saida IS NULL AND NOT c.sem_saida
      AND c.entrada <= :entrada
      AND c.entrada > cast(:entrada AS timestamptz) - interval '6 hours'
), aluno AS (
    UPDATE alunos SET revisao = revisao + 1 WHERE id = :aluno_id AND ativo RETURNING id
), encerrada AS (
    UPDATE checkins c SET sem_saida = true FROM aluno
    WHERE c.aluno_id = aluno.id AND c.saida IS NULL AND NOT c.sem_saida
      AND c.entrada <= cast(:entrada AS timestamptz) - interval '6 hours'
      AND NOT EXISTS (SELECT 1 FROM checkins k WHERE k.chave_evento = :chave)
    RETURNING 1
), nova AS (
    INSERT INTO checkins (aluno_id, entrada, saida, sem_saida, chave_evento)
    SELECT aluno.id, :entrada, cast(:saida AS timestamptz),
           cast(:saida AS timestamptz) IS NULL AND (
               cast(:entrada AS timestamptz) <= cast(:now AS timestamptz) - interval '6 hours'
               OR EXISTS (SELECT 1 FROM checkins d
                          WHERE d.aluno_id = aluno.id AND d.entrada > :entrada)),
           :chave
    FROM aluno, (SELECT count(*) FROM encerrada) antes
    WHERE cast(:saida AS timestamptz) IS NULL OR NOT EXISTS (SELECT 1 FROM dentro)
    ON CONFLICT (chave_evento) WHERE chave_evento IS NOT NULL DO NOTHING
    RETURNING {VISIT}
)
SELECT EXISTS (SELECT 1 FROM aluno) AS ativo, nova.* FROM (SELECT 1) s LEFT JOIN nova ON true
""")

RECORD_EXIT = HotStatement(f"""
WITH aluno AS (
    UPDATE alunos SET revisao = revisao + 1 WHERE id = :aluno_id AND ativo RETURNING id
), fechada AS (
    UPDATE checkins c SET saida = :saida, chave_saida = :chave FROM aluno
    WHERE c.aluno_id = aluno.id AND c.saida IS NULL AND NOT c.sem_saida
      AND c.entrada < :saida
      AND c.entrada >= cast(:saida AS timestamptz) - interval '24 hours'
      AND NOT EXISTS (SELECT 1 FROM checkins d WHERE d.chave_saida = :chave)
      AND NOT EXISTS (SELECT 1 FROM checkins d WHERE d.aluno_id = aluno.id
                      AND d.entrada > c.entrada AND d.entrada < :saida)
    RETURNING {VISIT.replace("entrada", "c.entrada", 1)}
)
SELECT EXISTS (SELECT 1 FROM aluno) AS ativo, fechada.* FROM (SELECT 1) s LEFT JOIN fechada ON true
""")


def record_checkin(session: Session, event: CheckinIn, now: datetime) -> CheckinOut:
    """Record an entry, an exit, or a whole visit.

    An event whose `chave_evento` is known already changes nothing and is answered with the
    visit it made.

    Raises:
        AlunoNotFound, AlunoInativo: Who is this?
        CheckinAberto: They have been inside for less than six hours.
        SemVisitaAberta: An exit, but they are not inside.
        ChaveEventoTaken: The key belongs to another aluno's event.
        ValidationFailed: The event lies in the future.
    """
    _refuse_future(event, now)
    if event.is_exit:
        return _record_exit(session, event.aluno_id, event.saida or now, event.chave_evento)
    row = RECORD_ENTRY.one_or_none(
        session,
        aluno_id=event.aluno_id,
        entrada=event.entrada or now,
        saida=event.saida,
        chave=event.chave_evento,
        now=now,
    )
    if not row.ativo:
        _refuse_aluno(session, event.aluno_id)
    if row.entrada is None:
        found = _visit_of_key(session, event, "chave_evento")
        if found is None:
            # Nothing but an open visit keeps a whole one out.
            raise CheckinAberto
        return found
    return _checkin(event.aluno_id, row)


def _record_exit(session: Session, aluno_id: int, saida: datetime, chave: str | None) -> CheckinOut:
    row = RECORD_EXIT.one_or_none(session, aluno_id=aluno_id, saida=saida, chave=chave)
    if not row.ativo:
        _refuse_aluno(session, aluno_id)
    if row.entrada is None:
        known = CheckinIn(aluno_id=aluno_id, saida=saida, chave_evento=chave)
        found = _visit_of_key(session, known, "chave_saida")
        if found is None:
            raise SemVisitaAberta
        return found
    return _checkin(aluno_id, row)


def _refuse_future(event: CheckinIn, now: datetime) -> None:
    latest = now + CLOCK_SKEW
    late = [
        FieldError(campo=name, erro="lies in the future")
        for name, instant in (("entrada", event.entrada), ("saida", event.saida))
        if instant is not None and instant > latest
    ]
    if late:
        raise ValidationFailed(errors=late)


def _refuse_aluno(session: Session, aluno_id: int) -> None:
    known = session.execute(text("SELECT 1 FROM alunos WHERE id = :id"), {"id": aluno_id}).scalar()
    raise AlunoInativo if known else AlunoNotFound


def _visit_of_key(session: Session, event: CheckinIn, column: str) -> CheckinOut | None:
    """The visit that an event of this key made, if it was this aluno's."""
    if event.chave_evento is None:
        return None
    row = session.execute(
        text(f"SELECT aluno_id, {VISIT} FROM checkins WHERE {column} = :chave"),
        {"chave": event.chave_evento},
    ).one_or_none()
    if row is None:
        return None
    if row.aluno_id != event.aluno_id:
        raise ChaveEventoTaken
    return _checkin(row.aluno_id, row)


def situacao(saida: datetime | None, sem_saida: bool) -> SituacaoVisita:
    """Where a visit stands."""
    if saida is not None:
        return SituacaoVisita.ENCERRADA
    return SituacaoVisita.SEM_SAIDA if sem_saida else SituacaoVisita.ABERTA


def minutes(entrada: datetime, saida: datetime | None) -> float | None:
    """How long a visit lasted; None when its exit is not known."""
    return None if saida is None else round((saida - entrada).total_seconds() / 60, 1)


def _checkin(aluno_id: int, row: Any) -> CheckinOut:
    return CheckinOut(
        aluno_id=aluno_id,
        entrada=row.entrada,
        saida=row.saida,
        situacao=situacao(row.saida, row.sem_saida),
        duracao_minutos=minutes(row.entrada, row.saida),
        chave_evento=row.chave_evento,
    )
