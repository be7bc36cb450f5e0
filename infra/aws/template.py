"""All that an installation consists of, to be merged into the template that Chalice writes."""

from typing import Any

from infra.aws.alarms import alarms
from infra.aws.api import api
from infra.aws.cfn import att, ref, sub
from infra.aws.dashboard import dashboard, dashboard_address
from infra.aws.network import network
from infra.aws.stages import Stage
from infra.aws.stores import stores
from infra.aws.work import work

IMAGE = r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/.+$"
PARAMETERS = {
    "PublicUrl": {
        "Type": "String",
        "AllowedPattern": "^https://.+",
        "Description": "Where clients reach the API; the output EndpointURL or a domain of yours.",
    },
    "WorkerImage": {"Type": "String", "AllowedPattern": IMAGE},
    "HandlerImage": {"Type": "String", "AllowedPattern": IMAGE},
    "Release": {
        "Type": "String",
        "MinLength": 1,
        "Description": "What runs, such as a commit. A new one makes the secrets be read anew.",
    },
    "AlarmEmail": {"Type": "String", "AllowedPattern": "^[^@ ]+@[^@ ]+$"},
    "CorsOrigins": {
        "Type": "CommaDelimitedList",
        "Default": "https://origem.invalid",
        "Description": "Origins whose pages may call the API and upload.",
    },
    "JwtSecretBefore": {
        "Type": "String",
        "NoEcho": True,
        "Default": "",
        "Description": "The key of tokens before the present one, for an hour after a change.",
    },
    "SentryDsn": {
        "Type": "String",
        "NoEcho": True,
        "Default": "",
        "Description": "Where workers report errors; functions have no way out, and log theirs.",
    },
    "BooksContact": {
        "Type": "String",
        "Default": "",
        "Description": "Whom the owner of the shop that is read can turn to.",
    },
}


def template(stage: Stage) -> dict[str, Any]:
    """What `chalice package --merge-template` merges.

    The role that Chalice makes for all functions is none of ours: `without_chalice_role` takes
    it out of what comes of it.
    """
    return {
        "Description": f"Previsto, {stage.name}",
        "Parameters": PARAMETERS,
        "Resources": {
            **network(stage),
            **stores(stage),
            **work(stage),
            **api(stage),
            **alarms(stage),
            "Dashboard": dashboard(stage),
        },
        "Outputs": _outputs(stage),
    }


def without_chalice_role(merged: dict[str, Any]) -> dict[str, Any]:
    """The merged template without the one role for everything, which no function has any more."""
    resources = {
        name: found for name, found in merged["Resources"].items() if name != "DefaultRole"
    }
    return {**merged, "Resources": resources}


def _outputs(stage: Stage) -> dict[str, Any]:
    values: dict[str, Any] = {
        "Stage": stage.name,
        "DataBucketName": ref("DataBucket"),
        "AssetsBucketName": ref("AssetsBucket"),
        "DashboardUrl": dashboard_address(),
        "AssetsUrl": sub("https://${Assets.DomainName}"),
        "DatabaseHost": att("Database", "Endpoint.Address"),
        "ClusterName": ref("Cluster"),
        "WorkerService": att("Workers", "Name"),
        "MigrationTaskDefinition": ref("MigrationTask"),
        "WorkerSubnets": {"Fn::Join": [",", [ref("EgressSubnetA"), ref("EgressSubnetB")]]},
        "WorkerSecurityGroup": ref("WorkerGroup"),
        "MetricsTokenSecret": ref("MetricsToken"),
        "AdminPasswordSecret": ref("AdminPassword"),
    }
    return {name: {"Value": value} for name, value in values.items()}
