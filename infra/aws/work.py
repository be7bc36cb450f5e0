"""Queues, the handlers that Lambda runs, and the workers on Fargate: all from `EVENT_SOURCES`."""

from typing import Any

from functions import EVENT_SOURCES, EventSource
from infra.aws.cfn import Resource, Resources, att, camel, ref, resource, sub
from infra.aws.network import EGRESS, PRIVATE
from infra.aws.rights import ALL_OF_THEM, Rights, function_role, worker_roles
from infra.aws.stages import Stage
from infra.create_queues import (
    SQS_MOST_RECEIVES,
    SQS_RETENTION_SECONDS,
    SQS_VISIBILITY_SECONDS,
)

HANDLER_SECONDS = 120
# As AWS advises: a function that is throttled must not find its messages given to others.
VISIBILITY_PER_TIMEOUT = 6
HANDLER_MEMORY_MB = 3008
WORKER_CPU, WORKER_MEMORY_MB = 2048, 8192
WORKER_STOP_SECONDS = 60  # A worker gives its job back within 25 seconds.
SCALE_AT_CPU_PERCENT = 60

LONG = {name: source for name, source in EVENT_SOURCES.items() if source.is_long}
SHORT = {name: source for name, source in EVENT_SOURCES.items() if not source.is_long}


def work(stage: Stage) -> Resources:
    """Everything behind the queues."""
    found: Resources = {}
    for name, source in EVENT_SOURCES.items():
        found |= _queue(stage, name, source)
    for name, source in SHORT.items():
        found |= _handler(stage, name, source)
    return {**found, **_workers(stage), **worker_roles(stage, list(LONG))}


def visibility_seconds(source: EventSource) -> int:
    """How long a message that was taken is hidden from others."""
    if source.is_long:  # Its ring may come again while the job runs: nothing is left to do then.
        return SQS_VISIBILITY_SECONDS
    return max(SQS_VISIBILITY_SECONDS, VISIBILITY_PER_TIMEOUT * HANDLER_SECONDS)


def _queue(stage: Stage, name: str, source: EventSource) -> Resources:
    logical = camel(name)
    kept = {"MessageRetentionPeriod": SQS_RETENTION_SECONDS, "SqsManagedSseEnabled": True}
    dead = {"QueueName": f"{stage.prefix}-{name}-dead", **kept}
    redrive = {
        "deadLetterTargetArn": att(f"{logical}Dead", "Arn"),
        "maxReceiveCount": SQS_MOST_RECEIVES,
    }
    alive = {
        "QueueName": f"{stage.prefix}-{name}",
        "VisibilityTimeout": visibility_seconds(source),
        "RedrivePolicy": redrive,
        **kept,
    }
    return {
        f"{logical}Dead": resource("SQS::Queue", dead),
        logical: resource("SQS::Queue", alive),
    }


def _handler(stage: Stage, name: str, source: EventSource) -> Resources:
    """A function of the container image, fed by its queue."""
    logical = f"{camel(name)}Handler"
    event = {
        "Queue": att(camel(name), "Arn"),
        "BatchSize": source.batch_size,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": stage.handler_concurrency},
    }
    function = resource(
        "Serverless::Function",
        {
            "PackageType": "Image",
            "ImageUri": ref("HandlerImage"),
            "ImageConfig": {"Command": [source.handler]},
            "Architectures": ["x86_64"],
            "Timeout": HANDLER_SECONDS,
            "MemorySize": HANDLER_MEMORY_MB,
            "Events": {"Messages": {"Type": "SQS", "Properties": event}},
            **in_network(f"{logical}Role", f"{logical}Logs"),
            "Environment": {"Variables": function_environment(stage)},
        },
    )
    return {
        logical: function,
        f"{logical}Role": function_role(f"{logical}Logs", Rights(objects=ALL_OF_THEM), [name]),
        f"{logical}Logs": log_group(stage, f"/aws/lambda/{stage.prefix}-{name}"),
    }


def in_network(role: str, logs: str) -> dict[str, Any]:
    """What every function of ours has in common."""
    return {
        "Role": att(role, "Arn"),
        "VpcConfig": {"SubnetIds": PRIVATE, "SecurityGroupIds": [ref("FunctionGroup")]},
        "LoggingConfig": {"LogGroup": ref(logs)},
    }


def log_group(stage: Stage, name: str) -> Resource:
    """Where logs go, for as long as the stage keeps them."""
    properties = {"LogGroupName": name, "RetentionInDays": stage.log_days}
    return resource(
        "Logs::LogGroup", properties, DeletionPolicy="Delete", UpdateReplacePolicy="Delete"
    )


def plain_environment(stage: Stage) -> dict[str, Any]:
    """The settings that are no secrets."""
    objects = "s3://${DataBucket}/previsto?region=${AWS::Region}"
    return {
        "ENVIRONMENT": stage.environment,
        "PUBLIC_URL": ref("PublicUrl"),
        "QUEUE_URL": sub(f"sqs://?region=${{AWS::Region}}&prefix={stage.prefix}-"),
        "STORAGE_URL": sub(objects),
        "ASSETS_URL": sub("https://${Assets.DomainName}"),
        "CORS_ORIGINS": {"Fn::Join": [",", ref("CorsOrigins")]},
        "RELEASE": ref("Release"),
        "BOOKS_CONTACT": ref("BooksContact"),
    }


def function_environment(stage: Stage) -> dict[str, Any]:
    """All settings of a function.

    Lambda hands a function plain variables only, so CloudFormation reads the secrets when it
    sets them; they are encrypted there, and seen by who may read the function's configuration.
    A new `Release` makes it read them anew.
    """
    secret = "{{{{resolve:secretsmanager:${{{}}}}}}}"
    return {
        **plain_environment(stage),
        "DATABASE_URL": sub(secret.format("DatabaseUrl")),
        "JWT_SECRET": sub(secret.format("JwtSecret")),
        "JWT_SECRET_BEFORE": ref("JwtSecretBefore"),
        "SIGNING_KEY": sub(secret.format("SigningKey")),
        "METRICS_TOKEN": sub(secret.format("MetricsToken")),
    }


def _workers(stage: Stage) -> Resources:
    least, most = stage.workers
    service = {
        "Cluster": ref("Cluster"),
        "LaunchType": "FARGATE",
        "TaskDefinition": ref("WorkerTask"),
        "DesiredCount": least,
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": EGRESS,
                "SecurityGroups": [ref("WorkerGroup")],
                "AssignPublicIp": "DISABLED",
            }
        },
        "DeploymentConfiguration": {
            "MinimumHealthyPercent": 100,
            "MaximumPercent": 200,
            "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        },
    }
    worker = ["python", "-m", "infra.local.worker", "--long"]
    # By another name, since the program's own settings refuse a password where strangers come.
    admin = 'ADMIN_PASSWORD="$FIRST_PASSWORD" python -m infra.create_admin'
    steps = f"python -m infra.create_login && python -m infra.init_db && {admin}"
    prepare = ["sh", "-c", steps]
    return {
        "Cluster": resource("ECS::Cluster", {"ClusterName": stage.prefix}),
        "WorkerTask": _task(
            stage, "Worker", worker, ["DatabaseUrl"], {"SENTRY_DSN": ref("SentryDsn")}
        ),
        # Run before a new version, by `infra.aws.deploy`.
        "MigrationTask": _task(
            stage, "Migration", prepare, ["DatabaseUrl", "DatabaseAdminUrl", "AdminPassword"]
        ),
        "WorkerLogs": log_group(stage, f"/{stage.prefix}/worker"),
        "MigrationLogs": log_group(stage, f"/{stage.prefix}/migration"),
        "Workers": resource("ECS::Service", service, DependsOn=["EgressRoute"]),
        "WorkerScale": resource(
            "ApplicationAutoScaling::ScalableTarget",
            {
                "ServiceNamespace": "ecs",
                "ScalableDimension": "ecs:service:DesiredCount",
                "ResourceId": sub("service/${Cluster}/${Workers.Name}"),
                "MinCapacity": least,
                "MaxCapacity": most,
            },
        ),
        "WorkerScaling": resource("ApplicationAutoScaling::ScalingPolicy", _scaling()),
    }


def _scaling() -> dict[str, Any]:
    measured = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    return {
        "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": ref("WorkerScale"),
        "TargetTrackingScalingPolicyConfiguration": {
            "PredefinedMetricSpecification": measured,
            "TargetValue": SCALE_AT_CPU_PERCENT,
            "ScaleInCooldown": 600,
            "ScaleOutCooldown": 60,
        },
    }


def _task(
    stage: Stage,
    name: str,
    command: list[str],
    known: list[str],
    more: dict[str, Any] | None = None,
) -> Resource:
    plain = {**plain_environment(stage), **(more or {})}
    words = {
        "DatabaseUrl": "DATABASE_URL",
        "DatabaseAdminUrl": "DATABASE_ADMIN_URL",
        "AdminPassword": "FIRST_PASSWORD",
    }
    secrets = {words[secret]: secret for secret in known}
    secrets |= {"JWT_SECRET": "JwtSecret", "SIGNING_KEY": "SigningKey"}
    container = {
        "Name": name.lower(),
        "Image": ref("WorkerImage"),
        "Command": command,
        "Essential": True,
        "StopTimeout": WORKER_STOP_SECONDS,
        "Environment": [{"Name": n, "Value": v} for n, v in plain.items()],
        "Secrets": [{"Name": n, "ValueFrom": ref(secret)} for n, secret in secrets.items()],
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": ref(f"{name}Logs"),
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": name.lower(),
            },
        },
    }
    return resource(
        "ECS::TaskDefinition",
        {
            "Family": f"{stage.prefix}-{name.lower()}",
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": str(WORKER_CPU),
            "Memory": str(WORKER_MEMORY_MB),
            "ExecutionRoleArn": att("WorkerStartRole", "Arn"),
            "TaskRoleArn": att(f"{name}Role", "Arn"),
            "ContainerDefinitions": [container],
        },
    )
