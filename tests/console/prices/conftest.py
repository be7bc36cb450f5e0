"""What tests of the lab's pages begin with: a project, and the browsers of its people."""

from collections.abc import Callable

import pytest

from tests.client import Client
from tests.conftest import PASSWORD
from tests.console.browsing import Browser
from tests.prices.conftest import Project, project

__all__ = ["project"]

SignIn = Callable[[Client], Browser]


@pytest.fixture
def browser_for() -> SignIn:
    """Makes the browser of somebody who has a client already."""

    def make(client: Client) -> Browser:
        browser = Browser()
        assert browser.sign_in(client.login, PASSWORD).status == 303
        return browser

    return make


def at(project: Project, rest: str = "") -> str:
    """A page of a project."""
    return f"/console{project.path.replace('/projetos', '')}{rest}"
