"""Refusals of credit."""

from chalicelib.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
    Unprocessable,
)


class EmpresaNotFound(NotFound):
    """There is no company under this id."""

    motivo = "Esta empresa não existe."


class EmailEmUso(Conflict):
    """A company has signed up with this e-mail already."""

    motivo = "Já há uma empresa cadastrada com este e-mail."


class CnpjEmUso(Conflict):
    """A company has signed up with this CNPJ already."""

    motivo = "Já há uma empresa cadastrada com este CNPJ."


class ChaveNomeEmUso(Conflict):
    """There is a key of this name already; revoke it first, or choose another name."""

    motivo = "Já há uma chave com este nome. Revogue-a antes, ou escolha outro."


class ChaveNotFound(NotFound):
    """There is no key under this id."""

    motivo = "Esta chave não existe."


class ChaveEncerrada(Conflict):
    """This key has been revoked or has expired; make a new one instead."""

    motivo = "Esta chave já foi revogada, está sendo substituída ou expirou."


class ChaveNaoFazChaves(Forbidden):
    """A key may replace or revoke itself and nothing more; sign in as a user to do this."""

    motivo = "Só uma pessoa cria chaves, não um programa."


class ClienteNotFound(NotFound):
    """Nothing is held of a cliente of this code."""

    motivo = "Nada se guarda de um cliente com este código."


class DadosEmUso(Conflict):
    """Data are being taken in, decided on or learned from, which may be this cliente's; erase them
    when the jobs of lots, datasets, orders and models have ended."""

    motivo = (
        "Dados que podem ser deste cliente estão sendo recebidos, decididos ou aprendidos. "
        "Apague quando as tarefas terminarem."
    )


class PedidoApagado(NotFound):
    """This order was erased with all that was held of its cliente."""

    motivo = "Este pedido foi apagado com tudo o que se guardava do cliente."


class PedidoExpirado(NotFound):
    """This order was decided so long ago that it is not kept any more (CREDITO_KEEP_DAYS)."""


class DatasetNotFound(NotFound):
    """There is no dataset under this id."""

    motivo = "Este envio não existe."


class DatasetEncerrado(Conflict):
    """This dataset is closed, cancelled or expired: it takes no lots and cannot be concluded;
    open another one."""

    motivo = "Este envio já se encerrou. Abra outro."


class DatasetFechado(Conflict):
    """This dataset is closed: models may have been trained on it, and are compared by it."""

    motivo = "Este envio está fechado: modelos podem ter sido treinados com ele."


class DatasetEmConferencia(Conflict):
    """This dataset is being checked; wait for the job of its conclusion, or cancel that job."""

    motivo = "Este envio está sendo conferido. Espere a conferência terminar."


class LoteNotFound(NotFound):
    """This dataset has no lot of this kind under this number."""

    motivo = "Não há lote com este número."


class LoteIlegivel(Unprocessable):
    """The body is no lot: send a JSON array of items, `{"itens": [...]}`, or a CSV with a header
    that has the needed columns."""

    motivo = (
        "O arquivo não é um lote: envie um CSV com cabeçalho que tenha as colunas "
        "necessárias, ou uma lista JSON."
    )


class LoteVazio(Unprocessable):
    """The lot has no items."""

    motivo = "O lote não tem itens."


class LoteGrande(Unprocessable):
    """The lot has more than 500 items; send it in several."""

    motivo = "O lote tem mais de 500 itens. Divida-o em vários."


class LoteSemCorpo(Unprocessable):
    """The body of this lot is gone from the store; send the lot again."""

    motivo = "O corpo deste lote não está mais guardado. Envie o lote de novo."


class LotesPendentes(Conflict):
    """Lots of this dataset are still being stored; conclude it when none is pending."""

    motivo = "Há lotes que ainda estão sendo gravados. Conclua quando terminarem."


class ArquivoSendoDividido(Conflict):
    """A file of this dataset is being divided into lots; go on when that has ended."""

    motivo = "Um arquivo deste envio está sendo dividido em lotes. Continue quando terminar."


class PedidoNotFound(NotFound):
    """There is no order under this number."""

    motivo = "Este pedido não existe."


class PedidoRepetido(Conflict):
    """An order of this number has been decided already; GET it instead."""

    motivo = "Já há um pedido com este número, e um pedido é decidido uma vez."


class PoliticaMudou(Conflict):
    """Somebody else changed the policy meanwhile; read it again, then change it."""

    motivo = "Alguém mudou a política ao mesmo tempo. Confira e salve de novo."


class PoliticaDesatualizada(PreconditionFailed):
    """The policy in use is not the one you read; read it again, then change it."""

    motivo = "Alguém mudou a política enquanto você editava. Abra-a de novo e confira."


class LotePedidosNotFound(NotFound):
    """There is no lot of orders under this id."""

    motivo = "Este lote de pedidos não existe."


class LotePedidosSemCorpo(Unprocessable):
    """The body of this lot is gone from the store; send the orders that were not decided again."""

    motivo = (
        "O corpo deste lote não está mais guardado. Envie de novo os pedidos que não foram "
        "decididos."
    )


class DecisaoIgual(Conflict):
    """The order stands so already; a revision says something else."""

    motivo = "O pedido já está assim."


class PedidoEncerrado(Conflict):
    """What became of this order is recorded; its decision is not revised any more."""

    motivo = "O desfecho deste pedido já é conhecido: a decisão não se revê mais."


class DesfechoIgual(Conflict):
    """This outcome is recorded already, at this instant."""

    motivo = "Este desfecho já está registrado."


class CorrecaoSemMotivo(Conflict):
    """Another outcome is recorded; a correction says why in `motivo`."""

    motivo = "Outro desfecho está registrado. Para corrigir, diga o motivo."


class ColunaNaoSensivel(Unprocessable):
    """The policy in use does not declare this column sensitive; only such ones are reported on."""

    motivo = "A política em uso não declara esta coluna sensível; só dessas se faz o relatório."


class DatasetAberto(Conflict):
    """This dataset is not closed: conclude it first, then a model can be trained on it."""

    motivo = "Para treinar é preciso ter um envio fechado. Conclua um antes."


class AlvoNaoDito(Unprocessable):
    """The standing collection has no alvo of its own: say which one, faturamento or pagamento."""

    motivo = "Diga o que o modelo deve prever: o acervo não tem um alvo só seu."


class PoucosPedidos(Unprocessable):
    """There are too few orders with a known outcome, or too few of one kind."""

    motivo = (
        "Há pedidos de menos com desfecho conhecido, ou de um dos tipos, para que um modelo "
        "aprenda."
    )


class PedidosInaproveitaveis(Unprocessable):
    """Too many of the orders cannot be learned from."""

    motivo = "Pedidos demais não servem para aprender."


class ColunaEntregaResposta(Unprocessable):
    """A column tells the outcome by itself, as nothing that is known beforehand would."""

    motivo = (
        "Uma coluna entrega o desfecho, como nada que se saiba antes entregaria. Tire-a do envio."
    )


class AlvosDiferentes(Unprocessable):
    """These versions do not foretell the same; only such are compared as do."""

    motivo = "Estas versões não preveem a mesma coisa, e não se comparam."
