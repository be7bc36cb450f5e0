"""Uploads: leave to store exactly one object, and who may use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, text

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.upload_removal import remove_old_uploads
from chalicelib.core.uploads import object_store
from tests.client import Client, assert_problem
from tests.conftest import MakeUser

CSV = b"nome,email\nAna,ana@example.com\n"


def _ask(client: Client, size: int = len(CSV), content_type: str = "text/csv") -> str:
    answer = client.post("/uploads", {"tamanho_bytes": size, "content_type": content_type})
    assert answer.status == 201, answer.body
    return str(answer.json["objeto"])


def test_upload_is_signed_for_its_size_and_type_for_an_hour(operador: Client) -> None:
    body = {"tamanho_bytes": 52_428_800, "content_type": "text/csv"}
    upload = operador.post("/uploads", body).json
    signed = {name: values[0] for name, values in parse_qs(urlsplit(upload["url"]).query).items()}
    assert upload["metodo"] == "PUT"
    assert (signed["size"], signed["type"]) == ("52428800", "text/csv")
    assert abs(int(signed["expires"]) - (utc_now() + timedelta(hours=1)).timestamp()) < 60


def test_key_begins_with_the_tenant(client_of: MakeUser) -> None:
    assert _ask(client_of(Role.EMPRESA, tenant="padaria")).startswith("padaria/uploads/")
    assert _ask(client_of(Role.OPERADOR)).startswith(f"{HOUSE}/uploads/")


def test_size_is_bounded(operador: Client) -> None:
    for size in (0, -1, "many"):
        answer = operador.post("/uploads", {"tamanho_bytes": size})
        assert_problem(answer, 422, "ValidationFailed")
    for size in (512 * 1024 * 1024 + 1, 10**30):
        answer = operador.post("/uploads", {"tamanho_bytes": size})
        assert_problem(answer, 422, "UploadTooLarge")
    _ask(operador, 512 * 1024 * 1024)


@pytest.mark.parametrize("content_type", ["csv", "text/", "text/c sv", "ção/csv", "text/csv\n", ""])
def test_content_type_that_is_none_is_refused(operador: Client, content_type: str) -> None:
    answer = operador.post("/uploads", {"tamanho_bytes": 1, "content_type": content_type})
    assert_problem(answer, 422, "ValidationFailed")


def test_object_is_used_once_it_has_arrived(operador: Client) -> None:
    objeto = _ask(operador)
    missing = operador.post("/aluno/registro/lote", {"objeto": objeto})
    assert_problem(missing, 422, "ObjectMissing")
    object_store().put(objeto, CSV)
    assert operador.post("/aluno/registro/lote", {"objeto": objeto}).status == 202


def test_object_of_another_tenant_is_not_there(client_of: MakeUser) -> None:
    objeto = _ask(client_of(Role.OPERADOR, tenant="padaria"))
    object_store().put(objeto, CSV)
    answer = client_of(Role.OPERADOR).post("/aluno/registro/lote", {"objeto": objeto})
    assert_problem(answer, 422, "ObjectMissing")


def test_key_that_nobody_was_given_is_not_there(operador: Client) -> None:
    object_store().put(f"{HOUSE}/models/secret.onnx", CSV)
    for objeto in (f"{HOUSE}/models/secret.onnx", "../../etc/passwd", "", "ção"):
        answer = operador.post("/aluno/registro/lote", {"objeto": objeto})
        assert_problem(answer, 422, "ObjectMissing")
    too_long = operador.post("/aluno/registro/lote", {"objeto": "a" * 301})
    assert_problem(too_long, 422, "ValidationFailed")


def test_file_in_the_body_is_stored_before_the_row_that_names_it(operador: Client) -> None:
    job = operador.post("/aluno/registro/lote", CSV, content_type="text/csv")
    assert job.status == 202
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        (objeto,) = session.execute(text("SELECT objeto FROM uploads")).scalars()
    assert object_store().read(objeto) == CSV
    empty = operador.post("/aluno/registro/lote", b"", content_type="text/csv")
    assert_problem(empty, 422, "EmptyFile")


def test_store_away_is_503_and_asks_for_no_work(
    operador: Client, environment: dict[str, str]
) -> None:
    Path(environment["DATA_DIR"]).write_text("a file where a folder should be")
    answer = operador.post("/aluno/registro/lote", CSV, content_type="text/csv")
    assert_problem(answer, 503, "ServiceUnavailable")
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        assert session.scalar(text("SELECT count(*) FROM jobs")) == 0


@contextmanager
def jobs_refused(owner: Engine) -> Iterator[None]:
    """The table of jobs takes no more rows."""
    with owner.connect() as connection:
        connection.execute(text("ALTER TABLE jobs ADD CONSTRAINT none CHECK (false) NOT VALID"))
        try:
            yield
        finally:
            connection.execute(text("ALTER TABLE jobs DROP CONSTRAINT none"))


def test_a_file_whose_job_could_not_be_made_is_deleted_in_time(
    operador: Client, used_database: tuple[str, Engine]
) -> None:
    with jobs_refused(used_database[1]):
        answer = operador.post("/aluno/registro/lote", CSV, content_type="text/csv")
    assert answer.status == 500
    (objeto,) = _uploads()
    assert object_store().stat(objeto) is not None
    _age(objeto, days=8)
    assert remove_old_uploads(utc_now()) == 1
    assert object_store().stat(objeto) is None


def _age(objeto: str, days: int) -> None:
    with unit_of_work(tenant=HOUSE) as session:
        session.execute(
            text(
                "UPDATE uploads SET criado_em = now() - make_interval(days => :d) WHERE objeto = :o"
            ),
            {"d": days, "o": objeto},
        )


def _uploads() -> list[str]:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return list(
            session.execute(text("SELECT objeto FROM uploads ORDER BY criado_em")).scalars()
        )


def test_files_are_deleted_after_a_week_unless_a_job_waits_for_them(operador: Client) -> None:
    kept, old, needed = (_ask(operador) for _ in range(3))
    for objeto in (kept, old, needed):
        object_store().put(objeto, CSV, content_type="text/csv")
    assert operador.post("/aluno/registro/lote", {"objeto": needed}).status == 202
    _age(kept, days=6)
    _age(old, days=8)
    _age(needed, days=9)
    assert remove_old_uploads(utc_now()) == 1
    assert _uploads() == [needed, kept]
    assert [object_store().stat(objeto) is None for objeto in (kept, old, needed)] == [
        False,
        True,
        False,
    ]
    assert remove_old_uploads(utc_now()) == 0


def test_a_file_that_never_arrived_is_forgotten_too(operador: Client) -> None:
    _age(_ask(operador), days=8)
    assert remove_old_uploads(utc_now()) == 1
    assert _uploads() == []
