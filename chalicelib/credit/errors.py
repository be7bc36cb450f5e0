"""Refusals of credit."""

from chalicelib.core.errors import Conflict, NotFound


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
