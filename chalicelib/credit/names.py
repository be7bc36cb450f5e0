"""Names of columns: as companies write them, and as their items and models have them."""

import re
from functools import lru_cache

from chalicelib.credit.values import cleaned, folded

LONGEST_NAME = 60


def column_name(written: str) -> str:
    """A column's name: without case and accents, `_` for whatever is no letter or digit."""
    return _remembered(written) if len(written) <= LONGEST_NAME else _plain(written)


def model_name(written: str) -> str:
    """A column's name in the model, however it was written: `Cliente.Estado Civil` is
    `cliente.estado_civil`. Items are kept under such names, so nothing else ever matches one.
    """
    source, dot, attribute = written.partition(".")
    return f"{column_name(source)}{dot}{column_name(attribute)}"


def _plain(written: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", folded(cleaned(written))).strip("_")


_remembered = lru_cache(maxsize=10_000)(_plain)  # Of short names only: bodies hold names of any.
