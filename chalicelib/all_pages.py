"""The console: every page of every product, imported when one is asked for.

Each page shows the sections of all products in its navigation.
"""

from chalicelib.books.pages import ADVICE as BOOKS_ADVICE
from chalicelib.books.pages import LIVROS
from chalicelib.books.pages_catalogue import catalogue_pages
from chalicelib.books.pages_models import book_model_pages
from chalicelib.books.pages_scraping import scraping_pages
from chalicelib.console.operation import OPERACAO
from chalicelib.console.pages_jobs import job_pages
from chalicelib.console.pages_models import models_page
from chalicelib.console.pages_password import password_page
from chalicelib.console.pages_requests import request_pages
from chalicelib.console.pages_stores import store_pages
from chalicelib.console.pages_trail import trail_pages
from chalicelib.console.pages_users import user_pages
from chalicelib.console.routes import console
from chalicelib.console.sections import show_sections
from chalicelib.core.portuguese_faults import advise
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
from chalicelib.gym.pages import ACADEMIA
from chalicelib.gym.pages import ADVICE as GYM_ADVICE
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
from chalicelib.prices.pages import ADVICE as PRICES_ADVICE
from chalicelib.prices.pages import PRECOS
from chalicelib.prices.pages_datasets import dataset_pages as price_dataset_pages
from chalicelib.prices.pages_files import file_pages
from chalicelib.prices.pages_history import history_pages
from chalicelib.prices.pages_predictions import prediction_pages
from chalicelib.prices.pages_projects import project_pages
from chalicelib.prices.pages_training import training_pages
from chalicelib.prices.pages_versions import version_pages

BLUEPRINTS = (
    console,
    models_page,
    password_page,
    request_pages,
    store_pages,
    job_pages,
    user_pages,
    trail_pages,
    company_pages,
    fairness_pages,
    own_company_pages,
    order_lot_pages,
    order_pages,
    policy_pages,
    dataset_pages,
    credit_model_pages,
    trial_pages,
    company_trail_pages,
    catalogue_pages,
    scraping_pages,
    book_model_pages,
    desk,
    members_pages,
    member_page,
    visits_pages,
    personal_data_pages,
    retention_pages,
    reports_pages,
    imports_page,
    plans_page,
    plays_page,
    synthetic_page,
    churn_pages,
    project_pages,
    price_dataset_pages,
    training_pages,
    version_pages,
    prediction_pages,
    file_pages,
    history_pages,
)

show_sections(ACADEMIA, CREDITO, LIVROS, PRECOS, OPERACAO)
advise({**GYM_ADVICE, **BOOKS_ADVICE, **CREDIT_ADVICE, **PRICES_ADVICE})
