"""What each function may do, and nothing more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from functions import EVENT_SOURCES
from infra.aws.cfn import Resources, allow, att, camel, role, sub
from infra.aws.stages import Stage
from infra.aws.stores import OBJECTS

READ, WRITE, DELETE, LIST = "read", "write", "delete", "list"
ALL_OF_THEM = frozenset({READ, WRITE, DELETE, LIST})
OBJECT_ACTIONS = {
    READ: ["s3:GetObject"],
    WRITE: ["s3:PutObject"],
    DELETE: ["s3:DeleteObject", "s3:AbortMultipartUpload"],
}
LIST_ACTIONS = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
RING = ["sqs:SendMessage", "sqs:GetQueueUrl"]
TAKE = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
]
LOG = ["logs:CreateLogStream", "logs:PutLogEvents"]
NETWORK = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]


@dataclass(frozen=True)
class Rights:
    """What a function may do beside using the database.

    Attributes:
        objects: What it may do to objects.
        rings: Whether it may announce jobs.
    """

    objects: frozenset[str] = frozenset()
    rings: bool = True


API_RIGHTS = Rights(objects=ALL_OF_THEM)
SCHEDULE_RIGHTS = {
    "close_forgotten_visits": Rights(rings=False),
    "remove_expired": Rights(rings=False),
    "remove_predictions": Rights(objects=frozenset({READ, DELETE, LIST}), rings=False),
    "remove_jobs": Rights(rings=False),
    # S3 says of a missing object that it is missing only to who may list the bucket.
    "remove_uploads": Rights(objects=frozenset({READ, DELETE, LIST}), rings=False),
    "store_heads_of_trails": Rights(objects=ALL_OF_THEM, rings=False),
}
"""Schedule -> its rights; one that is not named rings for jobs and touches no object."""


def function_role(group: str, rights: Rights, takes: Sequence[str] = ()) -> dict[str, Any]:
    """The role of a Lambda function.

    Args:
        group: Logical name of its log group.
        rights: What it may do.
        takes: Queues whose messages it takes.
    """
    # Interfaces in the network have no names that a policy could be bound to beforehand.
    statements = [allow(LOG, sub(f"${{{group}.Arn}}:*")), allow(NETWORK, "*")]
    return role("lambda", [*statements, *statements_of(rights, takes)])


def statements_of(rights: Rights, takes: Iterable[str] = ()) -> list[dict[str, Any]]:
    """What the rights come to, as statements of a policy."""
    found = []
    actions = [
        action for word in sorted(rights.objects - {LIST}) for action in OBJECT_ACTIONS[word]
    ]
    if actions:
        found.append(allow(actions, sub(f"${{DataBucket.Arn}}/{OBJECTS}/*")))
    if LIST in rights.objects:
        found.append(allow(LIST_ACTIONS, att("DataBucket", "Arn")))
    if rights.rings:
        found.append(allow(RING, [att(camel(name), "Arn") for name in EVENT_SOURCES]))
    if taken := [att(camel(name), "Arn") for name in takes]:
        found.append(allow(TAKE, taken))
    return found


def api_role() -> dict[str, Any]:
    """The API's; it also looks whether there are queues at all, for `/status`."""
    found = function_role("APIHandlerLogs", API_RIGHTS)
    statements = found["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.append(allow(["sqs:ListQueues"], "*"))
    return found


def worker_roles(stage: Stage, queues: Sequence[str]) -> Resources:
    """The worker's own role, and that of the service which starts it."""
    secrets = ["DatabaseUrl", "DatabaseAdminUrl", "JwtSecret", "SigningKey", "AdminPassword"]
    start = [
        allow(["ecr:GetAuthorizationToken"], "*"),
        allow(
            ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
            sub(
                "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/"
                f"{stage.prefix}"
            ),
        ),
        allow(LOG, [sub("${WorkerLogs.Arn}:*"), sub("${MigrationLogs.Arn}:*")]),
        allow(["secretsmanager:GetSecretValue"], [{"Ref": name} for name in secrets]),
    ]
    return {
        "WorkerRole": role("ecs-tasks", statements_of(Rights(objects=ALL_OF_THEM), queues)),
        "WorkerStartRole": role("ecs-tasks", start),
        # It knows the database's owner and nothing else of ours.
        "MigrationRole": role("ecs-tasks", [allow(["sts:GetCallerIdentity"], "*")]),
    }
