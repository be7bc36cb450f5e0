"""What a person typed into a page, and what is wrong with it, in their words."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from email import message_from_bytes
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chalicelib.core.clock import zone
from chalicelib.core.errors import BadRequest, FieldError, ValidationFailed
from chalicelib.core.parsing import FORM, MULTIPART, RawBody, parse_form, refuse_nul
from chalicelib.core.portuguese import number
from chalicelib.core.portuguese_faults import faults_of
from chalicelib.core.settings import settings

TOKEN = "ficha"  # The name of a field.
ACTION = "acao"
THOUSANDS = re.compile(r"-?\d{1,3}(\.\d{3})+")
MOST_FIELDS = 5_000  # Tables of a thousand columns are described by some fields for each.

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass
class Form:
    """The fields of a form, as they were sent or as they are to be shown.

    Attributes:
        values: Field -> what is in it.
        errors: Field -> what is wrong with it.
        told: What is wrong beyond single fields.
        file: An attached file, where the form has one.
    """

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    told: str | None = None
    file: RawBody | None = None

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def action(self) -> str:
        """Which of the page's actions is wanted."""
        return self.values.get(ACTION, "")

    def of(self, row: object) -> "Form":
        """One that holds what a row does, as people write it."""
        found = {n: v for n, v in vars(row).items() if not n.startswith("_") and v is not None}
        return Form({name: _written(value) for name, value in found.items()})

    def blank(self) -> "Form":
        """An empty one, for another form of the same page."""
        return Form()

    def read(
        self,
        model: type[ModelT],
        *,
        amounts: Collection[str] = (),
        instants: Collection[str] = (),
        **given: Any,
    ) -> ModelT:
        """The fields as a model, which decides what they may be; empty ones count as left out.

        Args:
            model: What the API takes for the same.
            amounts: Fields with numbers as Brazilians write them.
            instants: Fields with a local date and time.
            given: What the form does not ask for.

        Raises:
            ValidationFailed: Some do not fit; `errors` says so, in Portuguese.
        """
        fields: dict[str, Any] = {
            name: value.strip()
            for name, value in self.values.items()
            if name in model.model_fields and value.strip()
        }
        for name in fields.keys() & set(amounts):
            fields[name] = typed_amount(fields[name])
        for name in fields.keys() & set(instants):
            fields[name] = self._instant(name, fields[name])
        validate = partial(model.model_validate, {**fields, **given}, strict=False)
        return self._validated(validate)

    def _instant(self, name: str, value: str) -> datetime:
        try:
            local = datetime.fromisoformat(value)
        except ValueError:
            raise ValidationFailed(
                errors=[FieldError(campo=name, erro="Use uma data e uma hora que existem.")]
            ) from None
        return local.replace(tzinfo=zone(settings().local_timezone))

    def _validated(self, validate: Callable[[], ModelT]) -> ModelT:
        try:
            return validate()
        except ValidationError as error:
            raise ValidationFailed(errors=faults_of(error)) from None


def typed_amount(typed: str) -> str:
    """A number as people write it here, as programs do; what is none stays as it is.

    A dot parts thousands beside a decimal comma, and where groups of three follow: 1.500 are
    fifteen hundred. Elsewhere it is what it is on a calculator: 89.90 are not 8990.
    """
    plain = typed.strip().replace("−", "-")
    if "," in plain or THOUSANDS.fullmatch(plain):
        return plain.replace(".", "").replace(",", ".")
    return plain


def _written(value: Any) -> str:
    return number(value) if isinstance(value, float | Decimal) else str(value)


def read_form(media_type: str, content_type: str, data: bytes) -> Form:
    """The form of a request.

    Raises:
        BadRequest: It is none.
    """
    if media_type == FORM:
        return Form(parse_form(data, MOST_FIELDS))
    if media_type == MULTIPART:
        return _read_parts(content_type, data)
    raise BadRequest("A form is expected here.")


def _read_parts(content_type: str, data: bytes) -> Form:
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data)
    found = Form()
    for part in message.get_payload() if message.is_multipart() else []:
        content = part.get_payload(decode=True)  # type: ignore[union-attr]
        if not isinstance(content, bytes):
            raise BadRequest("A form is expected here.")
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        if part.get_filename() is not None:  # type: ignore[union-attr]
            found.file = RawBody(part.get_content_type(), content)  # type: ignore[union-attr]
        elif isinstance(name, str):
            found.values[name] = content.decode("utf-8", "replace")
    refuse_nul(found.values.values())
    return found
