"""A company's model, by the name that the registry and the cache know it by."""

from chalicelib.ml.registry import ModelName

MODEL = "credito"


def credit_model_name(tenant: str) -> ModelName:
    """The model of the company that is this tenant."""
    return ModelName(tenant, MODEL)
