"""What wakes somebody up, and what it costs."""

from typing import Any

from functions import EVENT_SOURCES
from infra.aws.api import API, schedule_resources
from infra.aws.cfn import Resource, Resources, allow, att, camel, policy, ref, resource
from infra.aws.stages import Stage

MINUTE = 60
OLDEST_SECONDS = 900
OLDEST_PATIENT_SECONDS = 4 * 3600
MOST_5XX, MOST_P99_MS = 5, 3000
MOST_CPU_PERCENT = 85
LARGEST_DATABASE_BYTES = 500 * 1024**3


def alarms(stage: Stage) -> Resources:
    """Alarms, the topic they are told to, and the budget."""
    found: Resources = {
        "Alarms": resource(
            "SNS::Topic",
            {"Subscription": [{"Protocol": "email", "Endpoint": ref("AlarmEmail")}]},
        ),
        "AlarmsPolicy": resource("SNS::TopicPolicy", _topic_policy()),
        "Budget": resource("Budgets::Budget", _budget(stage)),
        **_of_api(stage),
        **_of_database(),
    }
    for name, source in EVENT_SOURCES.items():
        oldest = OLDEST_PATIENT_SECONDS if source.can_wait else OLDEST_SECONDS
        queue = {"QueueName": att(camel(name), "QueueName")}
        dead = {"QueueName": att(f"{camel(name)}Dead", "QueueName")}
        age = "ApproximateAgeOfOldestMessage"
        found[f"{camel(name)}Old"] = _alarm("SQS", age, queue, over=oldest)
        count = "ApproximateNumberOfMessagesVisible"
        found[f"{camel(name)}DeadLetters"] = _alarm("SQS", count, dead, over=0)
    for logical in schedule_resources():
        dimensions = {"FunctionName": ref(logical)}
        # The sweep runs each minute, and a failure of one is healed by the next.
        found[f"{logical}Fails"] = _alarm(
            "Lambda", "Errors", dimensions, over=2 if logical == "Sweep" else 0, statistic="Sum"
        )
    return found


def _alarm(
    service: str,
    metric: str,
    dimensions: dict[str, Any],
    *,
    over: float,
    statistic: str = "Maximum",
    periods: int = 1,
) -> Resource:
    kind = "ExtendedStatistic" if statistic.startswith("p") else "Statistic"
    return resource(
        "CloudWatch::Alarm",
        {
            "Namespace": f"AWS/{service}",
            "MetricName": metric,
            "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
            kind: statistic,
            "Period": 5 * MINUTE,
            "EvaluationPeriods": periods,
            "Threshold": over,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [ref("Alarms")],
            "OKActions": [ref("Alarms")],
        },
    )


def _of_api(stage: Stage) -> Resources:
    api = {"ApiName": stage.prefix}
    function = {"FunctionName": ref(API)}
    return {
        "ApiFails": _alarm("ApiGateway", "5XXError", api, over=MOST_5XX, statistic="Sum"),
        "ApiSlow": _alarm(
            "ApiGateway", "Latency", api, over=MOST_P99_MS, statistic="p99", periods=3
        ),
        "ApiThrottled": _alarm("Lambda", "Throttles", function, over=0, statistic="Sum"),
        "ApiNearTimeout": _alarm("Lambda", "Duration", function, over=20_000, periods=2),
    }


def _of_database() -> Resources:
    cluster = {"DBClusterIdentifier": ref("Database")}
    return {
        "DatabaseBusy": _alarm(
            "RDS", "CPUUtilization", cluster, over=MOST_CPU_PERCENT, statistic="Average", periods=3
        ),
        "DatabaseAtItsMost": _alarm("RDS", "ACUUtilization", cluster, over=95, periods=3),
        "DatabaseLarge": _alarm("RDS", "VolumeBytesUsed", cluster, over=LARGEST_DATABASE_BYTES),
    }


def _topic_policy() -> dict[str, Any]:
    publish = {
        **allow(["sns:Publish"], ref("Alarms")),
        "Principal": {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
        "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    }
    return {"Topics": [ref("Alarms")], "PolicyDocument": policy(publish)}


def _budget(stage: Stage) -> dict[str, Any]:
    def told(kind: str, percent: int) -> dict[str, Any]:
        return {
            "Notification": {
                "NotificationType": kind,
                "ComparisonOperator": "GREATER_THAN",
                "Threshold": percent,
            },
            "Subscribers": [{"SubscriptionType": "SNS", "Address": ref("Alarms")}],
        }

    return {
        "Budget": {
            "BudgetName": stage.prefix,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": stage.monthly_budget_usd, "Unit": "USD"},
        },
        "NotificationsWithSubscribers": [told("ACTUAL", 80), told("FORECASTED", 100)],
    }
