"""Large files: a signed address to put them at, then the key of the object stands for them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID, uuid4

from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.db import Base, unit_of_work
from chalicelib.core.errors import FieldError, ServiceUnavailable, Unprocessable, ValidationFailed
from chalicelib.core.parsing import JSON, RawBody, parse_json
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.settings import settings
from chalicelib.core.storage import (
    ObjectInfo,
    SignedRequest,
    Storage,
    StorageUnavailable,
    open_storage,
)
from chalicelib.core.types import Strict

UPLOAD_LIFETIME = timedelta(hours=1)
BYTES_PER_MB = 1024 * 1024


class Upload(Base):
    """Leave to store one object."""

    __tablename__ = "uploads"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    objeto: Mapped[str] = mapped_column(Text, unique=True, comment="Key; begins with the tenant.")
    tamanho_bytes: Mapped[int] = mapped_column(BigInteger)
    content_type: Mapped[str] = mapped_column(Text)
    criado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expira_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("tamanho_bytes > 0", name="tamanho"),
        Index("uploads_tenant_idx", "tenant", "criado_em"),
    )


class UploadTooLarge(Unprocessable):
    """The file is larger than this installation takes (UPLOAD_MAX_MB)."""

    motivo = "O arquivo é maior do que o permitido."


class ObjectMissing(Unprocessable):
    """No upload of yours has this key, or its content has not arrived yet."""

    motivo = "O arquivo não chegou, ou já foi removido. Envie de novo."


class FileTypeUnsupported(Unprocessable):
    """This upload was declared as a type that is not taken here; of files of rows,
    text/csv and application/x-ndjson are."""

    motivo = "Envie um arquivo CSV ou NDJSON."


class EmptyFile(Unprocessable):
    """The file is empty."""

    motivo = "O arquivo está vazio."


class UploadIn(Strict):
    """A file that is about to be uploaded."""

    tamanho_bytes: int = Field(gt=0, description="Its exact size.", examples=[52_428_800])
    content_type: str = Field(
        "text/csv",
        max_length=100,
        pattern=r"^[A-Za-z0-9_.+-]+/[A-Za-z0-9_.+-]+$",
        examples=["text/csv"],
    )


class UploadOut(BaseModel):
    """Where to send the file: exactly this method, these headers, that many bytes."""

    objeto: str = Field(description="Key to hand to the endpoint that takes the file.")
    metodo: str = Field(examples=["PUT"])
    url: str
    cabecalhos: dict[str, str]
    expira_em: datetime


class ObjectIn(Strict):
    """A file that was uploaded before."""

    objeto: str = Field(max_length=300, description="Key from POST /uploads.")


@cache
def object_store() -> Storage:
    """The store that `STORAGE_URL` names, opened at first use in each process."""
    found = settings()
    return open_storage(
        found.objects_url,
        signing_key=found.signing_key.get_secret_value(),
        public_url=found.base_url,
    )


def create_upload(
    session: Session, principal: Principal, request: UploadIn, now: datetime
) -> UploadOut:
    """Give leave to store one object of an exact size for an hour.

    Raises:
        UploadTooLarge: It would be larger than `UPLOAD_MAX_MB`.
        ServiceUnavailable: There are no credentials to sign with just now.
    """
    if request.tamanho_bytes > settings().upload_max_mb * BYTES_PER_MB:
        raise UploadTooLarge
    upload = _new_upload(principal, request.tamanho_bytes, request.content_type, now)
    session.add(upload)
    audit.record_by(
        session,
        principal,
        "upload.autorizado",
        f"upload:{upload.id}",
        tamanho_bytes=request.tamanho_bytes,
    )
    with store_must_answer():
        signed: SignedRequest = object_store().signed_upload(
            upload.objeto,
            size_bytes=upload.tamanho_bytes,
            content_type=upload.content_type,
            expires_in=UPLOAD_LIFETIME,
        )
    return UploadOut(
        objeto=upload.objeto,
        metodo=signed.method,
        url=signed.url,
        cabecalhos=signed.headers,
        expira_em=signed.expires_at,
    )


def receive_file(principal: Principal, raw: RawBody, now: datetime) -> str:
    """Take a file of rows that came with the request, or the key of one uploaded before.

    Returns:
        The object's key.

    Raises:
        As `receive`.
    """
    return receive(principal, raw, now, accepted=(CSV, NDJSON)).key


def receive(
    principal: Principal, raw: RawBody, now: datetime, *, accepted: Collection[str]
) -> ObjectInfo:
    """Take a file that came with the request, or the key of one uploaded before.

    Outside of the transaction that will use it. The row that names the object is committed
    before the object is stored: should nothing come of it, the daily clean-up finds it.

    Args:
        principal: Who sends it.
        raw: The body: the file, or `{"objeto": key}`.
        now: When.
        accepted: Media types that an upload may have been declared as.

    Returns:
        The object.

    Raises:
        ObjectMissing: No upload of the caller's tenant has this key, or nothing has arrived.
        FileTypeUnsupported: The upload was declared as something else.
        EmptyFile: The body is empty.
        ValidationFailed: The body is JSON, but not `{"objeto": key}`.
        ServiceUnavailable: The store does not answer.
    """
    if raw.media_type == JSON:
        errors: list[FieldError] = []
        named = parse_json(ObjectIn, raw.data, errors)
        if named is None:
            raise ValidationFailed(errors=errors)
        with unit_of_work(tenant=principal.tenant, autocommit=True) as session:
            if upload_media_type(session, named.objeto) not in accepted:
                raise FileTypeUnsupported
        return require_stored(named.objeto)
    if not raw.data:
        raise EmptyFile
    return ObjectInfo(keep_body(principal, raw, now), len(raw.data), now)


def keep_body(principal: Principal, raw: RawBody, now: datetime) -> str:
    """Store a body that came with the request, as if it had been uploaded; gives its key.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    upload = _new_upload(principal, len(raw.data), raw.media_type, now)
    with unit_of_work(tenant=principal.tenant) as session:
        session.add(upload)
    with store_must_answer():
        object_store().put(upload.objeto, raw.data, content_type=raw.media_type)
    return upload.objeto


def upload_media_type(session: Session, objeto: str) -> str:
    """The content type that was declared for an upload.

    Raises:
        ObjectMissing: No upload of the session's tenant has this key.
    """
    found = session.scalar(select(Upload.content_type).where(Upload.objeto == objeto))
    if found is None:
        raise ObjectMissing
    return found


def require_stored(objeto: str) -> ObjectInfo:
    """Size and age of an object that must be there; outside of any transaction.

    Raises:
        ObjectMissing: It is not.
        ServiceUnavailable: The store does not answer.
    """
    with store_must_answer():
        info = object_store().stat(objeto)
    if info is None:
        raise ObjectMissing
    return info


@contextmanager
def store_must_answer() -> Iterator[None]:
    """Refuse with a 503 when the store does not answer."""
    try:
        yield
    except StorageUnavailable as error:
        raise ServiceUnavailable from error


def _new_upload(principal: Principal, size: int, content_type: str, now: datetime) -> Upload:
    identifier = uuid4()
    return Upload(
        id=identifier,
        tenant=principal.tenant,
        owner=principal.subject,
        objeto=f"{principal.tenant}/uploads/{identifier}",
        tamanho_bytes=size,
        content_type=content_type,
        criado_em=now,
        expira_em=now + UPLOAD_LIFETIME,
    )
