"""Short words for what CloudFormation writes at length."""

from collections.abc import Mapping, Sequence
from typing import Any

Resource = dict[str, Any]
Resources = dict[str, Resource]


def resource(kind: str, properties: Mapping[str, Any] | None = None, **attributes: Any) -> Resource:
    """A resource.

    Args:
        kind: Without `AWS::`, such as `SQS::Queue`.
        properties: As its documentation names them.
        attributes: What stands beside the properties, such as `DependsOn`.
    """
    found: Resource = {"Type": f"AWS::{kind}", **attributes}
    if properties is not None:
        found["Properties"] = dict(properties)
    return found


def ref(name: str) -> dict[str, str]:
    """A resource's own name, or a parameter's value."""
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, list[str]]:
    """A resource's attribute."""
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str) -> dict[str, str]:
    """Text with `${Resource}`, `${Resource.Attribute}` and `${Parameter}` filled in."""
    return {"Fn::Sub": text}


def allow(
    actions: Sequence[str], resources: Any, condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A statement of a policy."""
    found = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
    return {**found, "Condition": dict(condition)} if condition else found


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def role(service: str, statements: Sequence[Mapping[str, Any]]) -> Resource:
    """A role that a service takes on.

    Args:
        service: Such as `lambda`.
        statements: All it may do; no policy of AWS is added.
    """
    own = {"PolicyName": "own", "PolicyDocument": policy(*statements)}
    trusted = policy(trust(service))
    return resource("IAM::Role", {"AssumeRolePolicyDocument": trusted, "Policies": [own]})


def trust(service: str) -> dict[str, Any]:
    """The statement by which a role lets a service take it on."""
    principal = {"Service": f"{service}.amazonaws.com"}
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}


def tags(name: str) -> list[dict[str, str]]:
    """The tag by which consoles show a resource."""
    return [{"Key": "Name", "Value": name}]


def camel(name: str) -> str:
    """`daily_report_queue` as a logical name: `DailyReportQueue`."""
    return "".join(part.capitalize() for part in name.split("_"))
