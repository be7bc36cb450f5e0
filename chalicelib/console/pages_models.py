"""The page of all models: of each product, what is served and how it is doing."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.sections import sections_for
from chalicelib.console.visits import Visit
from chalicelib.core.web import EVERYONE, Routes

PATH = "/console/modelos"

models_page = Routes(__name__)


@models_page.route(PATH, methods=["GET"])
@page(models_page, allow=EVERYONE, autocommit=True)
def get_models(session: Session, visit: Visit, now: datetime) -> Shown:
    """What is served of each product that one may see."""
    parts = [
        (section, section.models(session, visit.who, now))
        for section in sections_for(visit.who)
        if section.models
    ]
    return Shown("console/models.html", parts=parts)
