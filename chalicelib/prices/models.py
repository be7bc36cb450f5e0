"""A project's model, by the name that the registry and the cache know it by."""

from uuid import UUID

from chalicelib.ml.registry import ModelName

PREFIX = "precos/"
FORETOLD = ("alvo", "tarefa", "unidade")
"""What versions must share to be compared; keys of their `data`."""


def price_model_name(tenant: str, projeto_id: UUID) -> ModelName:
    """The model of a project; its versions are those of all its trainings."""
    return ModelName(tenant, f"{PREFIX}{projeto_id.hex}")
