"""What Chalice's own part of the template lacks: network, settings, roles, refusals, limits."""

import json
from typing import Any

from chalice.app import ScheduledEventConfig
from chalice.utils import to_cfn_resource_name

from app import app
from infra.aws.cfn import Resources, att
from infra.aws.rights import SCHEDULE_RIGHTS, Rights, api_role, function_role
from infra.aws.stages import Stage
from infra.aws.work import function_environment, in_network, log_group

API = "APIHandler"  # As Chalice calls it.
SCHEDULE_SECONDS = 300
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "ms": "$context.responseLatency",
    "error": "$context.error.responseType",
}

REFUSALS: dict[str, tuple[int, str, str]] = {
    "MISSING_AUTHENTICATION_TOKEN": (404, "RouteNotFound", "There is nothing at this path."),
    "RESOURCE_NOT_FOUND": (404, "RouteNotFound", "There is nothing at this path."),
    "REQUEST_TOO_LARGE": (413, "BodyTooLarge", "Send large files by POST /uploads."),
    "UNSUPPORTED_MEDIA_TYPE": (415, "UnsupportedMediaType", "Send JSON."),
    "THROTTLED": (429, "TooManyRequests", "Try again in a moment."),
    "QUOTA_EXCEEDED": (429, "TooManyRequests", "Try again later."),
    "ACCESS_DENIED": (403, "Forbidden", "This is not allowed."),
    "WAF_FILTERED": (403, "Forbidden", "This is not allowed."),
    "INTEGRATION_FAILURE": (502, "ServiceUnavailable", "Try again in a moment."),
    "INTEGRATION_TIMEOUT": (504, "ServiceUnavailable", "It took too long. Try again."),
    "DEFAULT_4XX": (400, "BadRequest", "The request is malformed."),
    "DEFAULT_5XX": (500, "InternalError", "Something went wrong; it has been recorded."),
}
"""What API Gateway answers by itself: its name for it -> status, title, detail."""


def api(stage: Stage) -> Resources:
    """What is merged into Chalice's resources, and what they need beside."""
    found: Resources = {
        "RestAPI": {"Properties": _front(stage)},
        API: {"Properties": {**_common(stage, API), **_limits(stage)}},
        f"{API}Role": api_role(),
        f"{API}Logs": log_group(stage, f"/aws/lambda/{stage.prefix}-api"),
        "AccessLogs": log_group(stage, f"/{stage.prefix}/access"),
    }
    for name in schedules():
        logical = to_cfn_resource_name(name)
        rights = SCHEDULE_RIGHTS.get(name, Rights())
        found[logical] = {"Properties": {**_common(stage, logical), **_patience()}}
        found[f"{logical}Role"] = function_role(f"{logical}Logs", rights)
        group = f"/aws/lambda/{stage.prefix}-{name.replace('_', '-')}"
        found[f"{logical}Logs"] = log_group(stage, group)
    return found


def schedules() -> list[str]:
    """Names of the functions that the app runs by the clock."""
    return [found.name for found in app.event_sources if isinstance(found, ScheduledEventConfig)]


def schedule_resources() -> list[str]:
    """Their logical names in Chalice's template."""
    return [to_cfn_resource_name(name) for name in schedules()]


def _common(stage: Stage, logical: str) -> dict[str, Any]:
    return {
        **in_network(f"{logical}Role", f"{logical}Logs"),
        "Environment": {"Variables": function_environment(stage)},
    }


def _limits(stage: Stage) -> dict[str, Any]:
    """Each instance holds connections of its own, of which the database has so many."""
    return {"ReservedConcurrentExecutions": stage.api_concurrency}


def _patience() -> dict[str, Any]:
    # The next time comes soon enough; one that fails is told by an alarm.
    return {"Timeout": SCHEDULE_SECONDS, "EventInvokeConfig": {"MaximumRetryAttempts": 0}}


def _front(stage: Stage) -> dict[str, Any]:
    everything = {
        "ResourcePath": "/*",
        "HttpMethod": "*",
        "ThrottlingRateLimit": stage.requests_per_second,
        "ThrottlingBurstLimit": 2 * stage.requests_per_second,
        "MetricsEnabled": True,
    }
    return {
        "Name": stage.prefix,
        "EndpointConfiguration": "REGIONAL",
        "MethodSettings": [everything],
        "AccessLogSetting": {
            "DestinationArn": att("AccessLogs", "Arn"),
            "Format": json.dumps(ACCESS_LOG),
        },
        "GatewayResponses": {kind: _refusal(*told) for kind, told in REFUSALS.items()},
    }


def _refusal(status: int, title: str, detail: str) -> dict[str, Any]:
    """A problem document (RFC 9457) that pages of other origins may read."""
    document = {
        "type": f"urn:previsto:{title}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": "$context.requestId",
    }
    headers = {
        "Content-Type": "'application/problem+json'",
        # It says nothing of the caller, and no answer of ours ever carries credentials.
        "Access-Control-Allow-Origin": "'*'",
        "Access-Control-Expose-Headers": "'X-Request-Id'",
        "X-Request-Id": "context.requestId",
        **({"Retry-After": "'1'"} if status == 429 else {}),
    }
    return {
        "StatusCode": status,
        "ResponseParameters": {"Headers": headers},
        "ResponseTemplates": {"application/json": json.dumps(document)},
    }
