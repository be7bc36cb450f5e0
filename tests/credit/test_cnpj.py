"""CNPJ: check digits, of digits and of letters."""

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.credit.cnpj import Cnpj, check_digits, read_cnpj

AS_CNPJ = TypeAdapter(Cnpj)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("12.ABC.345/01DE-35", "12ABC34501DE35"),  # The Receita's own example.
        ("12abc34501de35", "12ABC34501DE35"),
        ("00.000.000/0001-91", "00000000000191"),
        ("33.000.167/0001-01", "33000167000101"),
    ],
)
def test_right_check_digits_are_taken(written: str, read: str) -> None:
    assert read_cnpj(written) == read
    assert AS_CNPJ.validate_python(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "12.ABC.345/01DE-36",
        "00.000.000/0001-92",
        "00000000000000",  # Its check digits fit.
        "1234567890123",
        "123456789012345",
        "00.000.000/0001-9A",
        "00.000.000/0001-９１",
        "12.ÁBC.345/01DE-35",
        "",
    ],
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        AS_CNPJ.validate_python(written)


def test_one_wrong_character_is_always_found() -> None:
    base = "12ABC34501DE"
    right = check_digits(base)
    for place in range(len(base)):
        for other in "0123456789":
            changed = base[:place] + other + base[place + 1 :]
            # Letters are worth up to 42, so some lie eleven apart from a digit.
            if (ord(other) - ord(base[place])) % 11:
                assert check_digits(changed) != right
