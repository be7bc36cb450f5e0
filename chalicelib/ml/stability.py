"""Words for how far something has moved; apart, because routes use them without numpy."""

from enum import StrEnum


class Stability(StrEnum):
    """How far something has moved since training."""

    OK = "ok"
    ATTENTION = "atencao"
    DRIFT = "deriva"
    TOO_FEW = "poucos_dados"
