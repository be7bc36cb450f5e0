"""Refusals of the books."""

from chalicelib.core.errors import Conflict, Gone, NotFound, ServiceUnavailable, Unprocessable


class BookNotFound(NotFound):
    """There is no book under this id; GET /api/v1/books lists those that there are."""

    motivo = "Este livro não está no catálogo."


class RunNotFound(NotFound):
    """There is no run under this id; GET /api/v1/scraping/runs lists those that there are."""

    motivo = "Esta coleta não existe mais."


class RunCsvNotFound(NotFound):
    """This run has no CSV: it found nothing, or it has been removed after BOOKS_KEEP_DAYS."""


class SnapshotNotFound(NotFound):
    """There is no snapshot under this number; GET /api/v1/snapshots lists those that there are."""

    motivo = "Não há retrato do catálogo com este número."


class NothingReadYet(SnapshotNotFound):
    """No shop has been read yet; an admin has one read by POST /api/v1/scraping/trigger."""

    motivo = "Nenhum livro foi lido ainda. Colete o catálogo antes."


class DumpUnknown(NotFound):
    """A snapshot is given out as csv, ndjson or parquet."""


class DumpGone(Gone):
    """This snapshot's dumps were removed after BOOKS_KEEP_DAYS; those of `latest` never are. Its
    digests stay at GET /api/v1/snapshots/{snapshot}, its data at GET
    /api/v1/ml/training-data?snapshot=, and what has changed since at GET /api/v1/changes?since=.
    """


class QuarantinedPageNotFound(NotFound):
    """There is no page in quarantine under this id; it may have been removed after its days."""

    motivo = "Esta página não está mais na quarentena."


class SourceNotAllowed(Unprocessable):
    """This address is not one that may be read; BOOKS_ALLOWED_URLS names those that are."""

    motivo = "Esta loja não está entre as que podem ser lidas."


class UpcRepeated(Conflict):
    """Two books of one catalogue have the same UPC."""

    motivo = "Dois livros do mesmo catálogo têm o mesmo UPC."


class CatalogueTooSmall(Conflict):
    """The run found fewer books than it must; the catalogue stays as it was."""

    motivo = "A coleta achou menos livros do que deveria. O catálogo ficou como estava."


class CatalogueIsReal(Conflict):
    """The catalogue holds the books of a real shop; made-up ones do not replace them."""

    motivo = (
        "O catálogo tem os livros de uma loja de verdade. Livros inventados não tomam o lugar "
        "deles."
    )


class SiteUnreachable(ServiceUnavailable):
    """The site does not answer; the catalogue stays as it was."""

    motivo = "A loja não responde. O catálogo ficou como estava."


class SiteNotReadable(Unprocessable):
    """The site answers, but it is not a catalogue that can be read."""

    motivo = "A loja responde, mas não tem um catálogo que se possa ler."


class SiteAsksToWait(Conflict):
    """The site asks to be left alone for longer than a run waits; try again later."""

    motivo = "A loja pediu mais tempo do que uma coleta espera. Tente de novo mais tarde."


class LikedUnknown(Unprocessable):
    """One of the books in `liked` is not known; their ids are those of GET /api/v1/books."""


class TrainingSetNotReady(NotFound):
    """The files of this snapshot's training data are not written yet; a job is at it."""


class NoPriceModel(Conflict):
    """No price model has been trained yet; one is after each reading of the shop."""


class PredictedBookUnknown(Unprocessable):
    """One of the predictions is of a book that is not known; none was kept. The ids are those of
    GET /api/v1/books.
    """
