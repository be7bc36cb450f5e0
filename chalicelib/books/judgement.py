"""Whether what a run found may become the catalogue."""

from dataclasses import dataclass

from chalicelib.books.errors import CatalogueIsReal, CatalogueTooSmall
from chalicelib.books.found import Found
from chalicelib.core.portuguese import number

LEAST_PERCENT = 95


@dataclass(frozen=True)
class Current:
    """The catalogue as it stands.

    Attributes:
        books: How many it has.
        made_up: Whether they are made up.
    """

    books: int
    made_up: bool


def judge(found: Found, current: Current | None, *, accepts_smaller: bool) -> None:
    """Refuse what must not become the catalogue.

    Args:
        found: What the run found.
        current: The catalogue as the last good run left it; None where there is none.
        accepts_smaller: Whether an admin takes fewer books, though never none.

    Raises:
        CatalogueIsReal: Made-up books would take the place of a real shop's.
        CatalogueTooSmall: It has fewer than 95 % of what the site states, or of what the last
            good run found.
    """
    if current is not None and found.made_up and not current.made_up:
        raise CatalogueIsReal
    # From made-up books to real ones there is no less and no more.
    comparable = current is not None and found.made_up == current.made_up
    before = current.books if current is not None and comparable else 0
    stated = found.counts.stated or 0
    books = len(found.books)
    if books and (accepts_smaller or books * 100 >= LEAST_PERCENT * max(stated, before)):
        return
    raise CatalogueTooSmall(
        f"The run found {books} books and could not read {found.counts.errors} pages; the site "
        f"states {stated}, the last good run found {before}. At least {LEAST_PERCENT} % of either "
        "are needed, so the catalogue stays as it was. With accept_smaller an admin takes it as "
        "it is.",
        motivo=f"A coleta achou {number(books)} livros e não leu {number(found.counts.errors)}"
        f" páginas; a loja diz ter {number(stated)}, a última coleta boa achou {number(before)}."
        f" São precisos {LEAST_PERCENT}% de cada: o catálogo ficou como estava.",
    )
