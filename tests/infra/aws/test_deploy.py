"""The steps of a deployment, on an emulated account, and their order."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.aws import deploy
from infra.aws.deploy import (
    IMAGES,
    DeploymentFailed,
    Target,
    migrate,
    outputs,
    push_images,
    target_of,
    upload,
)
from infra.aws.package import Package
from infra.aws.pythons import Python
from infra.aws.stages import STAGES, UnknownStage
from tests.aws import CREDENTIALS

pytestmark = pytest.mark.slow

REGION = "sa-east-1"
TARGET = Target(STAGES["dev"], "0123abc", {"AlarmEmail": "alguem@example.com"})


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


@pytest.fixture
def built(tmp_path: Path) -> Package:
    """A package of one function."""
    (tmp_path / "deployment.zip").write_bytes(b"code")
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./deployment.zip"}}
    (tmp_path / "sam.json").write_text(json.dumps({"Resources": {"One": function}}))
    python = Python(Path("/usr/bin/python3"), "3.13.0")
    return Package(tmp_path / "deployment.zip", tmp_path / "sam.json", python)


def test_zip_and_template_are_stored_where_nobody_else_reads(account: None, built: Package) -> None:
    address = upload(TARGET, built)
    assert upload(TARGET, built) == address
    s3 = boto3.client("s3")
    (bucket,) = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    stored = json.loads(s3.get_object(Bucket=bucket, Key=address.rpartition("/")[2])["Body"].read())
    code = stored["Resources"]["One"]["Properties"]["CodeUri"]
    assert code.startswith(f"s3://{bucket}/")
    assert s3.get_object(Bucket=bucket, Key=code.rpartition("/")[2])["Body"].read() == b"code"
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}


def test_images_are_pushed_by_release_to_a_registry_of_their_own(
    account: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker, told = tmp_path / "docker", tmp_path / "told"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {told}\n[ "$1" != login ] || cat > /dev/null\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    images = push_images(TARGET)
    login, *pushed = told.read_text().splitlines()
    registry = images["WorkerImage"].partition("/")[0]
    assert login == f"login --username AWS --password-stdin {registry}"
    assert images.keys() == IMAGES.keys()
    assert pushed == [
        line
        for name, kind in IMAGES.items()
        for line in (f"tag previsto-{kind} {images[name]}", f"push {images[name]}")
    ]
    assert images["HandlerImage"].endswith("/previsto-dev:handler-0123abc")
    assert push_images(TARGET) == images  # The registry is there by now.
    docker.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(DeploymentFailed, match="docker login"):
        push_images(TARGET)


def test_an_account_without_a_stack_has_no_outputs(account: None) -> None:
    assert outputs(TARGET) is None


class FakeTasks:
    """ECS, as far as migrations use it: moto's tasks never end."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.asked = 0
        self.ran: dict[str, Any] = {}
        self.registered: dict[str, Any] = {}

    def describe_task_definition(self, **_: Any) -> dict[str, Any]:
        container = {"name": "migration", "image": "old", "command": ["sh"]}
        known = {"family": "m", "cpu": "256", "revision": 3, "containerDefinitions": [container]}
        return {"taskDefinition": known}

    def register_task_definition(self, **definition: Any) -> dict[str, Any]:
        self.registered = definition
        return {"taskDefinition": {"taskDefinitionArn": "arn:new"}}

    def run_task(self, **arguments: Any) -> dict[str, Any]:
        self.ran = arguments
        return {"failures": [], "tasks": [{"taskArn": "arn:task"}]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        self.asked += 1
        stopped = self.asked > 1
        container = {"exitCode": self.exit_code} if stopped else {}
        state = "STOPPED" if stopped else "RUNNING"
        return {"tasks": [{"lastStatus": state, "containers": [container]}]}


STACK = {
    "MigrationTaskDefinition": "arn:old",
    "ClusterName": "c",
    "WorkerSubnets": "s1,s2",
    "WorkerSecurityGroup": "g",
    "EndpointURL": "https://x.example/api/",
    "AssetsBucketName": "assets",
}


def test_migrations_run_by_the_new_image_and_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = FakeTasks(exit_code=0)
    monkeypatch.setattr(boto3, "client", lambda _: tasks)
    migrate(STACK, "new", 0)
    assert tasks.registered["containerDefinitions"][0]["image"] == "new"
    assert "revision" not in tasks.registered
    assert tasks.ran["taskDefinition"] == "arn:new"
    assert tasks.asked == 2


def test_migrations_that_fail_stop_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "client", lambda _: FakeTasks(exit_code=1))
    with pytest.raises(DeploymentFailed):
        migrate(STACK, "new", 0)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (True, ["images", "upload", "migrate", "stack https://x.example/api", "assets"]),
        (
            False,
            [
                *("images", "upload", "stack https://primeira.invalid", "migrate"),
                *("stack https://x.example/api", "assets"),
            ],
        ),
    ],
)
def test_the_schema_is_there_before_the_version_that_needs_it(
    there: bool, expected: list[str], built: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    found = [STACK if there else None, STACK]
    images = dict.fromkeys(deploy.IMAGES, "new")

    def note(word: str, answer: Any = None) -> Any:
        def step(*_: Any, **__: Any) -> Any:
            done.append(word)
            return answer

        return step

    monkeypatch.setattr(deploy, "push_images", note("images", images))
    monkeypatch.setattr(deploy, "upload", note("upload", "https://t"))
    monkeypatch.setattr(deploy, "migrate", note("migrate"))
    monkeypatch.setattr(deploy, "upload_assets", note("assets"))
    monkeypatch.setattr(deploy, "outputs", lambda _: found.pop(0))
    monkeypatch.setattr(
        deploy, "change_stack", lambda _t, _u, values: done.append(f"stack {values['PublicUrl']}")
    )
    assert deploy.deploy(TARGET, built) == "https://x.example/api"
    assert done == expected


def test_what_is_missing_is_said() -> None:
    with pytest.raises(UnknownStage):
        target_of(["producao"], {})
    with pytest.raises(DeploymentFailed):
        target_of(["dev"], {"RELEASE": "1"})
    target = target_of(["prod"], {"RELEASE": "1", "ALARM_EMAIL": "a@b.c", "CORS_ORIGINS": ""})
    assert (target.stack, target.values) == ("previsto-prod", {"AlarmEmail": "a@b.c"})
