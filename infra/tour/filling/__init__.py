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
    places = {"login": installation.login, "senha": installation.password}
    places |= fill_house(admin)
    company, of_credit = fill_credit(installation.url)
    places |= of_credit
    places |= fill_prices(admin)
    places |= fill_books(admin, installation.shop)
    places |= fill_gym(admin)
    places["tarefa"] = admin.get("/jobs", limit=1)["items"][0]["id"]
    return places, company
