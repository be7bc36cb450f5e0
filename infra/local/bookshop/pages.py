"""The shop's pages, in the shape of books.toscrape.com."""

import hashlib
from collections.abc import Sequence
from html import escape

from infra.local.bookshop.covers import cover_of
from infra.local.bookshop.stock import MadeUpBook, slug_of

PER_PAGE = 20
STARS = ("Zero", "One", "Two", "Three", "Four", "Five")
NOTICE = (
    "Estes livros são inventados: títulos, descrições, preços e notas foram sorteados para"
    " demonstração."
)
# A reader tells this shop by its generator; see chalicelib/books/crawling/pages.py.
PAGE = """

<!DOCTYPE html>
<html lang="pt-br" class="no-js">
    <head>
        <title>
    {title} | Livraria inventada
</title>
        <meta http-equiv="content-type" content="text/html; charset=UTF-8" />
        <meta name="generator" content="previsto-bookshop" />
        <meta name="robots" content="NOARCHIVE,NOCACHE" />
    </head>
    <body id="default" class="default">
    <header class="header container-fluid">
        <div class="h1"><a href="{root}index.html">Livraria inventada</a>
        <small> {notice}</small></div>
    </header>
<div class="container-fluid page">
    <ul class="breadcrumb">
{way}
        <li class="active">{title}</li>
    </ul>
{content}
</div>
    </body>
</html>
"""
POD = """
    <li class="col-xs-6 col-sm-4 col-md-3 col-lg-3">
    <article class="product_pod">
        <div class="image_container">
            <a href="{href}"><img src="{image}" alt="{title}" class="thumbnail"></a>
        </div>
        <p class="star-rating {stars}">
            <i class="icon-star"></i>
        </p>
        <h3><a href="{href}" title="{title}">{short}</a></h3>
        <div class="product_price">
            <p class="price_color">£{price}</p>
            <p class="instock availability">
                <i class="icon-ok"></i>

                    {stock}

            </p>
        </div>
    </article>
    </li>"""
BOOK = """
<article class="product_page">
    <div class="row">
        <div class="col-sm-6">
        <div id="product_gallery" class="carousel">
            <div class="thumbnail"><div class="carousel-inner"><div class="item active">
                <img src="{image}" alt="{title}" />
            </div></div></div>
        </div>
        </div>
        <div class="col-sm-6 product_main">
            <h1>{title}</h1>
            <p class="price_color">£{price}</p>
            <p class="instock availability">
                <i class="icon-ok"></i>

                    {stock}

            </p>
            <p class="star-rating {stars}">
                <i class="icon-star"></i>
            </p>
            <hr/>
            <div class="alert alert-warning" role="alert">{notice}</div>
        </div>
    </div>
{description}
    <div class="sub-header"><h2>Product Information</h2></div>
    <table class="table table-striped">
        <tr><th>UPC</th><td>{upc}</td></tr>
        <tr><th>Product Type</th><td>Books</td></tr>
        <tr><th>Price (excl. tax)</th><td>£{price}</td></tr>
        <tr><th>Price (incl. tax)</th><td>£{price}</td></tr>
        <tr><th>Tax</th><td>£0.00</td></tr>
        <tr>
            <th>Availability</th>
            <td>{stock}</td>
        </tr>
        <tr>
            <th>Number of reviews</th>
            <td>{reviews}</td>
        </tr>
    </table>
    <div class="sub-header"><h2>Products you recently viewed</h2></div>
    <ul class="row">{viewed}</ul>
</article>"""


class Shop:
    """Every page of the shop by its path."""

    def __init__(self, books: Sequence[MadeUpBook]) -> None:
        """Take what is on sale, in the order of the list."""
        self.books = list(books)
        self.categories = list(dict.fromkeys(book.category for book in self.books))
        self.pages: dict[str, bytes] = {}
        self._by_image = {_image(book): book for book in self.books}
        self._make_lists()
        for place, book in enumerate(self.books):
            self.pages[book_path(book)] = self._book(book, self.books[place - 1]).encode()
        self.pages["/"] = self.pages["/index.html"]

    def image(self, path: str) -> bytes | None:
        """A book's cover."""
        book = self._by_image.get(path.lstrip("/"))
        return None if book is None else cover_of(book)

    def category_path(self, category: str) -> str:
        """Where a shelf's list begins."""
        number = self.categories.index(category) + 2
        return f"/catalogue/category/books/{slug_of(category)}_{number}/index.html"

    def _make_lists(self) -> None:
        total = -(-len(self.books) // PER_PAGE)
        for number in range(1, total + 1):
            name = "/index.html" if number == 1 else f"/catalogue/page-{number}.html"
            self._list(name, "All products", self.books, number, f"page-{number + 1}.html")
        self._list("/catalogue/page-1.html", "All products", self.books, 1, "page-2.html")
        for category in self.categories:
            books = [book for book in self.books if book.category == category]
            start = self.category_path(category)
            for number in range(1, -(-len(books) // PER_PAGE) + 1):
                path = start if number == 1 else start.replace("index", f"page-{number}")
                self._list(path, category, books, number, f"page-{number + 1}.html")

    def _list(
        self, path: str, title: str, books: Sequence[MadeUpBook], number: int, following: str
    ) -> None:
        pages = -(-len(books) // PER_PAGE)
        first = (number - 1) * PER_PAGE
        here = books[first : first + PER_PAGE]
        root = "../" * (path.count("/") - 1)
        if path == "/index.html":
            following = f"catalogue/{following}"
        pods = "".join(_pod(book, root) for book in here)
        showing = (
            f" - showing <strong>{first + 1}</strong> to <strong>{first + len(here)}</strong>"
            if pages > 1
            else ""
        )
        content = (
            f"{self._shelves(root, title)}<form method='get' class='form-horizontal'>"
            f"<strong>{len(books)}</strong> results{showing}.</form>\n<ol class='row'>{pods}</ol>\n"
            f"{_pager(number, pages, following)}"
        )
        way = f'<li><a href="{root}index.html">Home</a></li>'
        self.pages[path] = _page(title, root, way, content).encode()

    def _shelves(self, root: str, here: str) -> str:
        """Links to the shelves; the one that is shown leads to itself and is in bold."""
        links = "\n".join(
            f'<li><a href="index.html">\n    <strong>{name}</strong>\n</a></li>'
            if each == here
            else f'<li><a href="{root}{self.category_path(each)[1:]}">\n    {name}\n</a></li>'
            for each, name in ((each, escape(each)) for each in self.categories)
        )
        return (
            f'<div class="side_categories"><ul class="nav nav-list"><li>'
            f'<a href="{root}catalogue/category/books_1/index.html">Books</a>'
            f"<ul>{links}</ul></li></ul></div>"
        )

    def _book(self, book: MadeUpBook, viewed: MadeUpBook) -> str:
        root = "../../"
        shelf = f"{root}{self.category_path(book.category)[1:]}"
        way = (
            f'<li><a href="{root}index.html">Home</a></li>'
            f'<li><a href="../category/books_1/index.html">Books</a></li>'
            f'<li><a href="{shelf}">{escape(book.category)}</a></li>'
        )
        description = (
            '<div id="product_description" class="sub-header"><h2>Product Description</h2></div>\n'
            f"    <p>{escape(book.description)}</p>"
            if book.description
            else ""
        )
        content = BOOK.format(
            **_told(book, root),
            description=description,
            notice=NOTICE,
            upc=book.upc,
            reviews=book.reviews,
            viewed=_pod(viewed, root),
        )
        return _page(book.title, root, way, content)


def book_path(book: MadeUpBook) -> str:
    """Where a book's page lies."""
    return f"/catalogue/{book.slug}/index.html"


def _image(book: MadeUpBook) -> str:
    name = hashlib.sha256(book.upc.encode()).hexdigest()[:32]
    return f"media/cache/{name[:2]}/{name[2:4]}/{name}.svg"


def _told(book: MadeUpBook, root: str) -> dict[str, str]:
    return {
        "title": escape(book.title),
        "image": f"{root}{_image(book)}",
        "stars": STARS[book.rating],
        "price": f"{book.price:.2f}",
        "stock": f"In stock ({book.copies} available)" if book.copies else "Out of stock",
    }


def _pod(book: MadeUpBook, root: str) -> str:
    short = book.title if len(book.title) < 24 else f"{book.title[:20]} ..."
    told = _told(book, root) | {"stock": "In stock" if book.copies else "Out of stock"}
    return POD.format(**told, href=f"{root}{book_path(book)[1:]}", short=escape(short))


def _pager(number: int, pages: int, following: str) -> str:
    if pages == 1:
        return ""
    after = f'<li class="next"><a href="{following}">next</a></li>' if number < pages else ""
    return (
        f'<ul class="pager"><li class="current">\n    Page {number} of {pages}\n</li>{after}</ul>'
    )


def _page(title: str, root: str, way: str, content: str) -> str:
    return PAGE.format(title=escape(title), root=root, way=way, content=content, notice=NOTICE)
