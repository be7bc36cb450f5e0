"""Fills an installation with made data of all four products, and says where to find them."""

from infra.tour.filling.api import Api
from infra.tour.filling.books import fill_books
from infra.tour.filling.credit import Company, fill_credit
from infra.tour.filling.gym import fill_gym
from infra.tour.filling.house import fill_house
from infra.tour.filling.prices import fill_prices
from infra.tour.installation import Installation
from infra.tour.pages import Places


def fill(installation: Installation) -> tuple[Places, Company]:
    """Fill an installation that has just started.

    Returns:
        What stands in addresses of pages, and the company that decides on orders.
    """
    admin = Api.of(installation.url, installation.login, installation.password)
    company, credit = fill_credit(installation.url)
    prices = fill_prices(admin)
    books = fill_books(admin, installation.shop)
    gym = fill_gym(admin)
    people = {"login": installation.login, "senha": installation.password}
    return {**people, **credit, **prices, **books, **gym, **fill_house(admin)}, company
