"""The page of CloudWatch that shows an installation at a glance, in the order of its alarms."""

import json
from typing import Any

from functions import EVENT_SOURCES
from infra.aws.api import API
from infra.aws.cfn import Resource, resource, sub
from infra.aws.stages import Stage

WIDTH, HEIGHT = 12, 6
PERIOD_SECONDS = 300

Metrics = list[list[Any]]


def dashboard(stage: Stage) -> Resource:
    """Requests, instances, queues and database, two charts a row."""
    queues = [f"{stage.prefix}-{name}" for name in EVENT_SOURCES]
    cluster = ["DBClusterIdentifier", "${Database}"]
    function = ["FunctionName", f"${{{API}}}"]
    service = ["ClusterName", "${Cluster}", "ServiceName", "${Workers.Name}"]
    charts = [
        _chart("Requests, and those that failed", "Sum", _of_api(stage, "Count", "5XXError")),
        _chart("Latency, p99 in ms", "p99", _of_api(stage, "Latency")),
        _chart(
            "Instances of the API, and calls refused for want of one",
            "Maximum",
            [["AWS/Lambda", name, *function] for name in ("ConcurrentExecutions", "Throttles")],
        ),
        _chart(
            "Processor and memory of the workers, %",
            "Average",
            [["AWS/ECS", name, *service] for name in ("CPUUtilization", "MemoryUtilization")],
        ),
        _chart(
            "Oldest message by queue, seconds",
            "Maximum",
            [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name] for name in queues],
        ),
        _chart(
            "Dead letters",
            "Maximum",
            [
                ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", f"{name}-dead"]
                for name in queues
            ],
        ),
        _chart(
            "Database: processor and capacity, %",
            "Average",
            [["AWS/RDS", name, *cluster] for name in ("CPUUtilization", "ACUUtilization")],
        ),
        _chart("Database: connections", "Maximum", [["AWS/RDS", "DatabaseConnections", *cluster]]),
    ]
    placed = [
        {**chart, "x": WIDTH * (place % 2), "y": HEIGHT * (place // 2)}
        for place, chart in enumerate(charts)
    ]
    body = json.dumps({"widgets": placed})
    return resource(
        "CloudWatch::Dashboard", {"DashboardName": stage.prefix, "DashboardBody": sub(body)}
    )


def dashboard_address() -> dict[str, str]:
    """Where people look at it."""
    region = "https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home"
    return sub(f"{region}#dashboards/dashboard/${{Dashboard}}")


def _of_api(stage: Stage, *names: str) -> Metrics:
    return [["AWS/ApiGateway", name, "ApiName", stage.prefix] for name in names]


def _chart(title: str, statistic: str, metrics: Metrics) -> dict[str, Any]:
    properties = {
        "title": title,
        "metrics": metrics,
        "stat": statistic,
        "period": PERIOD_SECONDS,
        "region": "${AWS::Region}",
        "view": "timeSeries",
    }
    return {"type": "metric", "width": WIDTH, "height": HEIGHT, "properties": properties}
