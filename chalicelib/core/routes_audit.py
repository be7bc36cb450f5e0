"""Routes of the trail: read, exported, verified."""

from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.audit import AuditoriaOut, AuditoriaQuery
from chalicelib.core.audit_chain import VerificacaoOut, VerificarQuery, verify_chain
from chalicelib.core.audit_export import ExportarQuery, export_trail
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page
from chalicelib.core.rowfile import NDJSON
from chalicelib.core.web import Routes, endpoint

trail = Routes(__name__)

LONG_READS = "30/minute"  # Each may read a hundred thousand entries and more.


@trail.route("/auditoria", methods=["GET"])
@endpoint(
    trail, query=AuditoriaQuery, allow=Role.ADMIN, response=Page[AuditoriaOut], autocommit=True
)
def get_auditoria(session: Session, query: AuditoriaQuery, call: Call) -> Reply:
    """Who changed what, newest first."""
    entries, cursor, total = audit.list_entries(session, query)
    return page_reply(Page[AuditoriaOut], entries, cursor, total, call)


@trail.route("/auditoria/exportar", methods=["GET"])
@endpoint(
    trail,
    query=ExportarQuery,
    allow=Role.ADMIN,
    response_media_type=NDJSON,
    limit=LONG_READS,
    own_transactions=True,
)
def get_auditoria_exportar(
    principal: Principal, query: ExportarQuery, call: Call, now: datetime
) -> Reply:
    """Export the trail as NDJSON, oldest entry first, 100,000 at a time.

    Each line holds `texto`, whose SHA-256 is `hash` and which begins with the hash of the entry
    before. What is larger than 4 MB is answered with 303 and an address to fetch it from, which
    lives for a quarter of an hour. Where entries are left, `Link` says where they are.
    """
    return export_reply(principal, query, call, now)


@trail.route("/auditoria/verificar", methods=["GET"])
@endpoint(trail, query=VerificarQuery, allow=Role.ADMIN, limit=LONG_READS, own_transactions=True)
def get_auditoria_verificar(principal: Principal, query: VerificarQuery) -> VerificacaoOut:
    """Verify that the trail is what was recorded, or name the first link that does not hold.

    It is compared with itself and with the heads stored day by day outside of the database.
    """
    return verify_chain(principal.tenant, query)


def export_reply(principal: Principal, query: ExportarQuery, call: Call, now: datetime) -> Reply:
    """The answer of an export: the lines, or where they are; and where to go on."""
    exported = export_trail(principal.tenant, query, now)
    headers = {"Cache-Control": "no-store"}
    if exported.continues_at is not None:
        pairs = {**call.query, "desde_seq": [str(exported.continues_at)]}
        address = f"{call.link(call.path)}?{urlencode(pairs, doseq=True)}"
        headers["Link"] = f'<{address}>; rel="next"'
    if exported.address is not None:
        return Reply(status=303, headers={**headers, "Location": exported.address})
    return Reply(exported.text, headers=headers, media_type=NDJSON)
