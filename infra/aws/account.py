"""What an account needs once in a region, whatever stages are in it; what is there stays.

None of it is part of a stack: an account has one of each, and the stack of one stage would take it
from the others.
"""

import json
import time

import boto3

from infra.aws.cfn import policy, trust
from infra.aws.stages import Stage

GATEWAY_LOGS_ROLE = "previsto-api-gateway-logs"
# Amazon's own for this: API Gateway takes no role that has less.
GATEWAY_LOGS_POLICY = "arn:{}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
ECS = "ecs.amazonaws.com"
LEFT_FOR_OTHERS = 100  # Lambda refuses a reservation that leaves other functions fewer.
TRIES, PAUSE_SECONDS = 6, 10.0  # Until a role that was just made is known everywhere.
ASK_FOR_MORE = (
    "aws service-quotas request-service-quota-increase --service-code lambda"
    " --quota-code L-B99A9384 --desired-value 1000"
)


class AccountNotReady(Exception):
    """The account cannot take an installation yet; the message says what to do."""


def prepare_account(stage: Stage) -> None:
    """Make what is missing, before the first stack of a stage.

    Raises:
        AccountNotReady: Something only its owner can ask for is missing.
    """
    require_instances(stage)
    let_api_gateway_log()
    let_ecs_work()


def require_instances(stage: Stage) -> None:
    """Make sure that Lambda lets the account keep as many instances for the API as it takes.

    Raises:
        AccountNotReady: New accounts have 10 in all.
    """
    limits = boto3.client("lambda").get_account_settings()["AccountLimit"]
    free = limits["UnreservedConcurrentExecutions"]
    if free < stage.api_concurrency + LEFT_FOR_OTHERS:
        raise AccountNotReady(
            f"Lambda has {free} instances left in this account, and {stage.name} keeps"
            f" {stage.api_concurrency} of them for its API. Ask for more, and deploy once they are"
            f" granted: {ASK_FOR_MORE}"
        )


def let_api_gateway_log(pause_seconds: float = PAUSE_SECONDS) -> None:
    """Give API Gateway the role without which it refuses a stage that logs its requests.

    Raises:
        AccountNotReady: It does not take the role.
    """
    gateway = boto3.client("apigateway")
    if gateway.get_account().get("cloudwatchRoleArn"):
        return
    role = {"op": "replace", "path": "/cloudwatchRoleArn", "value": _role_of_api_gateway()}
    for tries_left in reversed(range(TRIES)):
        try:
            gateway.update_account(patchOperations=[role])
            return
        except gateway.exceptions.BadRequestException as error:  # It may not know the role yet.
            if not tries_left:
                raise AccountNotReady(f"API Gateway does not take its role: {error}") from error
            time.sleep(pause_seconds)


def let_ecs_work() -> None:
    """Make the role that ECS itself acts by: where there is none, a first service may fail."""
    roles = boto3.client("iam")
    if not roles.list_roles(PathPrefix=f"/aws-service-role/{ECS}/")["Roles"]:
        roles.create_service_linked_role(AWSServiceName=ECS)


def _role_of_api_gateway() -> str:
    roles = boto3.client("iam")
    try:
        found = roles.get_role(RoleName=GATEWAY_LOGS_ROLE)
    except roles.exceptions.NoSuchEntityException:
        trusted = json.dumps(policy(trust("apigateway")))
        found = roles.create_role(RoleName=GATEWAY_LOGS_ROLE, AssumeRolePolicyDocument=trusted)
    arn = str(found["Role"]["Arn"])
    given = GATEWAY_LOGS_POLICY.format(arn.split(":")[1])
    roles.attach_role_policy(RoleName=GATEWAY_LOGS_ROLE, PolicyArn=given)
    return arn
