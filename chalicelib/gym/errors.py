"""Refusals of the gym."""

from chalicelib.core.errors import Conflict, NotFound, Unprocessable


class AlunoNotFound(NotFound):
    """There is no aluno under this id."""


class AlunoInativo(Conflict):
    """This aluno has cancelled; activate the registration first."""


class EmailTaken(Conflict):
    """There is already an aluno with this e-mail."""


class PlanoUnknown(Unprocessable):
    """There is no plano under this id."""


class PlanoNameTaken(Conflict):
    """There is already a plano with this name."""


class RelatorioNotFound(NotFound):
    """There is no report of this day; ask for it with POST /admin/relatorios."""


class DiaNaoTerminou(Unprocessable):
    """A report is of a whole day, and this one is not over yet."""


class CheckinAberto(Conflict):
    """This aluno is already inside: their last entry is less than 6 hours old and has no exit."""


class CheckinRepetido(Conflict):
    """There is already an entry of this aluno at this very instant."""


class ChaveEventoTaken(Conflict):
    """This chave_evento already belongs to another visit."""


class SemVisitaAberta(Conflict):
    """This aluno has no open visit that this exit could end."""


class VisitaImpossivel(Unprocessable):
    """An exit must come after its entry, by 24 hours at the most."""
