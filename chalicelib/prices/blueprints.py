"""What prices answers to programs: all of its routes, imported when one is asked for."""

from chalicelib.prices.routes_datasets import datasets_of_prices
from chalicelib.prices.routes_models import price_models
from chalicelib.prices.routes_predictions import predictions
from chalicelib.prices.routes_projects import projects
from chalicelib.prices.routes_short import short_path
from chalicelib.prices.routes_training import trainings

BLUEPRINTS = (
    predictions,
    price_models,
    projects,
    datasets_of_prices,
    short_path,
    trainings,
)
