"""Requests and responses about what is held of a cliente."""

from typing import Any

from pydantic import BaseModel, Field

from chalicelib.core.personal_data import ArquivoRecebido
from chalicelib.core.types import Strict
from chalicelib.credit.schemas_orders import Code


class TitularIn(Strict):
    """Whom it is about. A code may be a CPF, so it stands in no address, which would be logged."""

    cliente: Code = Field(description="The company's own code of the cliente.")


class DadosOut(BaseModel):
    """All that is held of a cliente."""

    cliente: str
    registros: dict[str, list[dict[str, Any]]] = Field(
        description="By table: items of datasets and of the acervo, orders, decisions with all "
        "that they were made of, revisions, outcomes."
    )
    respostas_guardadas: list[dict[str, Any]] = Field(
        description="Answers kept for a day for their Idempotency-Key."
    )
    auditoria: list[dict[str, Any]] = Field(description="Who did what to the orders.")
    arquivos_recebidos: list[ArquivoRecebido] = Field(
        description="Bodies of lots that brought items above, and files that may mention the "
        "cliente beside others."
    )


class ApagarReport(BaseModel):
    """What became of the files."""

    lotes_removidos: int = Field(description="Bodies of lots, whomever they mention.")
    arquivos_removidos: int = Field(description="Lots of orders, and files that were uploaded.")
    exportacoes_removidas: int
