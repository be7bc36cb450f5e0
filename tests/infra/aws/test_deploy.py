"""The steps of a deployment, on an emulated account, and their order."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.aws import deploy
from infra.aws.account import (
    GATEWAY_LOGS_ROLE,
    AccountNotReady,
    let_api_gateway_log,
    let_ecs_work,
    require_instances,
)
from infra.aws.deploy import IMAGES, migrate, outputs, push_images, upload
from infra.aws.package import Package
from infra.aws.pythons import ROOT, Python
from infra.aws.stages import STAGES, UnknownStage
from infra.aws.target import DeploymentFailed, Target, target_of
from tests.aws import CREDENTIALS
from tests.infra.aws.template import REGION

pytestmark = pytest.mark.slow

TARGET = Target(STAGES["dev"], "0123abc", {"AlarmEmail": "alguem@example.com"})


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
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


def manifest_of(tag: str) -> str:
    kind = "application/vnd.oci.image.manifest.v1+json"
    return json.dumps({"mediaType": kind, "config": {"digest": tag}, "layers": []})


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
    pushed_before = told.read_text()
    for tag in ("worker-0123abc", "handler-0123abc"):
        boto3.client("ecr").put_image(
            repositoryName="previsto-dev", imageManifest=manifest_of(tag), imageTag=tag
        )
    # A release that is there stays: made anew it has another digest, which the registry refuses.
    assert push_images(TARGET) == images
    assert told.read_text().removeprefix(pushed_before).count("\n") == 1
    docker.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(DeploymentFailed, match="docker login"):
        push_images(TARGET)


def test_an_account_without_a_stack_has_no_outputs(account: None) -> None:
    assert outputs(TARGET) is None


@pytest.mark.parametrize("state", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_a_first_creation_that_failed_can_be_done_again(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = FakeStacks(StackStatus=state)
    monkeypatch.setattr(boto3, "client", lambda _: client)
    if state == "REVIEW_IN_PROGRESS":  # Planned only: the next plan makes it.
        assert outputs(TARGET) is None
        return
    with pytest.raises(DeploymentFailed, match="delete-stack --stack-name previsto-dev"):
        outputs(TARGET)


class FakeStacks:
    """CloudFormation as it tells of one stack: moto's never fail."""

    def __init__(self, **stack: Any) -> None:
        self.stack = stack

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        return {"Stacks": [self.stack]}


def test_a_version_is_deployed_again_without_a_change(account: None, built: Package) -> None:
    s3 = boto3.client("s3")
    place = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket="packages", CreateBucketConfiguration=place)
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    s3.put_object(Bucket="packages", Key="t.json", Body=template.encode())
    for _ in range(2):
        deploy.change_stack(TARGET, f"https://packages.s3.{REGION}.amazonaws.com/t.json", {})
    assert outputs(TARGET) == {}


def test_pages_find_all_that_they_load(account: None) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="assets", CreateBucketConfiguration={"LocationConstraint": REGION})
    deploy.upload_assets("assets")
    stored = {each["Key"] for each in s3.list_objects_v2(Bucket="assets")["Contents"]}
    pages = [*(ROOT / "chalicelib").glob("*/templates/**/*.html"), ROOT / "chalicelib/core/docs.py"]
    loaded = {
        name for page in pages for name in re.findall(r"{+ ?assets ?}+/([^\"?]+)", page.read_text())
    }
    assert len(loaded) >= 3
    assert loaded <= stored
    script = s3.head_object(Bucket="assets", Key="plotly/plotly.min.js")
    assert script["ContentType"] == "text/javascript; charset=utf-8"


def test_an_account_gets_once_what_all_of_its_stages_need(account: None) -> None:
    for _ in range(2):
        let_api_gateway_log(pause_seconds=0)
        let_ecs_work()
    roles = {each["RoleName"]: each["Arn"] for each in boto3.client("iam").list_roles()["Roles"]}
    assert len(roles) == 2
    given = boto3.client("apigateway").get_account()["cloudwatchRoleArn"]
    assert given == roles[GATEWAY_LOGS_ROLE]


class FakeLimits:
    """Lambda's quota, which moto does not know."""

    def __init__(self, free: int) -> None:
        self.free = free

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.free}}


def test_an_account_that_lambda_keeps_small_is_told_what_to_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boto3, "client", lambda _: FakeLimits(10))
    with pytest.raises(AccountNotReady, match="request-service-quota-increase"):
        require_instances(TARGET.stage)
    monkeypatch.setattr(boto3, "client", lambda _: FakeLimits(1000))
    require_instances(TARGET.stage)


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
                *("account", "images", "upload", "stack https://primeira.invalid", "migrate"),
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

    monkeypatch.setattr(deploy, "prepare_account", note("account"))
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
