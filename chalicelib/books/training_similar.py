"""Which books are alike, by their words; worked out when a run has changed the catalogue."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from chalicelib.books.tables import NEAREST

ROWS_AT_ONCE = 512
LEAST = 1e-6


def nearest_books(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int, int, float]]:
    """Each book's nearest, by the cosine of TF-IDF of title, category and description.

    A title's words count twice and the category is one word of its own, so that books of a shelf
    are near each other even without a description.

    Args:
        rows: The catalogue: id, title, category, description.

    Yields:
        The book's id, rank from 1, the other's id, their cosine. Books that share no word with
        another have none; of equal ones the smaller id comes first.
    """
    if len(rows) < 2:
        return
    ids = np.array([row["id"] for row in rows])
    order = np.argsort(ids)
    ids = ids[order]
    words = TfidfVectorizer(strip_accents="unicode", sublinear_tf=True, dtype=np.float32)
    weights = words.fit_transform([_document(rows[place]) for place in order])
    turned = weights.T.tocsr()
    for start in range(0, len(ids), ROWS_AT_ONCE):
        alike = (weights[start : start + ROWS_AT_ONCE] @ turned).tocsr()
        for row in range(alike.shape[0]):
            begin, end = alike.indptr[row : row + 2]
            yield from _best(ids, start + row, alike.indices[begin:end], alike.data[begin:end])


def _document(row: Mapping[str, Any]) -> str:
    shelf = "estante_" + "_".join(str(row["category"]).split())
    return f"{row['title']} {row['title']} {shelf} {row['description'] or ''}"


def _best(ids: Any, here: int, others: Any, cosines: Any) -> Iterator[tuple[int, int, int, float]]:
    is_other = (others != here) & (cosines > LEAST)
    others, cosines = others[is_other], cosines[is_other]
    # Rounded, for the same catalogue to have the same order whatever the machine adds up first.
    best = np.lexsort((others, -np.round(cosines, 5)))[:NEAREST]
    for rank, place in enumerate(best, start=1):
        yield int(ids[here]), rank, int(ids[others[place]]), min(float(cosines[place]), 1.0)
