"""Routes of a company's trail: all it did, and what was done to it."""

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.audit import AuditoriaOut, AuditoriaQuery
from chalicelib.core.audit_chain import VerificacaoOut, VerificarQuery, verify_chain
from chalicelib.core.audit_export import ExportarQuery
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page
from chalicelib.core.routes_audit import LONG_READS, export_reply
from chalicelib.core.rowfile import NDJSON
from chalicelib.core.web import Routes, endpoint

company_trail = Routes(__name__)

company = partial(endpoint, company_trail, allow=Role.EMPRESA, companies_only=True)


@company_trail.route("/credito/auditoria", methods=["GET"])
@company(query=AuditoriaQuery, response=Page[AuditoriaOut], autocommit=True)
def get_credito_auditoria(session: Session, query: AuditoriaQuery, call: Call) -> Reply:
    """Who changed what in your company, newest first."""
    entries, cursor, total = audit.list_entries(session, query)
    return page_reply(Page[AuditoriaOut], entries, cursor, total, call)


@company_trail.route("/credito/auditoria/exportar", methods=["GET"])
@company(query=ExportarQuery, response_media_type=NDJSON, limit=LONG_READS, own_transactions=True)
def get_credito_auditoria_exportar(
    principal: Principal, query: ExportarQuery, call: Call, now: datetime
) -> Reply:
    """Export your company's trail as NDJSON, oldest entry first, 100,000 at a time.

    Each line holds `texto`, whose SHA-256 is `hash` and which begins with the hash of the entry
    before. What is larger than 4 MB is answered with 303 and an address to fetch it from, which
    lives for a quarter of an hour. Where entries are left, `Link` says where they are.
    """
    return export_reply(principal, query, call, now)


@company_trail.route("/credito/auditoria/verificar", methods=["GET"])
@company(query=VerificarQuery, limit=LONG_READS, own_transactions=True)
def get_credito_auditoria_verificar(principal: Principal, query: VerificarQuery) -> VerificacaoOut:
    """Verify that your company's trail is what was recorded, or name the first link that does not
    hold.
    """
    return verify_chain(principal.tenant, query)
