"""Entries and exits, one at a time; each is one statement, so two desks cannot interleave."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.statements import HotStatement
from chalicelib.gym.errors import (
    AlunoInativo,
    AlunoNotFound,
    ChaveEventoTaken,
    CheckinAberto,
    SemVisitaAberta,
    VisitaJaAnulada,
    VisitaNotFound,
)
from chalicelib.gym.schemas import CheckinIn, CheckinOut, SituacaoVisita
from chalicelib.gym.service_recounts import ask_for_recounts
from chalicelib.gym.visit_matching import match_around

CLOCK_SKEW = timedelta(minutes=5)  # How far a turnstile's clock may run ahead of ours.

VISIT = "entrada, saida, sem_saida, chave_evento"

# `encerrada` must have run before the insert meets the unique index of open visits; reading its
# count there orders the two. A late event is over already: another visit follows it, or six
# hours have gone by.
ENTRY = f"""
WITH dentro AS (
    SELECT 1 FROM checkins c
    WHERE c.aluno_id = :aluno_id AND c.saida IS NULL AND NOT c.sem_saida
      AND c.entrada <= :entrada
      AND c.entrada > cast(:entrada AS timestamptz) - interval '6 hours'
), aluno AS (
    UPDATE alunos SET revisao = revisao + 1 WHERE id = :aluno_id AND ativo
      AND {{is_welcome}}
    RETURNING id
), encerrada AS (
    UPDATE checkins c SET sem_saida = true FROM aluno
    WHERE c.aluno_id = aluno.id AND c.saida IS NULL AND NOT c.sem_saida
      AND c.entrada < :entrada
      AND (c.entrada <= cast(:entrada AS timestamptz) - interval '6 hours'
           OR cast(:entrada AS timestamptz) <= cast(:now AS timestamptz) - interval '6 hours')
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
SELECT EXISTS (SELECT 1 FROM aluno) AS ativo,
       {{has_exit}} AS tem_saida,
       nova.*
FROM (SELECT 1) s LEFT JOIN nova ON true
"""
NOT_STRUCK = "NOT EXISTS (SELECT 1 FROM visitas_anuladas z WHERE z.chave_evento = :chave)"
HAS_EXIT = """
EXISTS (SELECT 1 FROM saidas x WHERE x.aluno_id = :aluno_id AND x.saida > :entrada
        AND x.saida <= cast(:entrada AS timestamptz) + interval '24 hours')
"""
RECORD_ENTRY = HotStatement(ENTRY.format(is_welcome=NOT_STRUCK, has_exit=HAS_EXIT))
# Who is let in at the desk this very moment has not left yet, and has no key to have been struck.
RECORD_ENTRY_NOW = HotStatement(ENTRY.format(is_welcome="true", has_exit="false"))

# The exit is kept if it ends a visit; with a key, which a turnstile gives, it is kept anyway.
RECORD_EXIT = HotStatement("""
WITH aluno AS (
    UPDATE alunos SET revisao = revisao + 1 WHERE id = :aluno_id AND ativo RETURNING id
), alvo AS (
    SELECT c.entrada, c.fonte_saida = 'evento' AND c.saida > :saida
                      OR c.fonte_saida IS NULL AND c.saida IS NULL AS livre
    FROM checkins c
    WHERE c.aluno_id = :aluno_id AND c.entrada < :saida
      AND c.entrada >= cast(:saida AS timestamptz) - interval '24 hours'
    ORDER BY c.entrada DESC LIMIT 1
), nova AS (
    INSERT INTO saidas (aluno_id, saida, chave_evento, sem_entrada)
    SELECT aluno.id, :saida, :chave, NOT EXISTS (SELECT 1 FROM alvo) FROM aluno
    WHERE cast(:chave AS text) IS NOT NULL OR EXISTS (SELECT 1 FROM alvo WHERE livre)
    ON CONFLICT DO NOTHING
    RETURNING saida, sem_entrada
), fechada AS (
    UPDATE checkins c SET saida = nova.saida, sem_saida = false, fonte_saida = 'evento'
    FROM nova, alvo
    WHERE c.aluno_id = :aluno_id AND c.entrada = alvo.entrada
      AND (c.fonte_saida = 'evento' AND c.saida > nova.saida
           OR c.fonte_saida IS NULL AND c.saida IS NULL)
    RETURNING c.entrada, c.saida, c.sem_saida, c.chave_evento
)
SELECT EXISTS (SELECT 1 FROM aluno) AS ativo, EXISTS (SELECT 1 FROM nova) AS nova,
       (SELECT nova.sem_entrada FROM nova) AS sem_entrada, fechada.*
FROM (SELECT 1) s LEFT JOIN fechada ON true
""")


def record_checkin(session: Session, event: CheckinIn, now: datetime) -> CheckinOut:
    """Record an entry, an exit, or a whole visit.

    An event whose `chave_evento` is known already changes nothing and is answered with the
    visit it made. One that comes late may change the visits around it; see `visit_matching`.

    Raises:
        AlunoNotFound, AlunoInativo: Who is this?
        CheckinAberto: They have been inside for less than six hours.
        SemVisitaAberta: An exit without key, and there is no visit it could end.
        ChaveEventoTaken: The key belongs to another aluno's event.
        VisitaJaAnulada: The key belongs to a visit that the desk has struck.
        ValidationFailed: The event lies in the future.
    """
    _refuse_future(event, now)
    if event.is_exit:
        return _record_exit(session, event, event.saida or now, now)
    entrada = event.entrada or now
    is_now = event.entrada is None and event.chave_evento is None
    statement = RECORD_ENTRY_NOW if is_now else RECORD_ENTRY
    row = statement.one_or_none(
        session,
        aluno_id=event.aluno_id,
        entrada=entrada,
        saida=event.saida,
        chave=event.chave_evento,
        now=now,
    )
    if not row.ativo:
        _refuse_struck(session, event.chave_evento)
        _refuse_aluno(session, event.aluno_id)
    if row.tem_saida:
        # Exits came before their entry. An entry sent again does this again, in case that the
        # first time got no further than the entry.
        match_around(session, event.aluno_id, entrada, now)
    if row.entrada is None:
        return _visit_of_entry_key(session, event)
    ask_for_recounts(session, [entrada], owner=SYSTEM, now=now)
    return (
        visit_at(session, event.aluno_id, entrada)
        if row.tem_saida
        else visit_out(event.aluno_id, row)
    )


def _record_exit(session: Session, event: CheckinIn, saida: datetime, now: datetime) -> CheckinOut:
    row = RECORD_EXIT.one_or_none(
        session, aluno_id=event.aluno_id, saida=saida, chave=event.chave_evento
    )
    if not row.ativo:
        _refuse_aluno(session, event.aluno_id)
    if row.entrada is not None:
        return visit_out(event.aluno_id, row)
    if row.sem_entrada:
        # Its entry may have been recorded at this very moment; this waits for it.
        session.execute(text(RAISE_REVISION), {"aluno_id": event.aluno_id})
        match_around(session, event.aluno_id, saida, now)
    return _visit_of_exit(session, event, saida, is_new=row.nova)


RAISE_REVISION = "UPDATE alunos SET revisao = revisao + 1 WHERE id = :aluno_id"


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


def _refuse_struck(session: Session, chave: str | None) -> None:
    struck = "SELECT 1 FROM visitas_anuladas WHERE chave_evento = :chave"
    if session.execute(text(struck), {"chave": chave}).first() is not None:
        raise VisitaJaAnulada


def visit_at(session: Session, aluno_id: int, entrada: datetime) -> CheckinOut:
    """A visit as it is now.

    Raises:
        VisitaNotFound: No visit began at this instant.
    """
    row = session.execute(
        text(f"SELECT {VISIT} FROM checkins WHERE aluno_id = :aluno_id AND entrada = :entrada"),
        {"aluno_id": aluno_id, "entrada": entrada},
    ).one_or_none()
    if row is None:
        raise VisitaNotFound
    return visit_out(aluno_id, row)


def _visit_of_entry_key(session: Session, event: CheckinIn) -> CheckinOut:
    """The visit that the entry of this key made.

    Raises:
        ChaveEventoTaken, CheckinAberto: Why there is none of this aluno's.
    """
    row = session.execute(
        text(f"SELECT aluno_id, {VISIT} FROM checkins WHERE chave_evento = :chave"),
        {"chave": event.chave_evento},
    ).one_or_none()
    if row is None:
        # Nothing but an open visit keeps a whole one out.
        raise CheckinAberto
    if row.aluno_id != event.aluno_id:
        raise ChaveEventoTaken
    return visit_out(row.aluno_id, row)


# An exit by its key or its instant, and the visit it belongs to.
FIND_EXIT = text("""
SELECT x.aluno_id, x.saida AS instante, c.entrada, c.saida, c.sem_saida, c.chave_evento
FROM (SELECT * FROM saidas WHERE chave_evento = :chave
      UNION ALL SELECT * FROM saidas WHERE aluno_id = :aluno_id AND saida = :saida) x
LEFT JOIN LATERAL (
    SELECT * FROM checkins c
    WHERE c.aluno_id = x.aluno_id AND c.entrada < x.saida
      AND c.entrada >= x.saida - interval '24 hours'
    ORDER BY c.entrada DESC LIMIT 1
) c ON true
LIMIT 1
""")


def _visit_of_exit(
    session: Session, event: CheckinIn, saida: datetime, *, is_new: bool
) -> CheckinOut:
    """The visit to which an exit belongs that is kept, or the exit alone.

    Raises:
        SemVisitaAberta: It is not kept: without a key, it would have had to end a visit.
        ChaveEventoTaken: The key belongs to another aluno's exit.
    """
    row = session.execute(
        FIND_EXIT, {"aluno_id": event.aluno_id, "saida": saida, "chave": event.chave_evento}
    ).one_or_none()
    if row is None or not (is_new or event.chave_evento):
        raise SemVisitaAberta
    if row.aluno_id != event.aluno_id:
        raise ChaveEventoTaken
    if row.entrada is not None:
        return visit_out(event.aluno_id, row)
    return CheckinOut(
        aluno_id=event.aluno_id,
        entrada=None,
        saida=row.instante,
        situacao=SituacaoVisita.SEM_ENTRADA,
        duracao_minutos=None,
        chave_evento=event.chave_evento,
    )


def situacao(saida: datetime | None, sem_saida: bool) -> SituacaoVisita:
    """Where a visit stands."""
    if saida is not None:
        return SituacaoVisita.ENCERRADA
    return SituacaoVisita.SEM_SAIDA if sem_saida else SituacaoVisita.ABERTA


def minutes(entrada: datetime, saida: datetime | None) -> float | None:
    """How long a visit lasted; None when its exit is not known."""
    return None if saida is None else round((saida - entrada).total_seconds() / 60, 1)


def visit_out(aluno_id: int, row: Any) -> CheckinOut:
    """A visit read with the columns of `VISIT`."""
    return CheckinOut(
        aluno_id=aluno_id,
        entrada=row.entrada,
        saida=row.saida,
        situacao=situacao(row.saida, row.sem_saida),
        duracao_minutos=minutes(row.entrada, row.saida),
        chave_evento=row.chave_evento,
    )
