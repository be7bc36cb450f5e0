"""What gym answers to programs: all of its routes, imported when one is asked for."""

from chalicelib.gym.routes import gym
from chalicelib.gym.routes_members import members
from chalicelib.gym.routes_models import models
from chalicelib.gym.routes_personal_data import personal_data
from chalicelib.gym.routes_reports import reports
from chalicelib.gym.routes_retention import retention
from chalicelib.gym.routes_visits import visits

BLUEPRINTS = (
    gym,
    members,
    models,
    personal_data,
    reports,
    retention,
    visits,
)
