"""Pages that look again by themselves."""

from typing import TYPE_CHECKING

import pytest

from chalicelib.core.auth import Role
from tests.browser.conftest import looking, sign_in
from tests.conftest import MakeUser
from tests.prices.working import profiled

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.slow
def test_page_shows_what_it_waited_for_in_the_place_of_how_far_it_was(
    address: str, chromium: "Browser", client_of: MakeUser
) -> None:
    chief = client_of(Role.ADMIN)
    project = chief.post("/precos/projetos", {"nome": "Casas"}).json["id"]
    rows = "".join(f"{area};{area * 1000 + area % 7}\n" for area in range(40, 120))
    csv = f"area;preco\n{rows}".encode()
    sent = chief.post(f"/precos/projetos/{project}/datasets", csv, content_type="text/csv")
    with looking(chromium, address) as page:
        sign_in(page, chief.login)
        page.goto(f"/console/precos/{project}/dados/{sent.json['dataset']['id']}")
        page.get_by_role("heading", name="Lendo o arquivo").wait_for()
        profiled(sent)
        page.get_by_role("heading", name="Colunas").wait_for()
        assert page.get_by_role("heading", name="Lendo o arquivo").count() == 0
