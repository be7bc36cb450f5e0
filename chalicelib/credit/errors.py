"""Refusals of credit."""

from chalicelib.core.errors import Conflict, NotFound, Unprocessable


class EmpresaNotFound(NotFound):
    """There is no company under this id."""


class EmailEmUso(Conflict):
    """A company has signed up with this e-mail already."""


class CnpjEmUso(Conflict):
    """A company has signed up with this CNPJ already."""


class ChaveNomeEmUso(Conflict):
    """There is a key of this name already; revoke it first, or choose another name."""


class DatasetNotFound(NotFound):
    """There is no dataset under this id."""


class PedidoNotFound(NotFound):
    """There is no order under this number."""


class PedidoRepetido(Conflict):
    """An order of this number has been decided already; GET it instead."""


class PoliticaMudou(Conflict):
    """Somebody else changed the policy meanwhile; read it again, then change it."""


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
