"""The churn model as it is served: which version is champion, and the cache it lives in."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.uploads import object_store
from chalicelib.ml.model_cache import ModelCache
from chalicelib.ml.registry import ModelName, load_version

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

CHURN = ModelName(HOUSE, "churn")


@cache
def model_cache() -> ModelCache[ServedModel]:
    """The models this process has loaded, bounded by `MODEL_CACHE_MB`."""
    return ModelCache(settings().model_cache_mb)


def churn_model(session: Session, version: int) -> ServedModel:
    """A version of the churn model, ready to score.

    A cache miss reads the object store; it is the one call of that kind a request may make
    while its session is open.
    """
    return model_cache().get(
        (CHURN, version),
        lambda: load_version(session, CHURN, version, object_store().read),
    )
