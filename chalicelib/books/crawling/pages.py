"""The pages of a shop in the shape of books.toscrape.com: what they say, or why they say nothing.

Every field is required but the description, which some pages have not: a page that leaves
one out is not read at all, so that nobody takes a gap for a zero.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from urllib.parse import urljoin

from parsel import Selector
from pydantic import ValidationError

from chalicelib.books.found import FoundBook

MADE_UP_GENERATOR = "previsto-bookshop"
"""What a shop of made-up books says in its pages' `<meta name="generator">`."""

CURRENCIES = {"£": "GBP", "$": "USD", "€": "EUR", "R$": "BRL"}
AMOUNT = re.compile(r"(£|\$|€|R\$)\s?(\d{1,3}(?:,\d{3})+|\d{1,8})\.(\d{2})")
STARS = {"One": 1, "Two": 2, "Three": 3, "Four": 4, "Five": 5}
IN_STOCK = re.compile(r"In stock \((\d{1,9}) available\)")
OUT_OF_STOCK = re.compile(r"Out of stock(?: \(0 available\))?")
PAGE_OF = re.compile(r"Page (\d{1,7}) of (\d{1,7})")
ENDS = re.compile(rb"</html\s*>\s*(<!--.*?-->\s*)*$", re.IGNORECASE | re.DOTALL)

ReadT = TypeVar("ReadT")


class PageUnreadable(Exception):
    """Why a page is not read, for people."""


class PageTruncated(PageUnreadable):
    """The page ends before its end; it may come whole when asked for again."""


@dataclass(frozen=True)
class ListingPage:
    """A page of a list of books.

    Attributes:
        stated: How many books the whole list has, as it says.
        number: Which page of the list it is, from 1.
        books: Addresses of the books on it, in order.
        next: Address of the list's next page; None on the last.
        categories: Name -> address of the shelves' lists.
        made_up: Whether the shop says that its books are made up.
    """

    stated: int
    number: int
    books: tuple[str, ...]
    next: str | None
    categories: dict[str, str]
    made_up: bool


def decode(body: bytes) -> str:
    """The text of a page: UTF-8, whatever its headers say or leave out.

    Raises:
        PageUnreadable: It is not.
        PageTruncated: It has no end.
    """
    if not ENDS.search(body[-4096:]):
        raise PageTruncated("A página veio cortada: falta o fim.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PageUnreadable(f"A página não é UTF-8 (byte {error.start}).") from None


def read_listing(text: str, url: str) -> ListingPage:
    """Read a page of a list.

    Raises:
        PageUnreadable: Something on it is missing, or is not what it should be.
    """
    page = Selector(text)
    totals = page.css("form.form-horizontal strong::text").getall()
    if not totals or not all(each.strip().isdecimal() for each in totals):
        raise PageUnreadable("A lista não diz quantos livros tem.")
    numbers = [int(each) for each in totals]
    links = page.css("article.product_pod h3 a::attr(href)").getall()
    shown = numbers[2] - numbers[1] + 1 if len(numbers) == 3 else numbers[0]
    if len(links) != shown:
        raise PageUnreadable(f"A lista diz mostrar {shown} livros, mas tem {len(links)}.")
    following = page.css("ul.pager li.next a::attr(href)").get()
    current = PAGE_OF.search(_spaced(page.css("ul.pager li.current::text").get("")))
    shelves = page.css(".side_categories ul ul a")
    return ListingPage(
        stated=numbers[0],
        number=int(current[1]) if current else 1,
        books=tuple(urljoin(url, link) for link in links),
        next=urljoin(url, following) if following else None,
        categories={
            _spaced("".join(each.css("::text").getall())): urljoin(url, each.attrib.get("href", ""))
            for each in shelves
        },
        made_up=_is_made_up(page),
    )


def read_book(text: str, url: str) -> FoundBook:
    """Read a book's page.

    Raises:
        PageUnreadable: Something on it is missing, or is not what it should be.
    """
    page = Selector(text)
    # Below the book itself, a page may show others, with prices and stars of their own.
    main = page.css("article.product_page .product_main")
    told = {
        _spaced(row.css("th::text").get("")): _spaced(row.css("td::text").get(""))
        for row in page.css("article.product_page table tr")
    }
    price, currency = _amount("preço", _one("preço", main.css("p.price_color::text").get()))
    available, copies = _availability(_spaced("".join(main.css("p.availability::text").getall())))
    image = _one("imagem", page.css("#product_gallery img::attr(src)").get())
    without_tax, tax = (
        _amount(name, _one(name, told.get(row)), currency)[0]
        for name, row in (("preço sem imposto", "Price (excl. tax)"), ("imposto", "Tax"))
    )
    return _checked(
        lambda: FoundBook(
            upc=_one("UPC", told.get("UPC")),
            title=_one("título", _spaced(main.css("h1::text").get(""))),
            price=price,
            price_without_tax=without_tax,
            tax=tax,
            currency=currency,
            rating=_rating(main.css("p.star-rating::attr(class)").get("")),
            available=available,
            copies=copies,
            category=_category(page),
            reviews=_number("número de avaliações", told.get("Number of reviews")),
            description=_description(page),
            image_url=urljoin(url, image),
            url=url,
        )
    )


def _checked(read: Callable[[], ReadT]) -> ReadT:
    try:
        return read()
    except ValidationError as error:
        names = ", ".join(sorted({str(each["loc"][0]) for each in error.errors()}))
        raise PageUnreadable(f"Fora do que se espera: {names}.") from None


def _is_made_up(page: Selector) -> bool:
    return page.css('meta[name="generator"]::attr(content)').get() == MADE_UP_GENERATOR


def _one(name: str, found: str | None) -> str:
    if not found or not found.strip():
        raise PageUnreadable(f"Falta: {name}.")
    return found.strip()


def _spaced(text: str) -> str:
    """With one space where there are any."""
    return " ".join(text.split())


def _amount(name: str, written: str, currency: str | None = None) -> tuple[Decimal, str]:
    match = AMOUNT.fullmatch(written)
    if match is None or (currency is not None and CURRENCIES[match[1]] != currency):
        raise PageUnreadable(f"Não é um valor: {name}.")
    return Decimal(f"{match[2].replace(',', '')}.{match[3]}"), CURRENCIES[match[1]]


def _availability(written: str) -> tuple[bool, int]:
    if (match := IN_STOCK.fullmatch(written)) is not None:
        return True, int(match[1])
    if OUT_OF_STOCK.fullmatch(written):
        return False, 0
    raise PageUnreadable("Não diz quantos exemplares há.")


def _rating(classes: str) -> int:
    found = [STARS[name] for name in classes.split() if name in STARS]
    if len(found) != 1:
        raise PageUnreadable("Não diz quantas estrelas tem.")
    return found[0]


def _number(name: str, written: str | None) -> int:
    found = _one(name, written)
    if not re.fullmatch(r"[0-9]{1,9}", found):
        raise PageUnreadable(f"Não é um número: {name}.")
    return int(found)


def _category(page: Selector) -> str:
    """The last link of the way here: home, all books, the shelf, and the book without a link."""
    links = page.css("ul.breadcrumb li a::text").getall()
    if len(links) < 3:
        raise PageUnreadable("Falta: categoria.")
    return _one("categoria", _spaced(links[-1]))


def _description(page: Selector) -> str | None:
    parts = page.css("article.product_page #product_description + p ::text").getall()
    return _spaced("".join(parts)) or None
