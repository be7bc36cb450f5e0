"""Values as companies write them, in files that people and old programs made.

Each reader takes what stood in a cell and gives a plain value, or refuses with a reason in
pt-BR. Nothing is guessed silently: a value is read by one stated rule, is missing, or is refused.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

LONGEST_NUMBER = 40
LARGEST_AMOUNT = Decimal("99999999999999.99")
LARGEST_COUNT = 1_000_000_000
MOST_DAYS = 36_500
EARLIEST_DAY = date(1900, 1, 1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(days=1)  # A day that has begun elsewhere.

MISSING = frozenset(
    ("", "-", "--", "---", "?", "na", "n/a", "n.a.", "nd", "n/d", "n.d.", "null", "nulo", "none")
) | frozenset(("nan", "nil", "#n/d", "#n/a", "#ref!", "#valor!", "#value!", "#div/0!"))
"""What stands for nothing, in lower case: of programs, of spreadsheets and of people."""

YES = frozenset(("sim", "s", "yes", "y", "true", "verdadeiro", "v", "1", "x"))
NO = frozenset(("nao", "n", "no", "false", "falso", "f", "0"))


class ValueRefused(ValueError):
    """This value cannot be read; the message says why, in pt-BR."""


@dataclass(frozen=True)
class Reading:
    """What reading needs to know of the world.

    Attributes:
        now: The instant that nothing known may lie behind.
        zone: Where a bare day begins.
    """

    now: datetime
    zone: ZoneInfo


Reader = Callable[[Any, Reading], Any]


def cleaned(value: str) -> str:
    """Text with one space where any whitespace, control or invisible character stood, trimmed."""
    if value.isascii() and value.isprintable() and "  " not in value:
        return value.strip()
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def folded(value: str) -> str:
    """Text without case and accents, to compare it."""
    if value.isascii():
        return value.lower()
    parts = unicodedata.normalize("NFKD", value.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def is_missing(value: Any) -> bool:
    """Whether a cell stands for nothing."""
    if isinstance(value, str):
        return cleaned(value).lower() in MISSING
    if isinstance(value, Decimal):
        return value.is_nan()
    return value is None or value != value


_CURRENCY = re.compile(r"^([-+(]?)(?:r\$|brl)", re.IGNORECASE)
_BRAZILIAN = re.compile(r"(?:\d{1,3}(?:\.\d{3})+|\d+),\d+")
_AMERICAN = re.compile(r"\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,}")
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3}){2,}")
_PLAIN = re.compile(r"\d+|\d*\.\d+(?:[eE][-+]?\d{1,2})?|\d+[eE][-+]?\d{1,2}")
_ONE_GROUP = re.compile(r"[1-9]\d{0,2}\.\d{3}")


def is_ambiguous(value: str) -> bool:
    """Whether a dot may stand between thousands as well as before decimals: `1.234`."""
    return _ONE_GROUP.fullmatch(value.lstrip("+-")) is not None


def read_number(value: Any, *, dot_groups: bool = False) -> Decimal:
    """A number: `1234.5`, `1.234,56`, `1,234.56`, `R$ 1.234,56`, `(12,00)`, `12-`.

    A single comma stands before decimals. A single dot does too, but for `dot_groups`, where
    `1.234` is a thousand and more: amounts have two decimals, and counts have none.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueRefused("não é um número")
    if not isinstance(value, str):
        found = value if isinstance(value, Decimal) else Decimal(str(value))
        return _bounded(found)
    text = cleaned(value).replace(" ", "")
    if len(text) > LONGEST_NUMBER:
        raise ValueRefused("não é um número")
    text, had_currency = _CURRENCY.subn(r"\1", text)
    sign, digits = _signed(text)
    if is_ambiguous(digits) and (dot_groups or had_currency):
        digits = digits.replace(".", "")
    return _bounded(sign * Decimal(_machine_written(digits)))


def _signed(text: str) -> tuple[int, str]:
    if text.startswith("(") and text.endswith(")"):
        return -1, text[1:-1]
    if text.endswith("-"):
        return -1, text[:-1]
    if text[:1] in {"-", "−", "+"}:
        return (1 if text[0] == "+" else -1), text[1:]
    return 1, text


def _machine_written(digits: str) -> str:
    if _PLAIN.fullmatch(digits):
        return digits
    if _BRAZILIAN.fullmatch(digits):
        return digits.replace(".", "").replace(",", ".")
    if _AMERICAN.fullmatch(digits):
        return digits.replace(",", "")
    if _GROUPED.fullmatch(digits):
        return digits.replace(".", "")
    raise ValueRefused("não é um número")


def _bounded(number: Decimal) -> Decimal:
    if not number.is_finite() or number.adjusted() > 30:
        raise ValueRefused("número fora do intervalo aceito")
    return number


def amount(value: Any, _: Reading) -> Decimal:
    """An amount in BRL, not negative, rounded to centavos."""
    number = read_number(value, dot_groups=True)
    if number < 0:
        raise ValueRefused("valor negativo")
    if number > LARGEST_AMOUNT:
        raise ValueRefused("valor fora do intervalo aceito")
    return number.quantize(Decimal("0.01"), ROUND_HALF_UP)


def whole(lowest: int, highest: int) -> Reader:
    """Reads whole numbers between two."""

    def read(value: Any, _: Reading) -> int:
        number = read_number(value, dot_groups=True)
        if number != number.to_integral_value():
            raise ValueRefused("não é um número inteiro")
        if not lowest <= number <= highest:
            raise ValueRefused(f"fora do intervalo de {lowest} a {highest}")
        return int(number)

    return read


count = whole(0, LARGEST_COUNT)
days_late = whole(-MOST_DAYS, MOST_DAYS)


def mean_days_late(value: Any, _: Reading) -> float:
    """A mean of days; below zero for who pays early."""
    number = read_number(value)
    if abs(number) > MOST_DAYS:
        raise ValueRefused(f"fora do intervalo de -{MOST_DAYS} a {MOST_DAYS}")
    return float(number)


def yes_or_no(value: Any, _: Reading) -> bool:
    """A boolean: true, sim, S, 1, x and the like."""
    if isinstance(value, bool):
        return value
    word = folded(cleaned(str(value)))
    if word in YES | NO:
        return word in YES
    raise ValueRefused("não é sim nem não")


def text_up_to(longest: int) -> Reader:
    """Reads identifiers: trimmed text, or a whole number."""

    def read(value: Any, _: Reading) -> str:
        if isinstance(value, Decimal | float):
            number = read_number(value)
            value = int(number) if number == number.to_integral_value() else value
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueRefused("não é um texto")
        found = cleaned(str(value))
        if len(found) > longest:
            raise ValueRefused(f"texto com mais de {longest} caracteres")
        return found

    return read


_BRAZILIAN_DAY = re.compile(
    r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
)
_ISO_DAY = re.compile(r"\d{4}[-/]\d{2}[-/]\d{2}(?:[ T].*)?|\d{8}")
_SHORT_YEAR = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2}")
NO_DAY = "data que não existe"
USE_DAY = "use uma data como 2026-03-18 ou 18/03/2026"


def is_no_day(value: str) -> bool:
    """Whether it is how programs write a date that they do not know: all zeros, or year 1."""
    digits = re.sub(r"\D", "", value)
    return bool(digits) and (not digits.strip("0") or digits[:8] in {"00010101", "01010001"})


def read_moment(value: Any) -> date | datetime:
    """A day, or an instant, aware only where an offset was written."""
    if not isinstance(value, str):
        raise ValueRefused(USE_DAY)
    text = cleaned(value)
    if _SHORT_YEAR.fullmatch(text):
        raise ValueRefused("escreva o ano com quatro dígitos")
    try:
        if parts := _BRAZILIAN_DAY.fullmatch(text):
            day, month, year, *clock = (int(part) if part else None for part in parts.groups())
            found = date(year or 0, month or 0, day or 0)
            if clock[0] is None:
                return found
            return datetime.combine(found, time(clock[0], clock[1] or 0, clock[2] or 0))
        if _ISO_DAY.fullmatch(text):
            written = text.replace("/", "-")
            is_day = len(written) <= len("2026-03-18")
            return date.fromisoformat(written) if is_day else datetime.fromisoformat(written)
    except ValueError:
        raise ValueRefused(NO_DAY) from None
    raise ValueRefused(USE_DAY)


def instant(value: Any, reading: Reading) -> datetime | None:
    """A moment that has been: a bare day begins at midnight of the company's clock."""
    found = future_instant(value, reading)
    if found is not None and found > reading.now + CLOCK_SKEW:
        raise ValueRefused("data no futuro")
    return found


def future_instant(value: Any, reading: Reading) -> datetime | None:
    """A moment that may be still to come; None for a date that a program did not know."""
    if isinstance(value, str) and is_no_day(value):
        return None
    moment = read_moment(value)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=reading.zone)
    if not 1900 <= moment.year <= 2200 or not EARLIEST <= moment < LATEST:
        raise ValueRefused("data fora do intervalo de 1970 a 2199")
    return moment.astimezone(UTC)


def past_day(value: Any, reading: Reading) -> date | None:
    """A day that has been."""
    if isinstance(value, str) and is_no_day(value):
        return None
    moment = read_moment(value)
    day = moment.date() if isinstance(moment, datetime) else moment
    if day < EARLIEST_DAY:
        raise ValueRefused("data anterior a 1900")
    if day > (reading.now + CLOCK_SKEW).date():
        raise ValueRefused("data no futuro")
    return day
