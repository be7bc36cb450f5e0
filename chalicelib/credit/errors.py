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


class EmailEmUso(Conflict):
    """A company has signed up with this e-mail already."""


class CnpjEmUso(Conflict):
    """A company has signed up with this CNPJ already."""


class ChaveNomeEmUso(Conflict):
    """There is a key of this name already; revoke it first, or choose another name."""


class ChaveNotFound(NotFound):
    """There is no key under this id."""


class ChaveEncerrada(Conflict):
    """This key has been revoked or has expired; make a new one instead."""


class ChaveNaoFazChaves(Forbidden):
    """A key may replace or revoke itself and nothing more; sign in as a user to do this."""


class ClienteNotFound(NotFound):
    """Nothing is held of a cliente of this code."""


class DadosEmUso(Conflict):
    """Data are being taken in, decided on or learned from, which may be this cliente's; erase them
    when the jobs of lots, datasets, orders and models have ended."""


class PedidoApagado(NotFound):
    """This order was erased with all that was held of its cliente."""


class PedidoExpirado(NotFound):
    """This order was decided so long ago that it is not kept any more (CREDITO_KEEP_DAYS)."""


class DatasetNotFound(NotFound):
    """There is no dataset under this id."""


class DatasetEncerrado(Conflict):
    """This dataset is closed, cancelled or expired: it takes no lots and cannot be concluded;
    open another one."""


class DatasetFechado(Conflict):
    """This dataset is closed: models may have been trained on it, and are compared by it."""


class DatasetEmConferencia(Conflict):
    """This dataset is being checked; wait for the job of its conclusion, or cancel that job."""


class LoteNotFound(NotFound):
    """This dataset has no lot of this kind under this number."""


class LoteIlegivel(Unprocessable):
    """The body is no lot: send a JSON array of items, `{"itens": [...]}`, or a CSV with a header
    that has the needed columns."""


class LoteVazio(Unprocessable):
    """The lot has no items."""


class LoteGrande(Unprocessable):
    """The lot has more than 500 items; send it in several."""


class LoteSemCorpo(Unprocessable):
    """The body of this lot is gone from the store; send the lot again."""


class LotesPendentes(Conflict):
    """Lots of this dataset are still being stored; conclude it when none is pending."""


class PedidoNotFound(NotFound):
    """There is no order under this number."""


class PedidoRepetido(Conflict):
    """An order of this number has been decided already; GET it instead."""


class PoliticaMudou(Conflict):
    """Somebody else changed the policy meanwhile; read it again, then change it."""


class PoliticaDesatualizada(PreconditionFailed):
    """The policy in use is not the one you read; read it again, then change it."""


class LotePedidosNotFound(NotFound):
    """There is no lot of orders under this id."""


class LotePedidosSemCorpo(Unprocessable):
    """The body of this lot is gone from the store; send the orders that were not decided again."""


class DecisaoIgual(Conflict):
    """The order stands so already; a revision says something else."""


class PedidoEncerrado(Conflict):
    """What became of this order is recorded; its decision is not revised any more."""


class DesfechoIgual(Conflict):
    """This outcome is recorded already, at this instant."""


class CorrecaoSemMotivo(Conflict):
    """Another outcome is recorded; a correction says why in `motivo`."""


class ColunaNaoSensivel(Unprocessable):
    """The policy in use does not declare this column sensitive; only such ones are reported on."""


class DatasetAberto(Conflict):
    """This dataset is not closed: conclude it first, then a model can be trained on it."""


class AlvoNaoDito(Unprocessable):
    """The standing collection has no alvo of its own: say which one, faturamento or pagamento."""


class PoucosPedidos(Unprocessable):
    """There are too few orders with a known outcome, or too few of one kind."""


class PedidosInaproveitaveis(Unprocessable):
    """Too many of the orders cannot be learned from."""


class ColunaEntregaResposta(Unprocessable):
    """A column tells the outcome by itself, as nothing that is known beforehand would."""


class AlvosDiferentes(Unprocessable):
    """These versions do not foretell the same; only such are compared as do."""
