"""Whether the price model can be trusted."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.books.models import BOOK_PRICE, notice
from chalicelib.ml.health import Kept, health_of
from chalicelib.ml.registry import champion_of
from chalicelib.ml.schemas_health import MedicaoModelo, SaudeModelo


def book_health(session: Session, now: datetime) -> SaudeModelo:
    """Whether it knows more than chance; a catalogue that changes trains it anew."""
    champion = champion_of(session, BOOK_PRICE)
    said = notice(champion.metrics) if champion is not None else ""
    never_measured: Kept[MedicaoModelo] | None = None
    return health_of(champion, never_measured, lambda _: (), now, SaudeModelo, not_yet=said)
