"""Is the trail what it was? Every entry is hashed anew and compared with its link, with the next
one, with the head, and with the heads that were stored outside of the database day by day.

The chain shows what was changed by somebody who can write to the table; the stored heads show
what was forged by somebody who could also make the chain anew, or cut its end off.
"""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.audit import Auditoria, Hash
from chalicelib.core.audit_heads import Link, stored_heads
from chalicelib.core.db import unit_of_work
from chalicelib.core.statements import HotStatement

NOTHING = bytes(32)  # What the first entry comes after.
ENTRIES_PER_STATEMENT = 50_000
MOST_ENTRIES = 1_000_000


class Falha(StrEnum):
    """What is wrong with a link."""

    ALTERADA = "alterada"
    FALTANDO = "faltando"
    DESLIGADA = "desligada"
    EXCEDENTE = "excedente"
    REESCRITA = "reescrita"


MEANING = {
    Falha.ALTERADA: "O conteúdo desta entrada não é o que foi registrado.",
    Falha.FALTANDO: "Esta entrada foi removida.",
    Falha.DESLIGADA: "Esta entrada não segue a anterior: uma das duas foi trocada.",
    Falha.EXCEDENTE: "Esta entrada foi posta depois da última que foi registrada.",
    Falha.REESCRITA: (
        "A cadeia confere, mas não com a cabeça guardada fora do banco: foi refeita a partir desta"
        " entrada ou de outra até `ate`."
    ),
}


class VerificarQuery(BaseModel):
    """What part of the trail is verified."""

    model_config = ConfigDict(extra="forbid")

    desde_seq: int = Field(1, ge=1, le=2**62, description="From this entry on.")
    entradas: int = Field(
        MOST_ENTRIES, ge=1, le=MOST_ENTRIES, description="How many entries at the most."
    )


class CabecaOut(BaseModel):
    """The last entry of a trail."""

    seq: int
    hash: Hash


class QuebraOut(BaseModel):
    """The first link that does not hold."""

    seq: int = Field(description="Number of the entry.")
    ate: int = Field(description="The same number, but where only a range can be told.")
    falha: Falha
    motivo: str


class VerificacaoOut(BaseModel):
    """What verifying found."""

    ok: bool
    cabeca: CabecaOut | None = Field(description="Null where nothing has been recorded yet.")
    verificadas: int = Field(description="How many entries were looked at.")
    cabecas_guardadas: int = Field(description="With how many stored heads they were compared.")
    quebra: QuebraOut | None
    continua_em: int | None = Field(
        description="`desde_seq` of what has not been verified yet; null when it is whole."
    )


def verify_chain(tenant: str, query: VerificarQuery) -> VerificacaoOut:
    """Verify a tenant's trail, or a part of it.

    What is added meanwhile is left to the next time.

    Raises:
        ServiceUnavailable: The store of the heads does not answer.
    """
    stored = stored_heads(tenant)
    with unit_of_work(tenant=tenant, autocommit=True) as session:
        ends = ENDS.one_or_none(session, tenant=tenant)
        head = Link(ends.seq, ends.hash) if ends.seq else None
        last = head.seq if head else 0
        until = min(last, query.desde_seq + query.entradas - 1)
        broken = _first_broken(session, tenant, query.desde_seq - 1, until)
        looked_at = max(0, (broken.seq if broken else until) - query.desde_seq + 1)
        is_whole = until == last
        if broken is None and is_whole:
            broken = _broken_end(session, head, ends.highest)
        known = [s for s in stored if query.desde_seq <= s.seq and (is_whole or s.seq <= until)]
        broken = _earlier(broken, _rewritten(session, stored, known, last))
    return VerificacaoOut(
        ok=broken is None,
        cabeca=CabecaOut(seq=head.seq, hash=head.hash.hex()) if head else None,
        verificadas=looked_at,
        cabecas_guardadas=len(known),
        quebra=broken,
        continua_em=None if is_whole or broken else until + 1,
    )


# One statement, so that both are of one moment.
ENDS = HotStatement("""
SELECT coalesce(c.seq, 0) AS seq, c.hash, coalesce(
    (SELECT a.seq FROM auditoria a WHERE a.tenant = t.tenant ORDER BY a.seq DESC LIMIT 1), 0
) AS highest
FROM (SELECT cast(:tenant AS text) AS tenant) t LEFT JOIN auditoria_cabecas c USING (tenant)
""")

# One pass over the entries in their order; what is broken is told, the hashes stay there.
BROKEN = HotStatement("""
WITH linked AS (
    SELECT seq, hash, anterior, lag(seq, 1, cast(:after AS bigint)) OVER w AS seq_before,
        lag(hash, 1, cast(:link AS bytea)) OVER w AS hash_before,
        hash = sha256(convert_to(auditoria_texto(
            anterior, tenant, seq, em, ator, acao, objeto, detalhes, request_id
        ), 'UTF8')) AS is_unchanged
    FROM auditoria
    WHERE tenant = :tenant AND seq > :after AND seq <= :until
    WINDOW w AS (ORDER BY seq)
)
SELECT seq, seq_before, is_unchanged FROM linked
WHERE seq <> seq_before + 1 OR anterior <> hash_before OR NOT is_unchanged
ORDER BY seq LIMIT 1
""")


def _first_broken(session: Session, tenant: str, after: int, until: int) -> QuebraOut | None:
    """The first link in (after, until] that does not hold."""
    while after < until:
        link = _hash_of(session, after) if after else NOTHING
        if link is None:
            return _broken(Falha.FALTANDO, after)
        stop = min(after + ENTRIES_PER_STATEMENT, until)
        found = BROKEN.one_or_none(session, tenant=tenant, after=after, until=stop, link=link)
        if found is not None:
            if found.seq != found.seq_before + 1:
                return _broken(Falha.FALTANDO, found.seq_before + 1)
            falha = Falha.DESLIGADA if found.is_unchanged else Falha.ALTERADA
            return _broken(falha, found.seq)
        if _hash_of(session, stop) is None:
            return _broken(Falha.FALTANDO, _last_before(session, stop) + 1)
        after = stop
    return None


def _broken_end(session: Session, head: Link | None, highest: int) -> QuebraOut | None:
    """Whether the trail ends where its head says; all up to there holds."""
    last = head.seq if head else 0
    if highest > last:
        return _broken(Falha.EXCEDENTE, last + 1)
    if head is not None and _hash_of(session, head.seq) != head.hash:
        return _broken(Falha.DESLIGADA, head.seq)
    return None


def _rewritten(
    session: Session, stored: Sequence[Link], known: Sequence[Link], last: int
) -> QuebraOut | None:
    """The first entry that may be another one than when its head was stored."""
    wanted = Auditoria.seq.in_([head.seq for head in known])
    rows = session.execute(select(Auditoria.seq, Auditoria.hash).where(wanted))
    found = {row.seq: row.hash for row in rows}
    for head in known:
        if head.seq > last:
            return _broken(Falha.FALTANDO, last + 1, head.seq)
        if found.get(head.seq) != head.hash:
            before = [s.seq for s in stored if s.seq < head.seq]
            return _broken(Falha.REESCRITA, max(before, default=0) + 1, head.seq)
    return None


def _earlier(one: QuebraOut | None, other: QuebraOut | None) -> QuebraOut | None:
    """The one that is surely first: what names an entry before what names a range."""
    if one is None or other is None:
        return one or other
    return one if one.ate <= other.ate else other


def _broken(falha: Falha, seq: int, ate: int | None = None) -> QuebraOut:
    return QuebraOut(seq=seq, ate=ate or seq, falha=falha, motivo=MEANING[falha])


def _hash_of(session: Session, seq: int) -> bytes | None:
    return session.scalar(select(Auditoria.hash).where(Auditoria.seq == seq))


def _last_before(session: Session, seq: int) -> int:
    statement = select(Auditoria.seq).where(Auditoria.seq < seq).order_by(Auditoria.seq.desc())
    return session.scalar(statement.limit(1)) or 0
