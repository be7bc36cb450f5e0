"""What the images start, in empty roots that cannot be written, as their user.

    sudo make rehearse

As far as it goes without a container engine: `infra/docker/rehearse.py` says how far.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from functions import EVENT_SOURCES
from infra.docker.rehearse import WRITABLE
from infra.local.bookshop import Shop, make_stock, serve_shop
from infra.local.lambda_service import Function, LambdaInstance
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from tests.aws import CREDENTIALS
from tests.client import Client
from tests.conftest import MakeUser, forget_process_state
from tests.gym.conftest import count
from tests.infra.aws.deployed import EventSourceMapping, queue_url, storage_url
from tests.infra.rehearsal.conftest import NAMES
from tests.infra.rehearsal.containers import Container, Program
from tests.infra.working import has_ended, job, until

UID = 10001
WHAT_IT_MAY = """
import importlib.util, json, os, pathlib, shutil
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines()
              if line.count(":\\t") == 1)
def writes(folder):
    try:
        (pathlib.Path(folder) / "x").write_text("x")
    except OSError:
        return False
    return True
roots = "/ /app /app/chalicelib /opt/previsto /usr /etc /tmp /data /metrics".split()
print(json.dumps({
    "uid": os.getuid(),
    "groups": os.getgroups(),
    "capabilities": [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")],
    "no_new_privileges": status["NoNewPrivs"],
    "writable": [root for root in roots if writes(root)],
    "installers": [name for name in ("pip", "setuptools", "wheel")
                   if importlib.util.find_spec(name) is not None],
    "compiled": all(
        importlib.util.cache_from_source(str(file)) and
        os.path.exists(importlib.util.cache_from_source(str(file)))
        for file in pathlib.Path("/app/chalicelib/core").glob("*.py")),
    "documents": [str(p) for p in pathlib.Path("/app").rglob("*.md")],
}))
"""


@pytest.mark.parametrize("name", NAMES)
def test_who_runs_in_a_container_can_change_nothing_in_it(
    name: str, programs: dict[str, Program]
) -> None:
    found = programs[name].answer(WHAT_IT_MAY)
    assert (found["uid"], found["groups"]) == (UID, [])
    assert found["capabilities"] == [0, 0, 0]
    assert found["no_new_privileges"] == "1"
    assert found["writable"] == [f"/{folder}" for folder in WRITABLE]
    assert found["installers"] == []
    assert found["compiled"]
    assert found["documents"] == []


@pytest.fixture
def shop() -> Iterator[str]:
    """Where made-up books are sold."""
    with serve_shop(Shop(make_stock(60, shelves=4))) as server:
        yield server.url


@pytest.fixture
def settings(
    environment: dict[str, str],
    aws: str,
    rabbitmq_url: str,
    shop: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, str]]:
    """Of a container and of this process: one database, one bucket, one RabbitMQ, one shop."""
    values = {**environment, **CREDENTIALS, "STORAGE_URL": storage_url(aws), "DATA_DIR": "/data"}
    values |= {"QUEUE_URL": rabbitmq_url, "LOG_LEVEL": "INFO", "PORT": "8971"}
    values["BOOKS_BASE_URL"] = shop
    for name in ("STORAGE_URL", "QUEUE_URL", "BOOKS_BASE_URL"):
        monkeypatch.setenv(name, values[name])
    forget_process_state()
    yield values
    forget_process_state()


def _succeeded(client: Client, path: str, body: object = None, **sent: str) -> UUID:
    """Ask for a job and wait for who works; gives its id."""
    accepted = client.post(path, body, **sent)
    assert accepted.status == 202, accepted.body
    job_id = UUID(accepted.json["id"])
    until(lambda: has_ended(job_id), 240)
    done = job(job_id)
    assert done.state == "succeeded", done.error
    return job_id


# Hosts that run one image for all, as Fly does, have the worker's serve as well.
@pytest.mark.parametrize("name", ["api", "worker"])
def test_an_image_that_serves_says_that_it_is_ready(
    name: str, programs: dict[str, Program], settings: dict[str, str], tmp_path: Path
) -> None:
    api = programs["api"].image
    served = replace(programs[name].image, command=api.command, health=api.health)
    program = replace(programs[name], image=served)
    with Container(program, tmp_path / "api.log", **settings, HOST="127.0.0.1") as serving:
        until(lambda: serving.is_healthy)
        assert serving.stop() == 0, serving.output


def test_the_worker_does_what_rabbitmq_rings_for(
    programs: dict[str, Program],
    settings: dict[str, str],
    client_of: MakeUser,
    tmp_path: Path,
) -> None:
    admin = client_of(Role.ADMIN)
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=300, meses=9, until=utc_now()))
    with Container(programs["worker"], tmp_path / "worker.log", **settings) as worker:
        until(lambda: worker.is_healthy)
        _succeeded(admin, "/admin/atualizar-modelo")  # scikit-learn, ONNX, the bucket.
        _succeeded(admin, "/api/v1/scraping/trigger", {})  # Scrapy, in a process of its own.
        assert count("books") == 60
        assert worker.stop() == 0, worker.output
    scores = (admin.get(f"/aluno/{n}/risco-churn").json for n in range(1, 301))
    assert any(score["tipo"] == "modelo" for score in scores)


def test_a_worker_that_cannot_start_its_processes_is_not_well(
    programs: dict[str, Program], tmp_path: Path
) -> None:
    refused = {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "QUEUE_URL": "nonsense://"}
    with Container(programs["worker"], tmp_path / "worker.log", **refused) as worker:
        until(lambda: "Traceback" in worker.output or "died" in worker.output)
        assert not worker.is_healthy


def test_the_handler_image_gives_back_the_message_that_it_cannot_read(
    programs: dict[str, Program],
    settings: dict[str, str],
    aws: str,
    client_of: MakeUser,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("QUEUE_URL", queue_url(aws))
    forget_process_state()
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, simulate(alunos=60, meses=3, until=utc_now()))
    day = str(utc_now().date() - timedelta(days=7))
    accepted = client_of(Role.ADMIN).post("/admin/relatorios", {"data": day})
    mapping = EventSourceMapping(aws, "daily_report_queue")
    mapping.send('{"job": "00000000-0000-0000-0000-000000000007"}')
    handler = programs["handler"]
    assert handler.image.entrypoint == ["python", "-m", "awslambdaric"]
    assert handler.image.command == [EVENT_SOURCES["daily_report_queue"].handler]
    python = handler.as_interpreter(tmp_path / "python")
    told = {**settings, "QUEUE_URL": queue_url(aws), **handler.image.environment}
    function = Function(
        python, tmp_path, handler.image.command[0], {**told, "LD_LIBRARY_PATH": "/usr/local/lib"}
    )
    with LambdaInstance(function, tmp_path / "handler.log") as instance:
        assert mapping.deliver(instance) == 1
    assert mapping.left() == 1
    assert job(UUID(accepted.json["id"])).state == "succeeded"
