"""The package as Lambda would run it, beside an S3 and an SQS that other processes reach."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from chalicelib.core.auth import Role
from infra.aws.package import BUILD, Package, alone
from infra.aws.pythons import (
    ROOT,
    NoLambdaPython,
    Python,
    lambda_python,
    make_environment,
    pinned,
)
from tests.aws import CREDENTIALS, aws_emulator
from tests.client import Client
from tests.conftest import MakeUser, forget_process_state, require_service
from tests.gym.conftest import make_aluno, plano_id  # noqa: F401 - fixtures of the tests here
from tests.infra.aws.deployed import (
    DeployedClient,
    Deployment,
    deploy,
    queue_url,
    storage_url,
)
from tests.infra.aws.template import REGION


@pytest.fixture(scope="session")
def python() -> Python:
    """An interpreter of a version that Lambda has."""
    try:
        return lambda_python()
    except NoLambdaPython as missing:
        require_service("Python 3.13 or 3.12", False, str(missing))
        raise


@pytest.fixture(scope="session")
def deployment(python: Python) -> Deployment:
    """The package, as `make package` builds it and keeps it until its sources change, unpacked."""
    return deploy()


@pytest.fixture(scope="session")
def built(deployment: Deployment) -> Package:
    """The package itself."""
    return deployment.package


@pytest.fixture(scope="session")
def aws_server() -> Iterator[str]:
    """Where S3 and SQS are."""
    with aws_emulator() as endpoint:
        yield endpoint


@pytest.fixture
def aws(aws_server: str) -> str:
    """S3 and SQS, both empty."""
    requests.post(f"{aws_server}/moto-api/reset", timeout=10).raise_for_status()
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
        "STORAGE_URL": storage_url(aws),
        "QUEUE_URL": queue_url(aws),
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


@pytest.fixture(scope="session")
def merged(built: Package) -> dict[str, Any]:
    """The template as `make package` writes it."""
    found: dict[str, Any] = json.loads(built.template.read_text())
    return found


@pytest.fixture(scope="session")
def plain(built: Package) -> dict[str, Any]:
    """The same as CloudFormation sees it, once the transform of SAM has run."""
    with alone():
        program = make_environment(BUILD / "sam", built.python, pinned("aws-sam-translator"))
    finished = subprocess.run(
        [program, ROOT / "infra" / "aws" / "translate.py", built.template],
        env={"AWS_DEFAULT_REGION": REGION},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)
    return found
