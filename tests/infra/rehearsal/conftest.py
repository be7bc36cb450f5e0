"""Images built in empty roots, and what their programs reach from there: servers by TCP only."""

import os
import secrets
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from chalicelib.core.brokers import BrokerAddress
from chalicelib.core.doorbells.rabbitmq import connected
from functions import EVENT_SOURCES
from infra.aws.pythons import NoLambdaPython, lambda_python
from infra.docker.rehearse import Image, build
from infra.init_db import autocommit
from tests.contract.transports import RABBITMQ_URL
from tests.infra.aws.conftest import aws, aws_server  # noqa: F401 - fixtures of the tests here
from tests.infra.rehearsal.containers import Program
from tests.infra.test_migrations import REAL_SERVER, _require

NAMES = ("api", "worker", "handler")
PREPARE = "python -m infra.create_login && python -m infra.init_db && python -m infra.create_admin"


@pytest.fixture(scope="session")
def programs() -> dict[str, Program]:
    """The images by name, made for these tests; `REHEARSE=built` takes those that are there."""
    asked = os.environ.get("REHEARSE")
    if not asked or os.geteuid() != 0:
        pytest.skip("three images take minutes, and root to run: sudo make rehearse")
    try:
        python = lambda_python().path
    except NoLambdaPython as missing:
        pytest.skip(str(missing))
    images: dict[str, Image] = build(NAMES, python, anew=asked != "built")
    return {name: Program(image, python) for name, image in images.items()}


@pytest.fixture
def database_url(programs: dict[str, Program]) -> Iterator[str]:
    """A database on a real server, made as the compose file's `prepare` makes it: by the image."""
    _require(REAL_SERVER)
    name = f"previsto_ensaio_{uuid4().hex[:8]}"
    server = REAL_SERVER.set(database=name)
    login = server.set(username=name, password=secrets.token_hex(8))
    admin_url, url = (each.render_as_string(hide_password=False) for each in (server, login))
    settings = {"DATABASE_URL": url, "JWT_SECRET": "j" * 40, "SIGNING_KEY": "s" * 40}
    try:
        ended = programs["worker"].call(
            *("sh", "-c", PREPARE),
            **settings,
            DATABASE_ADMIN_URL=admin_url,
            ADMIN_PASSWORD=secrets.token_urlsafe(16),
        )
        assert ended.returncode == 0, ended.stderr
        yield url
    finally:
        with autocommit(REAL_SERVER).connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"DROP ROLE IF EXISTS {name}"))


@pytest.fixture
def rabbitmq_url() -> Iterator[str]:
    """RabbitMQ, with queues that nobody else has."""
    address = BrokerAddress.of(f"{RABBITMQ_URL}?prefix=ensaio-{uuid4().hex[:8]}-")
    yield f"{RABBITMQ_URL}?prefix={address.prefix}"
    with connected(address) as (_, channel):
        for queue in map(address.name_of, EVENT_SOURCES):
            channel.queue_delete(queue)
            channel.queue_delete(f"{queue}.dead")
