"""The audit trail as a page, of the house's and of a company's: who changed what, and the check."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import field_validator
from sqlalchemy.orm import Session

from chalicelib.console.layout import Shown
from chalicelib.console.queries import FormQuery
from chalicelib.console.visits import Visit
from chalicelib.core import audit
from chalicelib.core.audit import AuditoriaQuery
from chalicelib.core.audit_chain import VerificacaoOut
from chalicelib.core.audit_export import MOST_ENTRIES, ExportarQuery
from chalicelib.core.calls import Reply
from chalicelib.core.clock import zone
from chalicelib.core.routes_audit import export_reply
from chalicelib.core.settings import settings
from chalicelib.identity.service import names_of

NOUNS: Mapping[str, str] = {
    "aluno": "Aluno",
    "catalogo": "Catálogo",
    "chave": "Chave",
    "dataset": "Envio",
    "empresa": "Empresa",
    "importacao": "Importação",
    "job": "Tarefa",
    "lote": "Lote",
    "lote_pedidos": "Lote de pedidos",
    "modelo": "Modelo",
    "pedido": "Pedido",
    "plano": "Plano",
    "politica": "Política",
    "previsoes": "Previsões",
    "sessao": "Sessão",
    "sinteticos": "Alunos sintéticos",
    "upload": "Envio de arquivo",
    "usuario": "Usuário",
    "visita": "Visita",
}
DEEDS: Mapping[str, str] = {
    "alias_movido": "posto em uso",
    "conclusao_pedida": "conclusão pedida",
    "desfecho": "desfecho registrado",
    "menor_aceito": "menor aceito",
    "padrao_em_uso": "padrão posta em uso",
    "reuso_detectado": "reúso detectado",
    "substituida": "substituída",
}
WHOLE: Mapping[str, str] = {
    "job.pedido": "Tarefa pedida",
    "job.cancelado": "Tarefa cancelada",
    "job.reenviado": "Tarefa reenviada",
    "aluno.contato_alterado": "Contato alterado",
    "aluno.contato_registrado": "Contato registrado",
    "usuario.senha_trocada": "Senha trocada",
}


class _Typed(FormQuery):
    """Filters as a form sends them: what is not chosen comes empty, instants are local."""

    @field_validator("desde", "ate", mode="before", check_fields=False)
    @classmethod
    def _local(cls, value: object) -> object:
        return as_local(value)


class TrailQuery(_Typed, AuditoriaQuery):
    """Which part of the trail is shown."""


class TrailExportQuery(_Typed, ExportarQuery):
    """Which part of the trail is exported."""


def as_local(value: object) -> object:
    """A date and time that was typed, in our zone; None where the field was left empty."""
    if not isinstance(value, str) or not value.strip():
        return value or None
    try:
        typed = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    return typed if typed.tzinfo else typed.replace(tzinfo=zone(settings().local_timezone))


def said_of(acao: str) -> str:
    """An action in words: `usuario.criado` is "Usuário criado"."""
    if acao in WHOLE:
        return WHOLE[acao]
    noun, _, deed = acao.partition(".")
    return f"{NOUNS.get(noun, noun)} {DEEDS.get(deed, deed.replace('_', ' '))}".strip()


def trail_page(session: Session, query: TrailQuery, verdict: VerificacaoOut | None = None) -> Shown:
    """Who changed what, newest first.

    Args:
        session: Of the tenant.
        query: Which part of it.
        verdict: What verifying the chain has found, where that was asked for.
    """
    entries, cursor, total = audit.list_entries(session, query)
    return Shown(
        "console/trail.html",
        entries=entries,
        cursor=cursor,
        total=total,
        query=query,
        verdict=verdict,
        said_of=said_of,
        most=MOST_ENTRIES,
        people=names_of(session, {entry.ator for entry in entries}),
    )


def trail_file(visit: Visit, query: TrailExportQuery, now: datetime) -> Reply:
    """The trail as NDJSON to be saved, or where it is."""
    found = export_reply(visit.who, query, visit.call, now)
    named = f'attachment; filename="trilha-{now:%Y-%m-%d}-{query.desde_seq}.ndjson"'
    return replace(found, headers={**found.headers, "Content-Disposition": named})
