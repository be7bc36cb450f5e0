"""CNPJ: fourteen characters, the last two of which check the others.

From July 2026 on the first twelve may be letters too (Instrução Normativa RFB 2.229/2024). A
character is worth its ASCII code less 48, so that digits keep their worth and A is 17.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

LENGTH = 14
_WRITTEN = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_PUNCTUATION = str.maketrans("", "", "./- ")


def read_cnpj(written: str) -> str:
    """Upper case, without punctuation.

    Raises:
        ValueError: It is none, or its check digits do not fit.
    """
    cnpj = written.translate(_PUNCTUATION).upper()
    if not _WRITTEN.fullmatch(cnpj) or len(set(cnpj)) == 1:
        raise ValueError("must be a CNPJ: twelve digits or letters and two check digits")
    if cnpj[12:] != check_digits(cnpj[:12]):
        raise ValueError("its check digits do not fit")
    return cnpj


def check_digits(base: str) -> str:
    """The two digits that follow the first twelve characters."""
    values = [ord(character) - 48 for character in base]
    first = _check_digit(values)
    return f"{first}{_check_digit([*values, first])}"


def _check_digit(values: Sequence[int]) -> int:
    """Modulo 11 over weights 2 to 9, again and again from the right; 10 and 11 become 0."""
    total = sum(value * (2 + place % 8) for place, value in enumerate(reversed(values)))
    rest = total % 11
    return 0 if rest < 2 else 11 - rest


Cnpj = Annotated[
    str,
    Field(max_length=30, examples=["12.ABC.345/01DE-35"]),
    AfterValidator(read_cnpj),
]


def punctuated(cnpj: str) -> str:
    """One as people write it: 11.222.333/0001-81."""
    return f"{cnpj[:2]}.{cnpj[2:5]}.{cnpj[5:8]}/{cnpj[8:12]}-{cnpj[12:]}"
