"""From bytes to validated models; what is wrong is collected, so that a client hears all of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from chalicelib.core.errors import (
    MOST_FIELD_ERRORS,
    BadRequest,
    FieldError,
    ValidationFailed,
)

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
WHOLE_BODY, WHOLE_QUERY = "corpo", "consulta"
LONGEST_FIELD_NAME = 200  # A field that is not known is called as the client pleases.

AN_INSTANT = "use a date and time with its offset from UTC, such as 2026-03-02T07:15:00-03:00"
A_DAY = "use a date that exists, such as 2026-03-18"
ADVICE = {
    "datetime_parsing": AN_INSTANT,
    "datetime_from_date_parsing": AN_INSTANT,
    "datetime_object_invalid": AN_INSTANT,
    "datetime_type": AN_INSTANT,
    "timezone_aware": AN_INSTANT,
    "date_parsing": A_DAY,
    "date_from_datetime_parsing": A_DAY,
    "date_from_datetime_inexact": A_DAY,
    "date_type": A_DAY,
    "extra_forbidden": "there is no such field here; /docs names those that there are",
    "decimal_parsing": "use a number with a point before its decimals, such as 119.90",
}
"""What to say of pydantic's errors that tell where it stumbled rather than what is wanted."""

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class RawBody:
    """A body that is a file rather than JSON."""

    media_type: str
    data: bytes


def parse_json(model: type[ModelT], data: bytes, errors: list[FieldError]) -> ModelT | None:
    """Validate a JSON body; what is wrong is appended to `errors`, and then None is returned.

    Raises:
        BadRequest: It is not JSON at all.
    """
    if b"\\u0000" in data:
        raise ValidationFailed("Text must not contain NUL characters.")
    if not data.strip():
        raise BadRequest("The body is empty; send JSON as /docs describes it.")
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        if any(e["type"] == "json_invalid" for e in error.errors()):
            raise BadRequest("The body is not valid JSON in UTF-8.") from None
        errors.extend(_field_errors(error))
        return None


def validated(
    validate: Callable[[], Any],
    errors: list[FieldError],
    name: str | None = None,
    *,
    whole: str = WHOLE_BODY,
) -> Any:
    """What `validate` returns; what does not validate is appended to `errors` instead.

    Args:
        validate: Reads what was sent.
        errors: Of the request so far.
        name: What to say is wrong; left out, the fields by their names.
        whole: What to say is wrong where it is no field alone.
    """
    try:
        return validate()
    except ValidationError as error:
        errors.extend(_field_errors(error, name, whole))
        return None


def _field_errors(
    error: ValidationError, name: str | None = None, whole: str = WHOLE_BODY
) -> list[FieldError]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        FieldError(
            campo=name or _written(item["loc"]) or whole,
            erro=ADVICE.get(item["type"], item["msg"].removeprefix("Value error, ")),
        )
        for item in islice(found, MOST_FIELD_ERRORS + 1)  # One more tells that there are more.
    ]


def _written(place: Iterable[str | int]) -> str:
    return ".".join(str(part) for part in place)[:LONGEST_FIELD_NAME]


def refuse_nul(values: Iterable[str]) -> None:
    """Refuse text that PostgreSQL cannot hold; no field of ours means anything by a NUL."""
    if any("\x00" in value for value in values):
        raise ValidationFailed("Text must not contain NUL characters.")


def parse_form(data: bytes, most_fields: int = 50) -> dict[str, str]:
    """The fields of an HTML form; the last one wins where a name repeats."""
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=most_fields)
    except ValueError:
        raise BadRequest("The body is not a valid form in UTF-8.") from None
    refuse_nul(value for _, value in pairs)
    return dict(pairs)


def preferred_media_type(accept: str, offered: Sequence[str]) -> str:
    """Which of the offered media types an `Accept` header likes best (RFC 9110, 12.5.1).

    Of equally liked ones the first offered; that one also where none is acceptable, because
    an answer in another form helps more than a refusal.
    """
    likings: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        given = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
        likings[name] = _quality(given[0]) if given else 1.0

    def liking(media_type: str) -> float:
        family = media_type.partition("/")[0]
        names = (media_type, f"{family}/*", "*/*")
        return next((likings[name] for name in names if name in likings), 0.0)

    return max(offered, key=liking)


def _quality(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return 0.0


def list_fields(model: type[BaseModel] | None) -> frozenset[str]:
    """Names of a query model's fields that take several values."""
    if model is None:
        return frozenset()
    properties = model.model_json_schema().get("properties", {})
    return frozenset(name for name, schema in properties.items() if schema.get("type") == "array")
