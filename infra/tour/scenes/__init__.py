"""The film, scene by scene. A scene needs nothing of another, so each can be cut or moved."""

from infra.tour.scenes.books import BOOKS, SCRAPING
from infra.tour.scenes.credit import CREDIT_DATA, CREDIT_ORDER, CREDIT_PEOPLE
from infra.tour.scenes.gym import DESK, RETENTION
from infra.tour.scenes.house import END, ENTRY, HOME, MODELS, OPERATION
from infra.tour.scenes.prices import DATA, EXPERIMENT, PREDICTION

SCENES = (
    ENTRY,
    HOME,
    DESK,
    RETENTION,
    MODELS,
    CREDIT_DATA,
    CREDIT_ORDER,
    CREDIT_PEOPLE,
    BOOKS,
    SCRAPING,
    DATA,
    EXPERIMENT,
    PREDICTION,
    OPERATION,
    END,
)
