"""Books that are like others, as the last run has worked it out."""

import json

from sqlalchemy.orm import Session

from chalicelib.books.edition import LATEST_SNAPSHOT, Edition, edition_of
from chalicelib.books.errors import BookNotFound, LikedUnknown
from chalicelib.books.schemas_books import FIELDS
from chalicelib.books.selection import COLUMNS
from chalicelib.core.statements import HotStatement

SIMILAR = HotStatement(f"""
SELECT s.id AS snapshot, s.sha256, s.taken_at, s.books AS listed, k.id AS known, p.*
FROM ({LATEST_SNAPSHOT}) s
LEFT JOIN books k ON k.id = cast(:book_id AS bigint)
LEFT JOIN LATERAL (
    SELECT n.rank, {COLUMNS}, round(n.similarity::numeric, 4)::float8 AS similarity
    FROM similar_books n
    JOIN books b ON b.id = n.similar_id AND b.gone_at IS NULL
    JOIN book_categories c ON c.id = b.category_id
    WHERE n.book_id = k.id ORDER BY n.rank LIMIT cast(:rows AS int)
) p ON true ORDER BY p.rank
""")

# A book that several of the liked ones are like comes before one that a single one is.
RECOMMENDED = HotStatement(f"""
WITH liked AS (
    SELECT u.id FROM unnest(cast(:liked AS bigint[])) AS u (id) JOIN books k ON k.id = u.id
), near AS (
    SELECT n.similar_id, sum(n.similarity) AS score,
           array_agg(n.book_id ORDER BY n.similarity DESC, n.book_id) AS because_of
    FROM similar_books n
    WHERE n.book_id IN (SELECT id FROM liked)
      AND NOT n.similar_id = ANY (cast(:liked AS bigint[]))
    GROUP BY n.similar_id
)
SELECT s.id AS snapshot, s.sha256, s.taken_at, s.books AS listed,
       (SELECT count(*) FROM liked) AS known, p.*
FROM ({LATEST_SNAPSHOT}) s LEFT JOIN LATERAL (
    SELECT {COLUMNS}, round(near.score::numeric, 4)::float8 AS score, near.because_of
    FROM near
    JOIN books b ON b.id = near.similar_id AND b.gone_at IS NULL
    JOIN book_categories c ON c.id = b.category_id
    ORDER BY near.score DESC, b.id LIMIT cast(:rows AS int)
) p ON true ORDER BY p.score DESC, p.id
""")


def similar_books(session: Session, book_id: int, limit: int) -> tuple[Edition, str]:
    """The books most like one, nearest first, as the JSON of a `SimilarOut`.

    Fewer than asked where fewer share a word with it; none of those that are gone.

    Raises:
        BookNotFound: There is no such book.
    """
    found = SIMILAR.all(session, book_id=book_id, rows=limit)
    if not found or found[0].known is None:
        raise BookNotFound
    items = [_told(row, "similarity") for row in found if row.id is not None]
    told = {"book_id": book_id, "items": items, "total": len(items)}
    return edition_of(found[0]), json.dumps(told, ensure_ascii=False)


def recommend_books(session: Session, liked: list[int], limit: int) -> tuple[Edition, str]:
    """What somebody may like, best first, as the JSON of a `RecommendationsOut`.

    Raises:
        LikedUnknown: One of the books is not known.
    """
    found = RECOMMENDED.all(session, liked=liked, rows=limit)
    if not found or found[0].known != len(liked):
        raise LikedUnknown
    items = [_told(row, "score", "because_of") for row in found if row.id is not None]
    told = {"liked": liked, "items": items, "total": len(items)}
    return edition_of(found[0]), json.dumps(told, ensure_ascii=False)


def _told(row: object, *more: str) -> dict[str, object]:
    return {name: getattr(row, name) for name in (*FIELDS, *more)}
