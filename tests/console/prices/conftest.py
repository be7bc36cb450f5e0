"""What tests of the lab's pages begin with: a project, and the browsers of its people."""

from collections.abc import Callable

import pytest

from tests.client import Client
from tests.conftest import PASSWORD
from tests.console.browsing import Browser, Page
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


def send_file(browser: Browser, path: str, data: bytes, **fields: str) -> Page:
    """A file by a form, as browsers without scripts do."""
    token = browser.get(path).form(fields["acao"]).fields["ficha"]
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"ficha": token, **fields}.items()
    )
    file = (
        '--x\r\nContent-Disposition: form-data; name="arquivo"; filename="a.csv"\r\n'
        "Content-Type: application/vnd.ms-excel\r\n\r\n"
    )
    body = parts.encode() + file.encode() + data + b"\r\n--x--\r\n"
    return browser._send("POST", path, body, content_type="multipart/form-data; boundary=x")
