"""Composition root: the app, its blueprints, its schedules. Nothing else."""

from chalice.app import Chalice, Cron, Rate

from chalicelib.books.pages import ADVICE as BOOKS_ADVICE
from chalicelib.books.pages import LIVROS
from chalicelib.books.pages import REFUSALS as BOOKS_REFUSALS
from chalicelib.books.pages_catalogue import catalogue_pages
from chalicelib.books.pages_models import book_model_pages
from chalicelib.books.pages_scraping import scraping_pages
from chalicelib.books.routes_books import books
from chalicelib.books.routes_ml import learning
from chalicelib.books.routes_scraping import scraping
from chalicelib.books.service_removal import remove_old_files
from chalicelib.console.forms import MULTIPART
from chalicelib.console.operation import OPERACAO
from chalicelib.console.pages_jobs import job_pages
from chalicelib.console.pages_password import password_page
from chalicelib.console.pages_requests import request_pages
from chalicelib.console.pages_trail import trail_pages
from chalicelib.console.pages_users import user_pages
from chalicelib.console.problems import tell
from chalicelib.console.routes import console
from chalicelib.console.sections import show_sections
from chalicelib.core import idempotency
from chalicelib.core.audit_heads import store_heads
from chalicelib.core.clock import utc_now
from chalicelib.core.portuguese_faults import advise
from chalicelib.core.preflights import answer_preflights
from chalicelib.core.route_minutes import remove_old_minutes
from chalicelib.core.routes import core
from chalicelib.core.routes_audit import trail
from chalicelib.core.schedules import scheduled
from chalicelib.core.sweep import remove_old_jobs
from chalicelib.core.sweep import sweep as sweep_jobs
from chalicelib.core.upload_removal import remove_old_uploads
from chalicelib.credit import service_models as credit_service_models
from chalicelib.credit import service_removal
from chalicelib.credit.pages import ADVICE as CREDIT_ADVICE
from chalicelib.credit.pages import CREDITO
from chalicelib.credit.pages_companies import company_pages
from chalicelib.credit.pages_company import own_company_pages
from chalicelib.credit.pages_datasets import dataset_pages
from chalicelib.credit.pages_fairness import fairness_pages
from chalicelib.credit.pages_models import credit_model_pages
from chalicelib.credit.pages_order_lots import order_lot_pages
from chalicelib.credit.pages_orders import order_pages
from chalicelib.credit.pages_policy import policy_pages
from chalicelib.credit.pages_trail import company_trail_pages
from chalicelib.credit.pages_trials import trial_pages
from chalicelib.credit.routes_audit import company_trail
from chalicelib.credit.routes_companies import companies
from chalicelib.credit.routes_datasets import datasets
from chalicelib.credit.routes_models import credit_models
from chalicelib.credit.routes_order_lots import order_lots
from chalicelib.credit.routes_orders import orders
from chalicelib.credit.routes_personal_data import credit_personal_data
from chalicelib.credit.routes_policies import policies
from chalicelib.gym import (
    service_analyses,
    service_models,
    service_reports,
    service_scores,
    service_visits,
)
from chalicelib.gym.pages import ACADEMIA
from chalicelib.gym.pages import ADVICE as GYM_ADVICE
from chalicelib.gym.pages import REFUSALS as GYM_REFUSALS
from chalicelib.gym.pages_desk import desk
from chalicelib.gym.pages_imports import imports_page
from chalicelib.gym.pages_member import member_page
from chalicelib.gym.pages_members import members_pages
from chalicelib.gym.pages_models import churn_pages
from chalicelib.gym.pages_personal_data import personal_data_pages
from chalicelib.gym.pages_plans import plans_page
from chalicelib.gym.pages_plays import plays_page
from chalicelib.gym.pages_reports import reports_pages
from chalicelib.gym.pages_retention import retention_pages
from chalicelib.gym.pages_synthetic import synthetic_page
from chalicelib.gym.pages_visits import visits_pages
from chalicelib.gym.routes import gym
from chalicelib.gym.routes_members import members
from chalicelib.gym.routes_models import models
from chalicelib.gym.routes_personal_data import personal_data
from chalicelib.gym.routes_reports import reports
from chalicelib.gym.routes_retention import retention
from chalicelib.gym.routes_visits import visits
from chalicelib.identity import sessions
from chalicelib.identity.routes import identity
from chalicelib.identity.routes_api import identity_api
from chalicelib.prices import service_models as prices_service_models
from chalicelib.prices.media import PARQUET
from chalicelib.prices.pages import ADVICE as PRICES_ADVICE
from chalicelib.prices.pages import PRECOS
from chalicelib.prices.pages_datasets import dataset_pages as price_dataset_pages
from chalicelib.prices.pages_files import file_pages
from chalicelib.prices.pages_history import history_pages
from chalicelib.prices.pages_predictions import prediction_pages
from chalicelib.prices.pages_projects import project_pages
from chalicelib.prices.pages_training import training_pages
from chalicelib.prices.pages_versions import version_pages
from chalicelib.prices.routes_datasets import datasets_of_prices
from chalicelib.prices.routes_models import price_models
from chalicelib.prices.routes_predictions import predictions
from chalicelib.prices.routes_projects import projects
from chalicelib.prices.routes_short import short_path
from chalicelib.prices.routes_training import trainings

app = Chalice(app_name="previsto", configure_logs=False)
# API Gateway hands bodies of all other types on as UTF-8, whatever they are.
app.api.binary_types.append(PARQUET)
app.api.binary_types.append(MULTIPART)  # Files in forms need not be UTF-8.

app.register_blueprint(core)
app.register_blueprint(trail)
app.register_blueprint(console)
app.register_blueprint(password_page)
app.register_blueprint(request_pages)
app.register_blueprint(job_pages)
app.register_blueprint(user_pages)
app.register_blueprint(trail_pages)
app.register_blueprint(identity)
app.register_blueprint(datasets)
app.register_blueprint(companies)
app.register_blueprint(company_trail)
app.register_blueprint(company_pages)
app.register_blueprint(fairness_pages)
app.register_blueprint(own_company_pages)
app.register_blueprint(order_lot_pages)
app.register_blueprint(order_pages)
app.register_blueprint(policy_pages)
app.register_blueprint(dataset_pages)
app.register_blueprint(credit_model_pages)
app.register_blueprint(trial_pages)
app.register_blueprint(company_trail_pages)
app.register_blueprint(identity_api)
app.register_blueprint(books)
app.register_blueprint(catalogue_pages)
app.register_blueprint(scraping_pages)
app.register_blueprint(book_model_pages)
app.register_blueprint(gym)
app.register_blueprint(desk)
app.register_blueprint(members_pages)
app.register_blueprint(member_page)
app.register_blueprint(visits_pages)
app.register_blueprint(personal_data_pages)
app.register_blueprint(retention_pages)
app.register_blueprint(reports_pages)
app.register_blueprint(imports_page)
app.register_blueprint(plans_page)
app.register_blueprint(plays_page)
app.register_blueprint(synthetic_page)
app.register_blueprint(churn_pages)
app.register_blueprint(learning)
app.register_blueprint(members)
app.register_blueprint(models)
app.register_blueprint(order_lots)
app.register_blueprint(orders)
app.register_blueprint(credit_models)
app.register_blueprint(credit_personal_data)
app.register_blueprint(personal_data)
app.register_blueprint(policies)
app.register_blueprint(predictions)
app.register_blueprint(price_models)
app.register_blueprint(project_pages)
app.register_blueprint(price_dataset_pages)
app.register_blueprint(training_pages)
app.register_blueprint(version_pages)
app.register_blueprint(prediction_pages)
app.register_blueprint(file_pages)
app.register_blueprint(history_pages)
app.register_blueprint(projects)
app.register_blueprint(datasets_of_prices)
app.register_blueprint(reports)
app.register_blueprint(retention)
app.register_blueprint(scraping)
app.register_blueprint(short_path)
app.register_blueprint(trainings)
app.register_blueprint(visits)
answer_preflights(app)

show_sections(ACADEMIA, CREDITO, LIVROS, PRECOS, OPERACAO)
tell(GYM_REFUSALS)
tell(BOOKS_REFUSALS)
advise({**GYM_ADVICE, **BOOKS_ADVICE, **CREDIT_ADVICE, **PRICES_ADVICE})


@scheduled(app, Rate(1, Rate.MINUTES))
def sweep() -> None:
    """Queue again what lost workers held, and ring for what is due."""
    sweep_jobs()


# São Paulo has been three hours behind UTC all year round since 2019, and EventBridge's cron
# knows only UTC: elsewhere these hours are others, while the days stay those of LOCAL_TIMEZONE.
@scheduled(app, Cron(15, 6, "*", "*", "?", "*"))
def close_forgotten_visits() -> None:
    """Flag visits whose exit nobody recorded, at 03:15 in São Paulo."""
    service_visits.close_forgotten_visits(utc_now())


@scheduled(app, Cron(30, 6, "*", "*", "?", "*"))
def score_members() -> None:
    """Ask for every member's score of the day, at 03:30 in São Paulo."""
    service_scores.ask_for_nightly_scores(utc_now())


@scheduled(app, Cron(0, 7, "*", "*", "?", "*"))
def remove_expired() -> None:
    """Delete tokens and kept answers that have expired, at 04:00 in São Paulo."""
    sessions.remove_expired(utc_now())
    idempotency.remove_expired(utc_now())


@scheduled(app, Cron(10, 7, "*", "*", "?", "*"))
def remove_uploads() -> None:
    """Delete the files that have been kept long enough, at 04:10 in São Paulo."""
    remove_old_uploads(utc_now())
    remove_old_files(utc_now())


@scheduled(app, Cron(20, 7, "*", "*", "?", "*"))
def remove_jobs() -> None:
    """Delete the jobs that ended, and the minutes that were counted, long ago, at 04:20."""
    remove_old_jobs(utc_now())
    remove_old_minutes(utc_now())


@scheduled(app, Cron(40, 7, "*", "*", "?", "*"))
def expire_datasets() -> None:
    """Give up the datasets that nothing has come for in a week, at 04:40 in São Paulo."""
    service_removal.expire_datasets(utc_now())


@scheduled(app, Cron(50, 7, "*", "*", "?", "*"))
def store_heads_of_trails() -> None:
    """Store the heads of all trails outside of the database, at 04:50 in São Paulo."""
    store_heads(utc_now())


@scheduled(app, Cron(0, 9, "*", "*", "?", "*"))
def report_yesterday() -> None:
    """Ask for the report of the day before, at 06:00 in São Paulo."""
    service_reports.ask_for_report_of_yesterday(utc_now())


@scheduled(app, Cron(30, 7, "*", "*", "?", "*"))
def analyse_gym() -> None:
    """Have the churn model's health and retention measured, at 04:30 in São Paulo."""
    service_analyses.ask_for_nightly_analyses()


@scheduled(app, Cron(40, 7, "*", "*", "?", "*"))
def measure_credit_models() -> None:
    """Have every company's model that answers measured, at 04:40 in São Paulo."""
    credit_service_models.ask_for_nightly_health()


@scheduled(app, Cron(50, 7, "*", "*", "?", "*"))
def measure_price_models() -> None:
    """Have every project's model that answers measured, at 04:50 in São Paulo."""
    prices_service_models.ask_for_nightly_health()


@scheduled(app, Cron(0, 8, "?", "*", "MON", "*"))
def train_churn_model() -> None:
    """Have the churn model trained anew, on Mondays at 05:00 in São Paulo."""
    service_models.ask_for_weekly_training()
