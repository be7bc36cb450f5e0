"""Several readings of the shop, as if weeks lay between them."""

from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from infra.local.bookshop.server import ShopServer
from infra.tour.filling.api import Api
from infra.tour.pages import Places
from infra.tour.shop import break_some, turn_over

EDITIONS = 6
DAYS_BETWEEN = 12
API = "/api/v1"
SET_BACK = (
    f"""CREATE TEMP TABLE back ON COMMIT DROP AS
    SELECT r.id AS run_id, s.id AS snapshot, interval '{DAYS_BETWEEN} days' * (
        SELECT count(*) FROM book_runs later WHERE later.started_at > r.started_at) AS days
    FROM book_runs r LEFT JOIN book_snapshots s ON s.run_id = r.id""",
    """UPDATE book_versions v SET since = since - days FROM back
    WHERE v.since_snapshot = back.snapshot""",
    """UPDATE books b SET first_seen_at = first_seen_at - days FROM back, book_versions v
    WHERE v.book_id = b.id AND v.kind = 'new' AND v.since_snapshot = back.snapshot""",
    """UPDATE book_snapshots s SET taken_at = taken_at - days FROM back
    WHERE s.id = back.snapshot""",
    """UPDATE book_runs r SET started_at = started_at - days, ended_at = ended_at - days
    FROM back WHERE r.id = back.run_id""",
)


def fill_books(admin: Api, shop: ShopServer) -> Places:
    """Have the shop read again and again, the last time with pages that cannot be read."""
    admin.all_finished()  # The first reading began with the installation.
    for edition in range(1, EDITIONS):
        turn_over(shop, edition)
        if edition == EDITIONS - 1:
            break_some(shop)
        admin.finished(admin.post(f"{API}/scraping/trigger")["id"])
    shop.faults = {}
    _lay_weeks_between()
    run = admin.get(f"{API}/scraping/runs", limit=1)["items"][0]
    unread = admin.get(f"{API}/scraping/quarantine", limit=1)["items"][0]
    return {"livro": _much_changed(), "coleta": run["id"], "nao_lida": str(unread["id"])}


def _lay_weeks_between() -> None:
    """Set the clock of earlier readings back, each by so many days more than the next."""
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        for statement in SET_BACK:
            session.execute(text(statement))


def _much_changed() -> str:
    """The book whose price moved most often; the cheapest of those."""
    with unit_of_work(autocommit=True) as session:
        return str(
            session.execute(
                text(
                    "SELECT b.id FROM books b JOIN book_versions v ON v.book_id = b.id"
                    " WHERE b.gone_at IS NULL AND b.available"
                    " GROUP BY b.id ORDER BY count(*) DESC, b.price, b.id LIMIT 1"
                )
            ).scalar_one()
        )
