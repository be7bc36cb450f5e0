"""`python -m functions.books.scrape_catalogue`: a CSV, with no server and no database."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.bookshop import Fault, Shop, make_stock, serve_shop
from infra.local.bookshop.pages import book_path

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def by_hand(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it in an empty folder, with nothing set."""
    return subprocess.run(
        [sys.executable, "-m", "functions.books.scrape_catalogue", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "BOOKS_PAUSE_SECONDS": "0.01"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_csv_of_the_whole_shop(tmp_path: Path) -> None:
    stock = make_stock(40, shelves=3)
    path = book_path(stock[0])
    with serve_shop(Shop(stock)) as server:
        server.faults[path] = Fault(404)
        done = by_hand(tmp_path, "--csv", "dados/livros.csv", "--base-url", server.url)
    assert done.returncode == 0, done.stderr
    assert "39 livros, 1 erros" in done.stderr
    assert done.stderr.count("páginas") == 1, "nothing but the end in a log as short as this"
    assert "livros inventados" in done.stderr
    with (tmp_path / "dados" / "livros.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["title"] for row in rows] == [book.title for book in stock[1:]]
    assert [row["price"] for row in rows] == [f"{book.price:.2f}" for book in stock[1:]]
    reasons = tmp_path / "dados" / "livros.csv.quarantine" / "reasons.ndjson"
    (reason,) = map(json.loads, reasons.read_text().splitlines())
    assert (reason["status"], reason["url"].endswith(path)) == (404, True)


def test_too_few_books_leave_an_earlier_csv_alone(tmp_path: Path) -> None:
    stock = make_stock(40, shelves=3)
    (tmp_path / "livros.csv").write_text("de ontem")
    with serve_shop(Shop(stock)) as server:
        server.faults = {book_path(book): Fault(404) for book in stock[:10]}
        done = by_hand(tmp_path, "--base-url", server.url)
        assert (done.returncode, "CatalogueTooSmall" in done.stderr) == (1, True)
        assert (tmp_path / "livros.csv").read_text() == "de ontem"
        done = by_hand(tmp_path, "--base-url", server.url, "--accept-smaller")
    assert done.returncode == 0
    assert len((tmp_path / "livros.csv").read_text().splitlines()) == 31


@pytest.mark.parametrize("written", ["127.0.0.1:9000", "http://127.0.0.1:9000/?a=b", "ftp://x/"])
def test_an_address_that_is_none_is_said_to_be_none(tmp_path: Path, written: str) -> None:
    done = by_hand(tmp_path, "--base-url", written)
    assert done.returncode == 1
    assert "such as http://127.0.0.1:9000/" in done.stderr


def test_a_shop_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    done = by_hand(tmp_path, "--base-url", "http://127.0.0.1:9/")
    assert done.returncode == 1
    assert "SiteUnreachable" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "livros.csv").exists()
