"""What credit answers to programs: all of its routes, imported when one is asked for."""

from chalicelib.credit.routes_audit import company_trail
from chalicelib.credit.routes_companies import companies
from chalicelib.credit.routes_datasets import datasets
from chalicelib.credit.routes_models import credit_models
from chalicelib.credit.routes_order_lots import order_lots
from chalicelib.credit.routes_orders import orders
from chalicelib.credit.routes_personal_data import credit_personal_data
from chalicelib.credit.routes_policies import policies

BLUEPRINTS = (
    datasets,
    companies,
    company_trail,
    order_lots,
    orders,
    credit_models,
    credit_personal_data,
    policies,
)
