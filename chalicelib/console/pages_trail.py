"""The house's audit trail as a page."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.trail import TrailExportQuery, TrailQuery, trail_file, trail_page
from chalicelib.console.visits import Visit
from chalicelib.core.audit_chain import VerificarQuery, verify_chain
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.db import unit_of_work
from chalicelib.core.pages import CursorInvalid
from chalicelib.core.routes_audit import LONG_READS
from chalicelib.core.settings import HOUSE
from chalicelib.core.web import Routes

PATH = "/console/operacao/auditoria"

trail_pages = Routes(__name__)


@trail_pages.route(PATH, methods=["GET"])
@page(
    trail_pages,
    tenant=HOUSE,
    query=TrailQuery,
    allow=Role.ADMIN,
    raises=(CursorInvalid,),
    autocommit=True,
)
def get_trail(session: Session, query: TrailQuery) -> Shown:
    """Who changed what, newest first."""
    return trail_page(session, query)


@trail_pages.route(PATH, methods=["POST"])
@page(
    trail_pages,
    tenant=HOUSE,
    query=TrailQuery,
    allow=Role.ADMIN,
    limit=LONG_READS,
    own_transactions=True,
)
def post_trail(visit: Visit, query: TrailQuery) -> Shown:
    """Verify that the trail is what was recorded."""
    verdict = verify_chain(visit.who.tenant, VerificarQuery())
    with unit_of_work(tenant=visit.who.tenant, autocommit=True) as session:
        return trail_page(session, query, verdict)


@trail_pages.route(f"{PATH}/exportar", methods=["GET"])
@page(
    trail_pages,
    tenant=HOUSE,
    query=TrailExportQuery,
    allow=Role.ADMIN,
    limit=LONG_READS,
    own_transactions=True,
)
def get_trail_export(visit: Visit, query: TrailExportQuery, now: datetime) -> Reply:
    """The trail as a file, whose chain anybody can verify."""
    return trail_file(visit, query, now)
