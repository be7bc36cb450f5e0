"""The books' pages: the catalogue, a book, numbers; readings of the shop and the quarantine."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.books.errors import CatalogueTooSmall
from chalicelib.books.found import PageKind, UnreadPage
from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from tests.books.catalogue import ENDED, publish_books, some_books
from tests.books.conftest import found_of, publish
from tests.console.browsing import Browser
from tests.console.conftest import Visitor

PATH = "/console/livros"
SCRIPT = "<script>alert('daqui')</script> Ã"


@pytest.fixture
def catalogue(environment: dict[str, str], tmp_path: Path) -> Path:
    """Twenty-five books."""
    publish_books(tmp_path, some_books())
    return tmp_path


@pytest.fixture
def reader(catalogue: Path, browser_of: Visitor) -> Browser:
    return browser_of(Role.LEITOR)


@pytest.fixture
def chief(browser_of: Visitor) -> Browser:
    return browser_of(Role.ADMIN)


def test_without_a_catalogue_pages_say_so(browser_of: Visitor) -> None:
    reader = browser_of(Role.LEITOR)
    assert "Ainda não há catálogo" in reader.get(PATH).text
    assert "Ainda não há números" in reader.get(f"{PATH}/numeros").text


def test_catalogue_shows_covers_prices_and_facets(reader: Browser) -> None:
    page = reader.get(PATH)
    assert "25 livros" in page.text
    assert "A Light in the Attic 1" in page.text
    assert "£ 10,00" in page.text
    assert "Science Fiction 5" in page.text
    assert page.source.count('<img src="https://books.toscrape.com/media/') == 24


def test_covers_come_from_the_shop_alone_and_only_where_they_are_shown(reader: Browser) -> None:
    policy = reader.get(PATH).answer.headers["Content-Security-Policy"]
    assert "img-src 'self' https://books.toscrape.com data:" in policy
    assert "script-src 'self';" in policy
    assert "toscrape" not in reader.get(f"{PATH}/numeros").answer.headers["Content-Security-Policy"]


def test_cover_of_another_host_is_not_fetched(catalogue: Path, browser_of: Visitor) -> None:
    first, *others = some_books()
    elsewhere = first.model_copy(update={"image_url": "https://tracker.example/x.png"})
    publish_books(catalogue, [elsewhere, *others])
    page = browser_of(Role.LEITOR).get(PATH, title=first.title)
    assert first.title in page.text
    assert "tracker.example" not in page.source


def test_pages_of_the_catalogue_are_numbered(reader: Browser) -> None:
    page = reader.get(PATH)
    (following,) = (link for link in page.links if "page=2" in link)
    page = reader.get(following)
    assert "Página 2 de 2" in page.text
    assert page.source.count('<img src="https://books') == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"title": "attic"}, 5),
        ({"title": "attic", "rating": "2"}, 0),
        ({"category": "Travel"}, 5),
        ({"availability": "false"}, 5),
        ({"min_price": "12,50", "max_price": "14"}, 2),
        ({"min_price": "", "title": " ", "sort": ""}, 25),
    ],
)
def test_catalogue_is_searched_and_filtered(
    reader: Browser, query: dict[str, str], found: int
) -> None:
    page = reader.get(PATH, **query)
    assert f"{found} livro" in page.text
    assert ("Nenhum livro com estes filtros" in page.text) == (not found)
    assert ('id="filtros"' in page.source) == bool(found), "no heading over nothing"


def test_one_star_is_one(reader: Browser) -> None:
    assert "1 estrela ×" in reader.get(PATH, rating="1").text
    assert "2 estrelas ×" in reader.get(PATH, rating="2").text


def test_filter_that_cannot_be_is_told_beside_its_field(reader: Browser) -> None:
    page = reader.get(PATH, min_price="barato")
    assert page.status == 422
    assert "Use um valor como 119,90" in page.text
    page = reader.get(PATH, min_price="20", max_price="10")
    assert "O preço mínimo está acima do máximo" in page.text


def test_book_shows_what_is_known_its_prices_and_similar_titles(
    reader: Browser, catalogue: Path
) -> None:
    dearer = [book.model_copy(update={"price": Decimal("12.00")}) for book in some_books()]
    publish_books(catalogue, dearer)
    found = reader.get(PATH, title="attic 1").links
    page = reader.get(next(way for way in found if re.fullmatch(rf"{PATH}/[0-9]+", way)))
    assert "A Light in the Attic" in page.title
    assert "Words about Poetry." in page.text
    assert "Mudou: preço" in page.text
    assert "£ 10,00" in page.text
    assert "£ 12,00" in page.text
    assert "Títulos parecidos" in page.text
    figure = re.search(r'<script type="application/json">(.*?)</script>', page.source)
    assert figure is not None
    assert json.loads(figure.group(1))["data"][0]["y"] == [10.0, 12.0]


def test_price_that_never_changed_is_not_drawn(reader: Browser) -> None:
    found = reader.get(PATH, title="attic 1").links
    page = reader.get(next(way for way in found if re.fullmatch(rf"{PATH}/[0-9]+", way)))
    assert "Nada mudou desde" in page.text
    assert "data-plot" not in page.source


def test_price_model_is_trained_from_its_page(
    browser_of: Visitor, environment: dict[str, str], tmp_path: Path
) -> None:
    scientist, path = browser_of(Role.CIENTISTA), "/console/modelos/livros"
    page = scientist.get(path)
    assert "preços e avaliações são sorteados" in page.text
    assert "Nenhuma versão ainda" in page.text
    refused = scientist.submit(page, path, "treinar")
    assert "Nenhum livro foi lido ainda" in refused.text
    publish_books(tmp_path, some_books())
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:  # A new catalogue trains by itself.
        session.execute(text(ENDED.replace("books_scrape_queue", "books_training_queue")))
    begun = scientist.submit(scientist.get(path), path, "treinar")
    assert "O treino começou" in begun.text
    assert "Na fila" in begun.text
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        result = "UPDATE jobs SET result = '{\"versao\": 1}' WHERE queue = 'books_training_queue'"
        session.execute(text(result))
        session.execute(text(ENDED.replace("books_scrape_queue", "books_training_queue")))
    assert scientist.get(path).status == 200  # What it came to has no reason to tell.


def test_unknown_book_is_a_page_that_says_so(reader: Browser) -> None:
    for address in (f"{PATH}/999999", f"{PATH}/nada"):
        page = reader.get(address)
        assert page.status == 404
        assert "Não encontrado" in page.title


def test_numbers_are_those_of_the_api(reader: Browser) -> None:
    page = reader.get(f"{PATH}/numeros")
    assert "25 livros em 5 categorias" in page.text
    assert "£ 22,00 preço mediano" in page.text
    assert "80% em estoque" in page.text
    assert "Ficção Científica" in page.text


def test_admin_has_the_shop_read_follows_and_stops(catalogue: Path, chief: Browser) -> None:
    at = f"{PATH}/coletas"
    page = chief.get(at)
    assert "Nenhuma coleta em andamento" in page.text
    page = chief.submit(page, at, "ler")
    assert "A loja está sendo lida" in page.text
    assert "Na fila" in page.text
    assert "data-live" in page.source
    assert "Na fila" in chief.get(at).text
    page = chief.submit(page, _job_path(), "cancelar")
    assert "Interrompido" in page.text
    assert "data-live" not in page.source
    page = chief.submit(page, _job_path(), "reenviar")
    assert "Na fila" in page.text


def end_jobs(state: str) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(ENDED.replace("succeeded", state)))


def _job_path() -> str:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        statement = "SELECT id FROM jobs WHERE queue = 'books_scrape_queue' ORDER BY created_at"
        return f"{PATH}/coletas/{session.scalars(text(statement)).all()[-1]}"


def test_shop_that_may_not_be_read_is_refused_beside_the_form(chief: Browser) -> None:
    at = f"{PATH}/coletas"
    page = chief.submit(chief.get(at), at, "ler", base_url="http://169.254.169.254/")
    assert page.status == 422
    assert "não está entre as que podem ser lidas" in page.text


def test_run_that_came_to_nothing_says_why(catalogue: Path, chief: Browser) -> None:
    with pytest.raises(CatalogueTooSmall):
        publish(found_of(some_books(3)), catalogue)
    end_jobs("failed")
    page = chief.get(f"{PATH}/coletas")
    assert "Falhou" in page.text
    page = chief.get(_job_path())
    assert "A coleta achou 3 livros" in page.text


def test_run_says_what_became_of_every_book(catalogue: Path, chief: Browser) -> None:
    books = some_books()
    unread = UnreadPage(books[0].url, PageKind.BOOK, 200, "Falta: UPC.", None)
    report = publish(found_of(books[1:], unread=[unread]), catalogue)
    end_jobs("succeeded")
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        done = {"result": report.model_dump_json()}
        session.execute(text("UPDATE jobs SET result = cast(:result AS jsonb)"), done)
    page = chief.get(_job_path())
    assert "0 novos, 0 mudaram, 24 iguais, 1 mantido sem ser lido, 0 saíram" in page.text
    assert "página não lida" in page.text


def test_quarantined_page_is_shown_as_text_and_not_run(
    environment: dict[str, str], tmp_path: Path, chief: Browser
) -> None:
    (tmp_path / "x.html").write_text(SCRIPT)
    url = "https://books.toscrape.com/catalogue/quebrado_1/index.html"
    unread = UnreadPage(url, PageKind.BOOK, 200, "Falta: UPC.", "x.html")
    silent = replace(unread, url=url.replace("_1", "_2"), status=None, file=None)
    publish(found_of(some_books(), unread=[unread, silent]), tmp_path, accept_smaller=True)
    end_jobs("succeeded")
    page = chief.get(f"{PATH}/quarentena")
    assert page.text.count("Falta: UPC.") == 2
    ways = [link for link in page.links if link.startswith(f"{PATH}/quarentena/")]
    shown = [chief.get(way) for way in ways]
    (kept,) = (one for one in shown if SCRIPT in one.text)
    assert SCRIPT not in kept.source
    (none,) = (one for one in shown if one is not kept)
    assert "Nada dela foi guardado" in none.text
    assert "Falta: UPC." in chief.get(_job_path()).text


def test_attention_leads_to_the_last_run(catalogue: Path, chief: Browser) -> None:
    home = chief.get("/")
    assert "última coleta" in home.text
    assert _job_path() in home.links


def test_reader_is_told_how_old_the_catalogue_is(catalogue: Path, browser_of: Visitor) -> None:
    home = browser_of(Role.LEITOR).get("/")
    assert "livros no catálogo" in home.text
    assert "última coleta" not in home.text


def test_text_that_is_no_page_of_ours_has_no_run(chief: Browser) -> None:
    unknown: Any = "00000000-0000-0000-0000-000000000000"
    assert chief.get(f"{PATH}/coletas/{unknown}").status == 404
    assert chief.get(f"{PATH}/quarentena/1").status == 404
