"""What the pages of books and of those who run the installation look like."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.core.auth import Role
from tests.books.catalogue import publish_books, some_books
from tests.browser.conftest import check, file_name, looking, sign_in
from tests.conftest import MakeUser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = (
    "/console/livros/numeros",
    "/console/livros/coletas",
    "/console/livros/quarentena",
    "/console/operacao",
    "/console/operacao/tarefas",
    "/console/operacao/sistema",
    "/console/operacao/sistema/banco",
    "/console/operacao/sistema/arquivos",
    "/console/operacao/sistema/cache",
    "/console/operacao/usuarios",
    "/console/operacao/auditoria",
)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_pages_fit_and_axe_finds_nothing_serious(
    address: str,
    chromium: "Browser",
    client_of: MakeUser,
    tmp_path: Path,
    width: int,
    scheme: Any,
) -> None:
    # Covers of nobody's shop: the page draws its own, and no image is asked for.
    books = [
        b.model_copy(update={"image_url": "https://capas.example/1.jpg"}) for b in some_books()
    ]
    publish_books(tmp_path, books)
    with looking(chromium, address, width, scheme) as page:
        sign_in(page, client_of(Role.ADMIN).login)
        page.goto("/console/livros")
        book = page.locator(".books a").first.get_attribute("href")
        for path in ("/console/livros", str(book), *PAGES):
            page.goto(path)
            check(page, file_name(path), width, scheme)
