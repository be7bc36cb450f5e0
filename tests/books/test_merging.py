"""From what a run found to the catalogue: new, changed, unchanged, kept, gone, back."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib.books.errors import CatalogueIsReal, CatalogueTooSmall
from chalicelib.books.found import FoundBook, PageKind, UnreadPage
from tests.books.conftest import SITE, a_book, found_of, publish, rows

TEN = [a_book(n) for n in range(1, 11)]
BOOKS = "SELECT id, upc, available, copies, gone_at IS NOT NULL FROM books ORDER BY id"

pytestmark = pytest.mark.usefixtures("environment")


def outcome(report: object) -> tuple[int, ...]:
    """New, changed, unchanged, kept, gone."""
    return tuple(getattr(report, name) for name in ("new", "changed", "unchanged", "kept", "gone"))


def test_the_first_run_makes_the_catalogue_in_the_order_of_the_list(tmp_path: Path) -> None:
    report = publish(found_of(TEN), tmp_path)
    assert outcome(report) == (10, 0, 0, 0, 0)
    assert [row[1] for row in rows(BOOKS)] == [book.upc for book in TEN]
    assert rows("SELECT kind, count(*) FROM book_versions GROUP BY 1") == [("new", 10)]
    assert rows("SELECT count(*) FROM similar_books") != [(0,)]


def test_the_same_again_changes_nothing_but_the_number(tmp_path: Path) -> None:
    first, second = publish(found_of(TEN), tmp_path), publish(found_of(TEN), tmp_path)
    assert outcome(second) == (0, 0, 10, 0, 0)
    assert second.snapshot > first.snapshot
    assert second.sha256 == first.sha256
    assert rows("SELECT count(*) FROM book_versions") == [(10,)]
    assert rows("SELECT count(DISTINCT last_seen_at), min(last_seen_at) > min(first_seen_at)"
                " FROM books") == [(1, True)]  # fmt: skip


def test_what_changed_is_kept_with_what_it_was(tmp_path: Path) -> None:
    before = publish(found_of(TEN), tmp_path)
    changed = replace_first(price=Decimal("9.99"), price_without_tax=Decimal("9.99"), copies=1)
    report = publish(found_of(changed), tmp_path)
    assert outcome(report) == (0, 1, 9, 0, 0)
    assert report.sha256 != before.sha256
    history = rows(
        "SELECT price, copies, kind, fields, since_snapshot, until_snapshot FROM book_versions"
        " WHERE book_id = 1 ORDER BY since_snapshot"
    )
    fields = ["price", "price_without_tax", "copies"]
    assert history == [
        (Decimal("10.50"), 3, "new", [], before.snapshot, report.snapshot),
        (Decimal("9.99"), 1, "changed", fields, report.snapshot, None),
    ]


def replace_first(**changes: object) -> list:  # type: ignore[type-arg]
    """The ten, the first of them with changes."""
    return [TEN[0].model_copy(update=changes), *TEN[1:]]


def test_a_book_that_is_gone_is_kept_unavailable_and_may_come_back(tmp_path: Path) -> None:
    publish(found_of([*TEN * 1, *[a_book(n) for n in range(11, 31)]]), tmp_path)
    fewer = [a_book(n) for n in range(2, 31)]
    assert outcome(publish(found_of(fewer), tmp_path)) == (0, 0, 29, 0, 1)
    assert rows(BOOKS)[0] == (1, "upc0001", False, 0, True)
    assert rows("SELECT kind, fields FROM book_versions WHERE until_snapshot IS NULL"
                " AND book_id = 1") == [("gone", ["available", "copies"])]  # fmt: skip
    again = publish(found_of([*fewer, TEN[0]]), tmp_path)
    assert outcome(again) == (0, 1, 29, 0, 0)
    assert rows(BOOKS)[0] == (1, "upc0001", True, 3, False)
    assert rows("SELECT kind FROM book_versions WHERE until_snapshot IS NULL AND book_id = 1") == [
        ("back",)
    ]
    assert rows("SELECT count(*) FROM books") == [(30,)]


def test_the_catalogue_of_any_snapshot_can_be_read_off_the_versions(tmp_path: Path) -> None:
    many = [a_book(n) for n in range(1, 41)]
    first = publish(found_of(many), tmp_path).snapshot
    second = publish(found_of([*many[1:], a_book(41)]), tmp_path).snapshot
    third = publish(found_of([*many, a_book(41, price=Decimal("1.00"))]), tmp_path).snapshot
    statement = (
        "SELECT count(*), sum(price) FROM book_versions WHERE since_snapshot <= {0}"
        " AND (until_snapshot IS NULL OR until_snapshot > {0}) AND kind <> 'gone'"
    )
    price = Decimal("10.50")
    assert rows(statement.format(first)) == [(40, 40 * price)]
    assert rows(statement.format(second)) == [(40, 40 * price)]
    assert rows(statement.format(third)) == [(41, 40 * price + 1)]


def test_a_book_whose_page_was_not_read_is_not_gone(tmp_path: Path) -> None:
    many = [a_book(n) for n in range(1, 41)]
    publish(found_of(many), tmp_path)
    page = UnreadPage(many[0].url, PageKind.BOOK, 200, "Falta: UPC.", None)
    report = publish(found_of(many[1:], unread=[page]), tmp_path)
    assert outcome(report) == (0, 0, 39, 1, 0)
    assert report.books == 40
    assert rows(BOOKS)[0] == (1, "upc0001", True, 3, False)


def test_nothing_is_gone_where_the_lists_did_not_lead_to_every_book(tmp_path: Path) -> None:
    many = [a_book(n) for n in range(1, 41)]
    publish(found_of(many), tmp_path)
    page = UnreadPage(f"{SITE}catalogue/page-2.html", PageKind.LISTING, 500, "x", None)
    found = replace(found_of(many[1:], stated=40, unread=[page]), linked=frozenset("ab"))
    assert outcome(publish(found, tmp_path)) == (0, 0, 39, 1, 0)


def mirrored(mirror: str, page: str) -> list[FoundBook]:
    """The ten on another site, whose pages have another ending."""
    return [
        book.model_copy(
            update={
                "url": book.url.replace(SITE, mirror).replace("index.html", page),
                "image_url": book.image_url.replace(SITE, mirror),
            }
        )
        for book in TEN
    ]


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:9000/", "http://127.0.0.1:9000/a.b(c)/d/"])
@pytest.mark.parametrize("page", ["index.html", ""])
def test_a_mirror_of_the_shop_changes_nothing(tmp_path: Path, mirror: str, page: str) -> None:
    publish(found_of(TEN), tmp_path)
    moved = mirrored(mirror, page)
    assert outcome(publish(found_of(moved, base_url=mirror), tmp_path)) == (0, 0, 10, 0, 0)
    assert rows("SELECT url FROM books WHERE id = 1") == [(moved[0].url,)]
    assert outcome(publish(found_of(TEN), tmp_path)) == (0, 0, 10, 0, 0)


def test_a_book_that_lies_elsewhere_on_its_site_has_changed(tmp_path: Path) -> None:
    publish(found_of(TEN), tmp_path)
    moved = TEN[0].model_copy(update={"url": f"{SITE}other/livro_1/index.html"})
    assert outcome(publish(found_of([moved, *TEN[1:]]), tmp_path)) == (0, 1, 9, 0, 0)


def test_a_page_not_read_is_known_by_its_folder_too(tmp_path: Path) -> None:
    publish(found_of(mirrored(SITE, "")), tmp_path)
    unread = UnreadPage(TEN[0].url, PageKind.BOOK, 503, "O site respondeu 503.", None)
    found = found_of(mirrored(SITE, "")[1:], unread=[unread])
    assert outcome(publish(found, tmp_path, accept_smaller=True)) == (0, 0, 9, 1, 0)


def test_one_title_may_be_on_two_books(tmp_path: Path) -> None:
    twins = [a_book(1), a_book(2, title="Livro 1")]
    assert outcome(publish(found_of(twins), tmp_path)) == (2, 0, 0, 0, 0)


def test_fewer_than_95_percent_leave_the_catalogue_alone(tmp_path: Path) -> None:
    many = [a_book(n) for n in range(1, 101)]
    publish(found_of(many), tmp_path)
    before = rows(BOOKS)
    with pytest.raises(CatalogueTooSmall, match=r"found 94 books.*last good run found 100"):
        publish(found_of(many[:94]), tmp_path)
    assert rows(BOOKS) == before
    assert rows("SELECT state, books, error ->> 'title' FROM book_runs ORDER BY started_at")[1] == (
        "failed",
        94,
        "CatalogueTooSmall",
    )
    assert rows("SELECT csv_key IS NOT NULL FROM book_runs") == [(True,), (True,)]
    assert outcome(publish(found_of(many[:95]), tmp_path)) == (0, 0, 95, 0, 5)


def test_fewer_than_the_site_states_are_too_few_at_the_first_run_too(tmp_path: Path) -> None:
    with pytest.raises(CatalogueTooSmall, match="states 20"):
        publish(found_of(TEN, stated=20), tmp_path)
    assert rows(BOOKS) == []


def test_an_admin_may_take_fewer_but_never_none(tmp_path: Path) -> None:
    publish(found_of(TEN), tmp_path)
    report = publish(found_of(TEN[:5]), tmp_path, accept_smaller=True)
    assert outcome(report) == (0, 0, 5, 0, 5)
    with pytest.raises(CatalogueTooSmall):
        publish(found_of([]), tmp_path, accept_smaller=True)
    assert rows("SELECT count(*) FROM books WHERE gone_at IS NULL") == [(5,)]


def test_real_books_take_the_place_of_made_up_ones_and_never_the_other_way(
    tmp_path: Path,
) -> None:
    invented = [a_book(n) for n in range(101, 201)]
    publish(found_of(invented, made_up=True), tmp_path)
    report = publish(found_of(TEN), tmp_path)
    assert (report.made_up, outcome(report)) == (False, (10, 0, 0, 0, 100))
    assert rows("SELECT count(*) FROM books WHERE gone_at IS NULL AND made_up") == [(0,)]
    with pytest.raises(CatalogueIsReal):
        publish(found_of(invented, made_up=True), tmp_path, accept_smaller=True)
    assert rows("SELECT count(*) FROM books WHERE gone_at IS NULL") == [(10,)]


def test_similar_books_share_words_and_shelf(tmp_path: Path) -> None:
    shelf = {"category": "Mar", "description": "Navios, marés e faróis."}
    sea = [a_book(n, title=f"Marés do sul {n}", **shelf) for n in (1, 2)]
    alone = a_book(3, title="Xyz", category="Só", description=None)
    publish(found_of([*sea, alone]), tmp_path)
    found = rows("SELECT book_id, rank, similar_id FROM similar_books ORDER BY 1")
    assert found == [(1, 1, 2), (2, 1, 1)]


def test_a_title_is_found_without_accents_case_or_apostrophe(tmp_path: Path) -> None:
    publish(found_of([a_book(1, title="São João: a Woman’s “Café”")]), tmp_path)
    words = {"sao", "joao", "woman", "womans", "cafe"}
    for word in words:
        statement = f"SELECT 1 FROM books WHERE title_words @@ '{word}'::tsquery"
        assert rows(statement) == [(1,)], word
    assert rows("SELECT title_search FROM books") == [("sao joao: a woman’s “cafe”",)]
