"""The package as Lambda would run it, beside an S3 and an SQS that other processes reach."""

import logging
import zipfile
from collections.abc import Iterator

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from chalicelib.core.auth import Role
from infra.aws.package import BUILD, Package, package
from infra.aws.pythons import NoLambdaPython, Python, lambda_python, make_environment, pinned
from infra.local.lambda_service import REGION
from tests.client import Client
from tests.conftest import MakeUser, forget_process_state, require_service
from tests.gym.conftest import make_aluno, plano_id  # noqa: F401 - fixtures of the tests here
from tests.infra.aws.deployed import BUCKET, CREDENTIALS, QUEUE_URL, DeployedClient, Deployment


@pytest.fixture(scope="session")
def python() -> Python:
    """An interpreter of a version that Lambda has."""
    try:
        return lambda_python()
    except NoLambdaPython as missing:
        require_service("Python 3.13 or 3.12", False, str(missing))
        raise


@pytest.fixture(scope="session")
def built(python: Python) -> Package:
    """The package, as `make package` builds it and keeps it until its sources change."""
    return package()


@pytest.fixture(scope="session")
def deployment(built: Package, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The package where Lambda would unpack it."""
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(built.archive) as archive:
        archive.extractall(folder)
    runtime = make_environment(BUILD / "runtime", built.python, pinned("awslambdaric"))
    return Deployment(built, folder, runtime)


@pytest.fixture(scope="session")
def aws_server() -> Iterator[str]:
    """S3 and SQS on a socket; gives their address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(aws_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """S3 with one empty bucket and SQS without queues, and credentials for both."""
    requests.post(f"{aws_server}/moto-api/reset", timeout=10).raise_for_status()
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3", endpoint_url=aws_server, region_name=REGION)
    s3.create_bucket(Bucket=BUCKET)
    return aws_server


@pytest.fixture
def deployed_environment(
    environment: dict[str, str], aws: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The variables of a deployed function; this process uses the same database and objects."""
    values = {
        **environment,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": aws,
        "STORAGE_URL": f"s3://{BUCKET}/previsto?endpoint={aws}&region={REGION}",
        "QUEUE_URL": QUEUE_URL,
    }
    for name in ("STORAGE_URL", "QUEUE_URL"):
        monkeypatch.setenv(name, values[name])
    forget_process_state()
    yield values
    forget_process_state()


@pytest.fixture
def caller(client_of: MakeUser, deployed_environment: dict[str, str]) -> DeployedClient:
    """A signed-in operador, for an instance of the API."""
    user: Client = client_of(Role.OPERADOR)
    return DeployedClient(user.token, user.usuario_id, user.login)
