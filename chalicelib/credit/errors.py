"""Refusals of credit."""

from chalicelib.core.errors import Conflict, Forbidden, NotFound


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


class DatasetNotFound(NotFound):
    """There is no dataset under this id."""


class PedidoNotFound(NotFound):
    """There is no order under this number."""


class PedidoRepetido(Conflict):
    """An order of this number has been decided already; GET it instead."""


class PoliticaMudou(Conflict):
    """Somebody else changed the policy meanwhile; read it again, then change it."""
