"""The books' main task: an admin has the shop read, and a reader finds a book in what was read."""

from typing import TYPE_CHECKING

import pytest

from chalicelib.core.auth import Role
from infra.local.bookshop.server import ShopServer
from tests.books.conftest import shop as shop
from tests.browser.conftest import looking, sign_in
from tests.conftest import MakeUser
from tests.gym.work import work_off

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.slow
def test_admin_has_the_shop_read_and_a_reader_finds_a_book(
    shop: ShopServer, address: str, chromium: "Browser", client_of: MakeUser
) -> None:
    with looking(chromium, address) as page:
        sign_in(page, client_of(Role.ADMIN).login)
        page.get_by_role("link", name="Coletas", exact=True).click()
        page.get_by_role("button", name="Ler agora").click()
        page.get_by_text("Na fila").first.wait_for()
        work_off()
        page.goto("/console/livros/coletas")
        page.get_by_text("livros no catálogo").wait_for()
    with looking(chromium, address, expected="net::ERR_FAILED") as page:
        page.route("**/media/**", lambda route: route.abort())
        sign_in(page, client_of(Role.LEITOR).login)
        page.get_by_role("link", name="Catálogo", exact=True).click()
        page.wait_for_url("**/console/livros")
        page.wait_for_load_state("networkidle")
        broken = "all => all.filter(each => each.complete && !each.naturalWidth).length"
        left = page.locator(".cover > img").evaluate_all(broken)
        assert left == 0, "where a picture does not come, what is drawn under it shows"
        title = page.locator(".books a").first.inner_text()
        page.get_by_role("searchbox", name="Título").fill(title)
        page.get_by_role("button", name="Buscar").click()
        page.wait_for_url("**title=**")
        page.locator(".books a").first.click()
        page.get_by_role("heading", name=title, level=1).wait_for()
        page.get_by_role("heading", name="Títulos parecidos").wait_for()
        page.get_by_role("heading", name="Preço e estoque ao longo do tempo").wait_for()
