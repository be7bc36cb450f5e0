"""Refusals of the gym."""

from chalicelib.core.errors import Conflict, NotFound, PreconditionFailed, Unprocessable


class AlunoNotFound(NotFound):
    """There is no aluno under this id."""


class AlunoInativo(Conflict):
    """This aluno has cancelled; activate the registration first."""


class AlunoJaAtivo(Conflict):
    """This aluno is active already."""


class AlunoJaInativo(Conflict):
    """This aluno has cancelled already."""


class AlunoMudou(PreconditionFailed):
    """This aluno has changed since you read it; read it again and send the new ETag."""


class MudancaForaDeOrdem(Unprocessable):
    """`em` must come after the registration and after the last change of plano or activity, and
    must not lie in the future."""


class EmailTaken(Conflict):
    """There is already an aluno with this e-mail."""


class PlanoUnknown(Unprocessable):
    """There is no plano under this id."""


class PlanoNotFound(NotFound):
    """There is no plano under this id."""


class PlanoForaDeOferta(Unprocessable):
    """This plano is no longer on offer: who has it keeps it, but nobody can take it up."""


class PlanoEmUso(Conflict):
    """Some aluno has or had this plano, so it stays for their history; deactivate it instead."""


class PlanoJaAtivo(Conflict):
    """This plano is on offer already."""


class PlanoJaInativo(Conflict):
    """This plano is off offer already."""


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


class VisitaNotFound(NotFound):
    """This aluno has no visit that began at this instant."""


class VisitaJaAnulada(Conflict):
    """The desk has struck the visit of this event; record it anew without its chave_evento."""


class VisitaImpossivel(Unprocessable):
    """An exit must come after its entry, by 24 hours at the most."""


class ImportacaoEmAndamento(Conflict):
    """A file of alunos or visits is waiting or being imported, and could bring back what is to be
    erased; wait for its job, or cancel it."""


class JogadaNotFound(NotFound):
    """There is no jogada under this id."""


class JogadaUnknown(Unprocessable):
    """There is no jogada under this jogada_id."""


class JogadaNameTaken(Conflict):
    """There is already a jogada with this name."""


class RegraNotFound(NotFound):
    """There is no alert rule under this id."""


class RegraUnknown(Unprocessable):
    """There is no alert rule under this regra_id."""


class RegraNameTaken(Conflict):
    """There is already an alert rule with this name."""


class RegraEmUso(Conflict):
    """Some jogada is for members this rule names; change the jogada first, or deactivate the
    rule."""


class ContatoNotFound(NotFound):
    """There is no contact under this id."""


class ContatoEmAberto(Conflict):
    """A contact with this aluno is open already; record its outcome first."""


class ResponsavelUnknown(Unprocessable):
    """The responsavel_id is not one of an active user who may work on contacts."""


class AlunoNoControle(Conflict):
    """This aluno is held out, so that the effect of contacts can be measured; do not contact them.
    If you must, send `forcar: true`: it is on the trail, and they go on counting as held out."""
