"""Bring a version into an AWS account: images, migrations, stack, page assets. In that order.

    RELEASE=... ALARM_EMAIL=... python -m infra.aws.deploy dev|staging|prod

The migrations of a new version run while the old one still answers, so each must suit both
(`infra/DEPLOY.md`). Credentials and region come from boto3's usual chain; images are those that
`make images` has made.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import boto3
from botocore.exceptions import ClientError

from infra.aws.account import AccountNotReady, prepare_account
from infra.aws.package import Package, package
from infra.aws.stages import UnknownStage
from infra.aws.target import DeploymentFailed, Target, target_of
from infra.local.gateway.assets import content_type, served_files
from infra.local.gateway.wiring import asset_directories

IMAGES = {"WorkerImage": "worker", "HandlerImage": "handler"}
FIRST_URL = "https://primeira.invalid"  # Until the stack has said where the API is.
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# A stack of which nothing has been made yet, and those that can only be deleted.
PLANNED = "REVIEW_IN_PROGRESS"
NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
PAUSE_SECONDS = 10
KEPT_OF_TASK = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "requiresCompatibilities",
    "cpu",
    "memory",
)


def deploy(target: Target, built: Package, *, pause_seconds: float = PAUSE_SECONDS) -> str:
    """Do it all; gives the address of the API.

    Raises:
        DeploymentFailed: A step did not succeed. What was there before goes on.
        AccountNotReady: The account cannot take a first installation yet.
    """
    before = outputs(target)
    if before is None:
        prepare_account(target.stage)
    images = push_images(target)
    template = upload(target, built)
    if before is not None:
        migrate(before, images["WorkerImage"], pause_seconds)
    url = target.values.get("PublicUrl") or (before or {}).get("EndpointURL") or FIRST_URL
    values = {**target.values, **images, "Release": target.release, "PublicUrl": url.rstrip("/")}
    change_stack(target, template, values)
    after = outputs(target) or {}
    if before is None:
        migrate(after, images["WorkerImage"], pause_seconds)
    if url == FIRST_URL:
        values["PublicUrl"] = after["EndpointURL"].rstrip("/")
        change_stack(target, template, values)
    upload_assets(after["AssetsBucketName"])
    return values["PublicUrl"]


def push_images(target: Target) -> dict[str, str]:
    """Push what `make images` has made; gives the template's parameters."""
    registry = boto3.client("ecr")
    try:
        repository = registry.create_repository(
            repositoryName=target.stack,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
        )["repository"]
    except registry.exceptions.RepositoryAlreadyExistsException:
        (repository,) = registry.describe_repositories(repositoryNames=[target.stack])[
            "repositories"
        ]
    address = str(repository["repositoryUri"])
    found = {name: f"{address}:{kind}-{target.release}" for name, kind in IMAGES.items()}
    _sign_in(registry, address)
    for name, kind in IMAGES.items():
        if _is_pushed(registry, target.stack, f"{kind}-{target.release}"):
            continue
        for words in (["tag", f"previsto-{kind}", found[name]], ["push", found[name]]):
            _docker(words)
    return found


def _is_pushed(registry: Any, repository: str, tag: str) -> bool:
    """Whether a release has its image: it stays, and another build of it would be refused."""
    wanted = [{"imageTag": tag}]
    return bool(registry.batch_get_image(repositoryName=repository, imageIds=wanted)["images"])


def _sign_in(registry: Any, address: str) -> None:
    """Let docker push: by a token of the registry's, good for half a day, which it reads."""
    (given,) = registry.get_authorization_token()["authorizationData"]
    user, _, token = base64.b64decode(given["authorizationToken"]).decode().partition(":")
    _docker(["login", "--username", user, "--password-stdin", address.partition("/")[0]], token)


def _docker(words: list[str], told: str | None = None) -> None:
    try:
        ended = subprocess.run(["docker", *words], input=told, text=True, check=False)  # noqa: S607
    except OSError as error:
        raise DeploymentFailed(f"docker: {error.strerror}") from error
    if ended.returncode:
        raise DeploymentFailed(f"docker {' '.join(words)}")


def upload(target: Target, built: Package) -> str:
    """Store zip and template under their digests; gives the template's address."""
    s3, region = boto3.client("s3"), boto3.session.Session().region_name
    account = boto3.client("sts").get_caller_identity()["Account"]
    bucket = f"{target.stack}-packages-{account}-{region}"
    _ensure_bucket(s3, bucket, region)
    code = built.archive.read_bytes()
    key = f"{hashlib.sha256(code).hexdigest()}.zip"
    s3.put_object(Bucket=bucket, Key=key, Body=code)
    template = json.loads(built.template.read_text())
    for resource in template["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/{key}"
    # A stage of an API is deployed anew only when its description changes.
    text = json.dumps(template).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    s3.put_object(Bucket=bucket, Key=name, Body=text)
    return f"https://{bucket}.s3.{region}.amazonaws.com/{name}"


def _ensure_bucket(s3: Any, bucket: str, region: str) -> None:
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else place))
    except s3.exceptions.BucketAlreadyOwnedByYou:
        return
    keys = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(keys, True)
    )


def outputs(target: Target) -> dict[str, str] | None:
    """What the stack tells of itself; None where there is none, or one that was only planned.

    Raises:
        DeploymentFailed: Its first creation has failed, and it must be deleted.
    """
    try:
        (found,) = boto3.client("cloudformation").describe_stacks(StackName=target.stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    if found["StackStatus"] in NEVER_MADE:
        raise DeploymentFailed(
            f"{target.stack} is {found['StackStatus']}: see why it could not be made (aws"
            f" cloudformation describe-stack-events --stack-name {target.stack}), then remove it"
            f" (aws cloudformation delete-stack --stack-name {target.stack}) and deploy again"
        )
    if found["StackStatus"] == PLANNED:
        return None
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}


def migrate(stack: Mapping[str, str], image: str, pause_seconds: float) -> None:
    """Run the migrations of an image once, and wait for their end.

    Raises:
        DeploymentFailed: They did not succeed; the log group of migrations says why.
    """
    tasks = boto3.client("ecs")
    known = stack["MigrationTaskDefinition"]
    definition = tasks.describe_task_definition(taskDefinition=known)["taskDefinition"]
    copied = {name: definition[name] for name in KEPT_OF_TASK if name in definition}
    copied["containerDefinitions"] = [{**copied["containerDefinitions"][0], "image": image}]
    registered = tasks.register_task_definition(**copied)["taskDefinition"]["taskDefinitionArn"]
    started = tasks.run_task(
        cluster=stack["ClusterName"],
        taskDefinition=registered,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": stack["WorkerSubnets"].split(","),
                "securityGroups": [stack["WorkerSecurityGroup"]],
            }
        },
    )
    if started["failures"]:
        raise DeploymentFailed(f"migrations: {started['failures'][0].get('reason')}")
    _wait(tasks, stack["ClusterName"], started["tasks"][0]["taskArn"], pause_seconds)


def _wait(tasks: Any, cluster: str, task: str, pause_seconds: float) -> None:
    while True:
        (found,) = tasks.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        if found["lastStatus"] == "STOPPED":
            break
        time.sleep(pause_seconds)
    codes = [container.get("exitCode") for container in found["containers"]]
    if codes != [0]:
        raise DeploymentFailed(f"migrations: {found.get('stoppedReason')} ({codes})")


def change_stack(target: Target, template: str, values: Mapping[str, str]) -> None:
    """Make or update the stack by a change set, and wait.

    Raises:
        DeploymentFailed: CloudFormation gave up, and has put everything back.
    """
    stacks = boto3.client("cloudformation")
    kind = "CREATE" if outputs(target) is None else "UPDATE"
    name = f"r-{uuid4().hex}"  # One that failed keeps its name.
    stacks.create_change_set(
        StackName=target.stack,
        ChangeSetName=name,
        ChangeSetType=kind,
        TemplateURL=template,
        Parameters=[{"ParameterKey": n, "ParameterValue": v} for n, v in values.items()],
        Capabilities=CAPABILITIES,
    )
    try:
        _await(stacks, "change_set_create_complete", StackName=target.stack, ChangeSetName=name)
    except DeploymentFailed:
        told = stacks.describe_change_set(StackName=target.stack, ChangeSetName=name)
        stacks.delete_change_set(StackName=target.stack, ChangeSetName=name)
        if "didn't contain changes" in told.get("StatusReason", ""):
            return
        raise DeploymentFailed(f"change set: {told.get('StatusReason')}") from None
    stacks.execute_change_set(StackName=target.stack, ChangeSetName=name)
    _await(stacks, f"stack_{kind.lower()}_complete", StackName=target.stack)


def _await(stacks: Any, waiter: str, **arguments: str) -> None:
    from botocore.exceptions import WaiterError

    try:
        stacks.get_waiter(waiter).wait(**arguments)
    except WaiterError as error:
        raise DeploymentFailed(str(error)) from error


def upload_assets(bucket: str) -> None:
    """Store what pages load, as the local gateway serves it below `/assets`."""
    s3 = boto3.client("s3")
    for name, file in served_files(asset_directories()).items():
        s3.put_object(
            Bucket=bucket,
            Key=name,
            Body=file.read_bytes(),
            ContentType=content_type(file),
            CacheControl="public, max-age=3600",
        )


def main() -> int:
    """Deploy, and say where the API is; returns the exit status."""
    try:
        target = target_of(sys.argv[1:], os.environ)
        print(f"The API is at {deploy(target, package(target.stage))}")
    except (AccountNotReady, DeploymentFailed, UnknownStage) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
