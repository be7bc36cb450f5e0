"""Refusals of the gym."""

from chalicelib.core.errors import Conflict, NotFound, PreconditionFailed, Unprocessable


class AlunoNotFound(NotFound):
    """There is no aluno under this id."""

    motivo = "Não há aluno com este número."


class AlunoInativo(Conflict):
    """This aluno has cancelled; activate the registration first."""

    motivo = "A matrícula está cancelada. Reative-a antes."


class AlunoJaAtivo(Conflict):
    """This aluno is active already."""

    motivo = "Esta matrícula já está ativa."


class AlunoJaInativo(Conflict):
    """This aluno has cancelled already."""

    motivo = "Esta matrícula já está cancelada."


class AlunoMudou(PreconditionFailed):
    """This aluno has changed since you read it; read it again and send the new ETag."""

    motivo = "Os dados mudaram enquanto você editava. Confira e salve de novo."


class MudancaForaDeOrdem(Unprocessable):
    """`em` must come after the registration and after the last change of plano or activity, and
    must not lie in the future."""

    motivo = (
        "A data precisa vir depois da matrícula e da última mudança, e não pode estar no futuro."
    )


class EmailTaken(Conflict):
    """There is already an aluno with this e-mail."""

    motivo = "Já há um aluno com este e-mail."


class PlanoUnknown(Unprocessable):
    """There is no plano under this id."""

    motivo = "Escolha um plano."


class PlanoNotFound(NotFound):
    """There is no plano under this id."""

    motivo = "Este plano não existe mais."


class PlanoForaDeOferta(Unprocessable):
    """This plano is no longer on offer: who has it keeps it, but nobody can take it up."""

    motivo = "Este plano saiu de oferta: ninguém mais pode aderir a ele."


class PlanoEmUso(Conflict):
    """Some aluno has or had this plano, so it stays for their history; deactivate it instead."""

    motivo = "Alguém tem ou teve este plano, e ele fica no histórico. Tire-o de oferta."


class PlanoJaAtivo(Conflict):
    """This plano is on offer already."""

    motivo = "Este plano já está em oferta."


class PlanoJaInativo(Conflict):
    """This plano is off offer already."""

    motivo = "Este plano já está fora de oferta."


class PlanoNameTaken(Conflict):
    """There is already a plano with this name."""

    motivo = "Já há um plano com este nome."


class RelatorioNotFound(NotFound):
    """There is no report of this day; ask for it with POST /admin/relatorios."""

    motivo = "Ainda não há relatório deste dia."


class DiaNaoTerminou(Unprocessable):
    """A report is of a whole day, and this one is not over yet."""

    motivo = "O relatório é de um dia inteiro, e este ainda não terminou."


class CheckinAberto(Conflict):
    """This aluno is already inside: their last entry is less than 6 hours old and has no exit."""

    motivo = "Já está dentro: a última entrada ainda não tem saída."


class CheckinRepetido(Conflict):
    """There is already an entry of this aluno at this very instant."""

    motivo = "Esta entrada já foi registrada."


class ChaveEventoTaken(Conflict):
    """This chave_evento already belongs to another visit."""

    motivo = "Este evento já pertence a outra visita."


class SemVisitaAberta(Conflict):
    """This aluno has no open visit that this exit could end."""

    motivo = "Não há visita aberta para encerrar."


class VisitaNotFound(NotFound):
    """This aluno has no visit that began at this instant."""

    motivo = "Esta visita não existe mais."


class VisitaJaAnulada(Conflict):
    """The desk has struck the visit of this event; record it anew without its chave_evento."""

    motivo = "Esta visita foi anulada."


class VisitaImpossivel(Unprocessable):
    """An exit must come after its entry, by 24 hours at the most."""

    motivo = "A saída precisa vir depois da entrada, em até 24 horas."


class ImportacaoEmAndamento(Conflict):
    """A file of alunos or visits is waiting or being imported, and could bring back what is to be
    erased; wait for its job, or cancel it."""

    motivo = "Há uma importação em andamento. Espere que termine."


class JogadaNotFound(NotFound):
    """There is no jogada under this id."""

    motivo = "Esta jogada não existe mais."


class JogadaUnknown(Unprocessable):
    """There is no jogada under this jogada_id."""

    motivo = "Esta jogada não existe mais."


class JogadaNameTaken(Conflict):
    """There is already a jogada with this name."""

    motivo = "Já há uma jogada com este nome."


class RegraNotFound(NotFound):
    """There is no alert rule under this id."""

    motivo = "Esta regra não existe mais."


class RegraUnknown(Unprocessable):
    """There is no alert rule under this regra_id."""

    motivo = "Esta regra não existe mais."


class RegraNameTaken(Conflict):
    """There is already an alert rule with this name."""

    motivo = "Já há uma regra com este nome."


class RegraEmUso(Conflict):
    """Some jogada is for members this rule names; change the jogada first, or deactivate the
    rule."""

    motivo = "Uma jogada depende desta regra. Mude a jogada antes."


class ContatoNotFound(NotFound):
    """There is no contact under this id."""

    motivo = "Este contato não existe mais."


class ContatoEmAberto(Conflict):
    """A contact with this aluno is open already; record its outcome first."""

    motivo = "Já há um contato em aberto com este aluno. Registre o resultado dele."


class ResponsavelUnknown(Unprocessable):
    """The responsavel_id is not one of an active user who may work on contacts."""

    motivo = "Escolha alguém ativo da operação."


class AlunoNoControle(Conflict):
    """This aluno is held out, so that the effect of contacts can be measured; do not contact them.
    If you must, send `forcar: true`: it is on the trail, and they go on counting as held out."""

    motivo = (
        "Este aluno está no grupo de controle, que não é contatado para que se possa medir o "
        "efeito. Se for mesmo preciso, marque a opção de contatar assim mesmo."
    )
