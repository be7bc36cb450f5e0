"""The catalogue in numbers: worked out once for each snapshot, and kept by the process."""

from typing import Any

from sqlalchemy.orm import Session

from chalicelib.books.edition import LATEST_SNAPSHOT, Edition, current_edition, kept_answers
from chalicelib.books.schemas_books import (
    CatalogueHealthOut,
    CategoriesOut,
    CategoriesStatsOut,
    CategoryOut,
    CategoryStatsOut,
    OverviewOut,
)
from chalicelib.core.db import DATABASE_ERRORS, unit_of_work
from chalicelib.core.errors import ServiceUnavailable
from chalicelib.core.statements import HotStatement

OVERVIEW = HotStatement("""
SELECT count(*) AS total_books,
       round(avg(price), 2)::float8 AS average_price,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY price::float8) AS median_price,
       min(price)::float8 AS min_price, max(price)::float8 AS max_price,
       round(avg(rating), 2)::float8 AS average_rating,
       count(*) FILTER (WHERE rating = 1) AS rated_1,
       count(*) FILTER (WHERE rating = 2) AS rated_2,
       count(*) FILTER (WHERE rating = 3) AS rated_3,
       count(*) FILTER (WHERE rating = 4) AS rated_4,
       count(*) FILTER (WHERE rating = 5) AS rated_5,
       count(*) FILTER (WHERE available) AS available_books,
       coalesce(sum(copies), 0)::bigint AS total_copies,
       count(DISTINCT category_id) AS categories,
       CASE WHEN min(currency) = max(currency) THEN min(currency) END AS currency
FROM books WHERE gone_at IS NULL
""")
STARS = range(1, 6)

MOST_SHELVES = 1000
"""More than any shop has: one could make a category of every title."""

BY_CATEGORY = HotStatement(f"""
SELECT c.id, c.name AS category, count(*) AS total_books,
       round(avg(b.price), 2)::float8 AS average_price,
       min(b.price)::float8 AS min_price, max(b.price)::float8 AS max_price,
       round(avg(b.rating), 2)::float8 AS average_rating,
       count(*) FILTER (WHERE b.available) AS available_books,
       sum(b.copies)::bigint AS total_copies
FROM books b JOIN book_categories c ON c.id = b.category_id
WHERE b.gone_at IS NULL GROUP BY c.id, c.name ORDER BY c.name COLLATE "C", c.id
LIMIT {MOST_SHELVES}
""")

BY_PRICE = HotStatement("""
SELECT floor(price / cast(:step AS numeric))::int AS band, count(*) AS books
FROM books WHERE gone_at IS NULL GROUP BY 1 ORDER BY 1
""")
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MOST_BANDS = 20

HEALTH = HotStatement(f"SELECT * FROM ({LATEST_SNAPSHOT}) s")


def overview(session: Session) -> tuple[Edition, str]:
    """The catalogue in numbers, as the JSON of an `OverviewOut`."""
    edition = current_edition(session)
    return edition, kept_answers().get(edition, "overview", lambda: _overview(session, edition))


def _overview(session: Session, edition: Edition) -> str:
    row = OVERVIEW.one_or_none(session)._asdict()
    stars = {str(each): row.pop(f"rated_{each}") for each in STARS}
    return OverviewOut(
        **row,
        rating_distribution=stars,
        total_categories=row["categories"],
        snapshot=edition.snapshot or None,
        updated_at=edition.taken_at,
    ).model_dump_json()


def stats_by_category(session: Session) -> tuple[Edition, str]:
    """Every shelf in numbers, by name, as the JSON of a `CategoriesStatsOut`."""
    edition = current_edition(session)

    def work_out() -> str:
        rows = _shelves(session, edition)
        items = [CategoryStatsOut(**_told(row, CategoryStatsOut)) for row in rows]
        return CategoriesStatsOut(items=items, total=len(items)).model_dump_json()

    return edition, kept_answers().get(edition, "by category", work_out)


def price_bands(session: Session, dearest: float) -> tuple[tuple[int, int, int], ...]:
    """How many books there are in each band of prices; empty ones between others are there, too.

    Args:
        session: The transaction.
        dearest: The highest price there is: it decides how wide a band is.

    Returns:
        From (included), to (excluded), and how many; the cheapest first.
    """
    step = next((step for step in STEPS if dearest / step < MOST_BANDS), int(dearest) or 1)

    def work_out() -> tuple[tuple[int, int, int], ...]:
        books = {row.band: row.books for row in BY_PRICE.all(session, step=step)}
        bands = range(min(books), max(books) + 1) if books else ()
        return tuple((band * step, (band + 1) * step, books.get(band, 0)) for band in bands)

    return kept_answers().get(current_edition(session), ("price bands", step), work_out)


def categories(session: Session) -> tuple[Edition, str]:
    """The shelves that have books, by name, as the JSON of a `CategoriesOut`."""
    edition = current_edition(session)

    def work_out() -> str:
        items = [
            CategoryOut(id=row.id, name=row.category, books=row.total_books)
            for row in _shelves(session, edition)
        ]
        return CategoriesOut(items=items, total=len(items)).model_dump_json()

    return edition, kept_answers().get(edition, "categories", work_out)


def _shelves(session: Session, edition: Edition) -> tuple[Any, ...]:
    return kept_answers().get(edition, "shelves", lambda: tuple(BY_CATEGORY.all(session)))


def _told(row: Any, model: type[CategoryStatsOut]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in model.model_fields}


def catalogue_health() -> CatalogueHealthOut:
    """Whether the database answers, and what catalogue there is."""
    try:
        with unit_of_work(autocommit=True) as session:
            row = HEALTH.one_or_none(session)
    except (*DATABASE_ERRORS, ServiceUnavailable):
        return _health("down", "down", None)
    return _health("ok" if row else "empty", "up", row)


def _health(status: str, database: str, row: Any) -> CatalogueHealthOut:
    return CatalogueHealthOut(
        status=status,
        database=database,
        books=row.books if row else 0,
        snapshot=row.id if row else None,
        updated_at=row.taken_at if row else None,
        source=row.base_url if row else None,
        made_up=row.made_up if row else None,
    )
