"""What pages say: every field, or why there is none."""

from decimal import Decimal

import pytest

from chalicelib.books.crawling.pages import (
    PageTruncated,
    PageUnreadable,
    decode,
    read_book,
    read_listing,
)
from infra.local.bookshop import MadeUpBook, Shop, make_stock
from infra.local.bookshop.pages import book_path

BASE = "http://shop.example"
STOCK = make_stock(45, shelves=3)
SHOP = Shop(STOCK)


def page_of(book: MadeUpBook) -> str:
    """The page of a book."""
    return SHOP.pages[book_path(book)].decode()


def test_a_page_of_a_book_says_all_of_it() -> None:
    for book in STOCK:
        path = book_path(book)
        found = read_book(decode(SHOP.pages[path]), BASE + path)
        assert (found.title, found.upc, found.category) == (book.title, book.upc, book.category)
        assert (found.price, found.currency) == (book.price, "GBP")
        assert (found.price_without_tax, found.tax) == (book.price, Decimal("0.00"))
        assert (found.rating, found.reviews) == (book.rating, 0)
        assert (found.available, found.copies) == (book.copies > 0, book.copies)
        assert found.description == (book.description or None)
        assert found.image_url.startswith(f"{BASE}/media/cache/")
        assert found.url == BASE + path


def test_books_shown_below_lend_no_price_and_no_stars() -> None:
    first, second = (page_of(book) for book in STOCK[:2])
    assert second.count("price_color") == 2
    assert read_book(second, BASE).price == STOCK[1].price
    assert STOCK[0].price != STOCK[1].price
    assert read_book(first, BASE).rating == STOCK[0].rating


def test_a_list_says_how_many_there_are_and_where_it_goes_on() -> None:
    path = "/catalogue/page-2.html"
    found = read_listing(decode(SHOP.pages[path]), BASE + path)
    assert (found.stated, found.number, len(found.books)) == (45, 2, 20)
    assert found.next == f"{BASE}/catalogue/page-3.html"
    assert found.books[0] == BASE + book_path(STOCK[20])
    assert found.categories == {name: BASE + SHOP.category_path(name) for name in SHOP.categories}
    assert found.made_up


def test_the_front_page_and_the_last_are_pages_of_the_list() -> None:
    front = read_listing(decode(SHOP.pages["/"]), f"{BASE}/")
    assert (front.number, front.next) == (1, f"{BASE}/catalogue/page-2.html")
    last = read_listing(decode(SHOP.pages["/catalogue/page-3.html"]), BASE)
    assert (len(last.books), last.next) == (5, None)


def test_the_shelf_that_is_shown_is_in_bold_and_has_its_name() -> None:
    shown = SHOP.categories[0]
    path = SHOP.category_path(shown)
    assert f"<strong>{shown}</strong>" in SHOP.pages[path].decode()
    found = read_listing(decode(SHOP.pages[path]), BASE + path)
    assert found.categories == {name: BASE + SHOP.category_path(name) for name in SHOP.categories}


def test_a_shelf_with_one_book_is_a_list() -> None:
    alone = next(n for n in SHOP.categories if sum(b.category == n for b in STOCK) == 1)
    path = SHOP.category_path(alone)
    found = read_listing(decode(SHOP.pages[path]), BASE + path)
    assert (found.stated, found.number, len(found.books), found.next) == (1, 1, 1, None)


BOOK = page_of(STOCK[0])


@pytest.mark.parametrize(
    ("cut", "put", "reason"),
    [
        ("£", "Â£", "preço"),
        ("£", "", "preço"),
        ("<th>UPC</th>", "<th>EAN</th>", "UPC"),
        ("star-rating", "stars", "estrelas"),
        ("In stock (", "Maybe (", "exemplares"),
        ("<h1>", "<h2>", "título"),
        ('<div id="product_gallery"', "<div", "imagem"),
        ("Number of reviews", "Reviews", "avaliações"),
        ("<th>Tax</th>", "<th>VAT</th>", "imposto"),
        ('<ul class="breadcrumb">', "<ul>", "categoria"),
        ("<th>Tax</th><td>£", "<th>Tax</th><td>$", "imposto"),
        ("<h1>", f"<h1>{'x' * 1200}", "title"),
    ],
)
def test_a_page_without_a_field_is_not_read_and_says_which(cut: str, put: str, reason: str) -> None:
    book = next(book for book in STOCK if book.copies)
    page = page_of(book)
    assert cut in page
    with pytest.raises(PageUnreadable, match=reason):
        read_book(page.replace(cut, put), BASE)


def test_a_book_without_description_is_read() -> None:
    page = BOOK.replace("product_description", "nothing")
    assert read_book(page, BASE).description is None


def test_a_book_that_is_out_of_stock_has_no_copies() -> None:
    book = next(book for book in STOCK if book.copies)
    page = page_of(book).replace(f"In stock ({book.copies} available)", "Out of stock")
    assert (read_book(page, BASE).available, read_book(page, BASE).copies) == (False, 0)


@pytest.mark.parametrize(
    ("written", "amount", "currency"),
    [("£1,234.50", "1234.50", "GBP"), ("$5.00", "5.00", "USD"), ("R$ 7.25", "7.25", "BRL")],
)
def test_amounts_are_read_exactly(written: str, amount: str, currency: str) -> None:
    price = f"£{STOCK[0].price:.2f}"
    page = BOOK.replace(price, written).replace("£0.00", written)
    found = read_book(page, BASE)
    assert (found.price, found.currency) == (Decimal(amount), currency)


def test_utf_8_is_read_whatever_is_declared() -> None:
    page = BOOK.replace("charset=UTF-8", "charset=ISO-8859-1").encode()
    assert read_book(decode(page), BASE).title == STOCK[0].title


def test_another_encoding_is_refused() -> None:
    with pytest.raises(PageUnreadable, match="UTF-8"):
        decode(BOOK.encode("cp1252", "xmlcharrefreplace"))


def test_a_page_that_was_cut_off_says_so() -> None:
    for kept in (0, 100, len(BOOK.encode()) - 10):
        with pytest.raises(PageTruncated):
            decode(BOOK.encode()[:kept])


def test_a_list_that_lacks_books_is_not_read() -> None:
    page = SHOP.pages["/index.html"].decode().replace("product_pod", "pod", 1)
    with pytest.raises(PageUnreadable, match="20 livros, mas tem 19"):
        read_listing(page, BASE)


def test_a_list_that_does_not_say_how_many_is_not_read() -> None:
    page = SHOP.pages["/index.html"].decode().replace("form-horizontal", "form")
    with pytest.raises(PageUnreadable, match="quantos livros"):
        read_listing(page, BASE)
