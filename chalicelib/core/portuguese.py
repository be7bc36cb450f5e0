"""Numbers, amounts, days and instants as people in Brazil read them."""

from datetime import date, datetime
from decimal import Decimal

from chalicelib.core.clock import zone

KILO = 1024
LOCAL_LENGTHS = (10, 11)  # Digits of a number with its area: a line, a mobile.
COUNTRY_LENGTHS = (12, 13)
MINUS = "−"  # A hyphen is shorter, and lines may break behind it.
BRL = "R$"
SYMBOLS = {"BRL": BRL, "GBP": "£", "USD": "US$", "EUR": "€"}


def number(value: float | Decimal, digits: int | None = None) -> str:
    """A number with a decimal comma and dots between thousands.

    Args:
        value: The number.
        digits: Digits behind the comma; as many as tell something, at most two, when left out.
    """
    written = f"{value:z,.{2 if digits is None else digits}f}"  # z: no minus before a zero.
    written = written.replace(",", " ").replace(".", ",").replace(" ", ".")
    if digits is None and "," in written:
        written = written.rstrip("0").rstrip(",")
    return written.replace("-", MINUS)


def brl(value: float | Decimal) -> str:
    """An amount of money."""
    return f"{BRL} {number(value, 2)}"


def money(value: float | Decimal, currency: str | None) -> str:
    """An amount in some currency.

    Args:
        value: The amount.
        currency: ISO 4217; None where it is not known, or not one.
    """
    if currency is None:
        return number(value, 2)
    return f"{SYMBOLS.get(currency, currency)} {number(value, 2)}"


def counted(value: float, one: str, many: str) -> str:
    """How many of something; Portuguese begins its plural at two: 1,5 ponto."""
    return f"{number(value)} {one if 0 < abs(value) < 2 else many}"


def percent(share: float, digits: int = 0) -> str:
    """A share between 0 and 1 as a percentage."""
    return f"{number(share * 100, digits)}%"


def size(count: float) -> str:
    """A number of bytes, in the unit that tells it best."""
    for unit in ("B", "kB", "MB"):
        if count < KILO:
            return f"{number(count, 0 if unit == 'B' or count >= 100 else 1)} {unit}"
        count /= KILO
    return f"{number(count, 1)} GB"


def phone(value: str) -> str:
    """A telephone number as people write it; one of another shape stays as it is.

    Args:
        value: `+5511987654321`, `11987654321`, or whatever was typed.
    """
    digits = "".join(letter for letter in value if letter.isdigit())
    if value.startswith("+") and not digits.startswith("55"):
        return value
    local = digits.removeprefix("55") if len(digits) in COUNTRY_LENGTHS else digits
    if len(local) not in LOCAL_LENGTHS:
        return value
    return f"({local[:2]}) {local[2:-4]}-{local[-4:]}"


def day(value: date) -> str:
    """A calendar day: dd/mm/aaaa."""
    return f"{value:%d/%m/%Y}"


def instant(value: datetime, zone_name: str) -> str:
    """A moment on the clocks of a zone: dd/mm/aaaa HH:MM."""
    return f"{value.astimezone(zone(zone_name)):%d/%m/%Y %H:%M}"
