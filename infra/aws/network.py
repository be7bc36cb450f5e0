"""Subnets without a way out for functions and database, and one with a NAT for the workers.

S3, SQS and the secrets are reached through endpoints. Only the scraper, which the workers run,
needs the internet.
"""

from typing import Any

from infra.aws.cfn import Resources, att, ref, resource, sub, tags
from infra.aws.stages import Stage

ZONES = ("A", "B")
PRIVATE = [ref("PrivateSubnetA"), ref("PrivateSubnetB")]
EGRESS = [ref("EgressSubnetA"), ref("EgressSubnetB")]
INTERFACES = {"QueueEndpoint": "sqs", "SecretsEndpoint": "secretsmanager"}
POSTGRES, HTTPS, HTTP = 5432, 443, 80


def network(stage: Stage) -> Resources:
    """The network, its endpoints, and who may speak to whom."""
    return {
        "Network": resource(
            "EC2::VPC",
            {
                "CidrBlock": "10.20.0.0/16",
                "EnableDnsHostnames": True,
                "EnableDnsSupport": True,
                "Tags": tags(stage.prefix),
            },
        ),
        **_subnets(stage),
        **_ways_out(stage),
        **_endpoints(),
        **_groups(stage),
    }


def _subnets(stage: Stage) -> Resources:
    found: Resources = {"PublicSubnet": _subnet(stage, "Public", 0, 0)}
    for place, zone in enumerate(ZONES):
        found[f"PrivateSubnet{zone}"] = _subnet(stage, f"Private{zone}", place, 16 + place)
        found[f"EgressSubnet{zone}"] = _subnet(stage, f"Egress{zone}", place, 32 + place)
        for kind in ("Private", "Egress"):
            found[f"{kind}Way{zone}"] = _routed(f"{kind}Subnet{zone}", f"{kind}Routes")
    return found


def _subnet(stage: Stage, name: str, zone: int, third: int) -> dict[str, Any]:
    return resource(
        "EC2::Subnet",
        {
            "VpcId": ref("Network"),
            "AvailabilityZone": {"Fn::Select": [zone, {"Fn::GetAZs": ""}]},
            "CidrBlock": f"10.20.{third}.0/24",
            "Tags": tags(f"{stage.prefix}-{name}"),
        },
    )


def _routed(subnet: str, table: str) -> dict[str, Any]:
    properties = {"SubnetId": ref(subnet), "RouteTableId": ref(table)}
    return resource("EC2::SubnetRouteTableAssociation", properties)


def _ways_out(stage: Stage) -> Resources:
    everywhere = "0.0.0.0/0"
    table = {"VpcId": ref("Network")}
    return {
        "Gateway": resource("EC2::InternetGateway", {"Tags": tags(stage.prefix)}),
        "GatewayAttached": resource(
            "EC2::VPCGatewayAttachment",
            {"VpcId": ref("Network"), "InternetGatewayId": ref("Gateway")},
        ),
        "PublicRoutes": resource("EC2::RouteTable", table),
        "PrivateRoutes": resource("EC2::RouteTable", table),
        "EgressRoutes": resource("EC2::RouteTable", table),
        "PublicWay": _routed("PublicSubnet", "PublicRoutes"),
        "PublicRoute": resource(
            "EC2::Route",
            {
                "RouteTableId": ref("PublicRoutes"),
                "DestinationCidrBlock": everywhere,
                "GatewayId": ref("Gateway"),
            },
            DependsOn="GatewayAttached",
        ),
        "NatAddress": resource("EC2::EIP", {"Domain": "vpc"}, DependsOn="GatewayAttached"),
        "Nat": resource(
            "EC2::NatGateway",
            {"AllocationId": att("NatAddress", "AllocationId"), "SubnetId": ref("PublicSubnet")},
        ),
        "EgressRoute": resource(
            "EC2::Route",
            {
                "RouteTableId": ref("EgressRoutes"),
                "DestinationCidrBlock": everywhere,
                "NatGatewayId": ref("Nat"),
            },
        ),
    }


def _endpoints() -> Resources:
    found = {
        "ObjectsEndpoint": resource(
            "EC2::VPCEndpoint",
            {
                "VpcId": ref("Network"),
                "ServiceName": sub("com.amazonaws.${AWS::Region}.s3"),
                "VpcEndpointType": "Gateway",
                "RouteTableIds": [ref("PrivateRoutes"), ref("EgressRoutes")],
            },
        )
    }
    for name, service in INTERFACES.items():
        found[name] = resource(
            "EC2::VPCEndpoint",
            {
                "VpcId": ref("Network"),
                "ServiceName": sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
                "VpcEndpointType": "Interface",
                "PrivateDnsEnabled": True,
                "SubnetIds": PRIVATE,
                "SecurityGroupIds": [ref("EndpointGroup")],
            },
        )
    return found


def _groups(stage: Stage) -> Resources:
    """Functions and workers reach database and endpoints; workers reach the web as well."""
    anywhere = {"CidrIp": "0.0.0.0/0"}
    out = [{**_port(HTTPS), **anywhere}, _postgres_within()]
    return {
        "FunctionGroup": _group(stage, "Lambda functions", outwards=out),
        "WorkerGroup": _group(
            stage, "Workers on Fargate", outwards=[*out, {**_port(HTTP), **anywhere}]
        ),
        "EndpointGroup": _group(
            stage, "Endpoints of AWS services", inwards=_from_ours(HTTPS), outwards=[_nowhere()]
        ),
        "DatabaseGroup": _group(
            stage, "PostgreSQL", inwards=_from_ours(POSTGRES), outwards=[_nowhere()]
        ),
    }


def _group(
    stage: Stage,
    description: str,
    *,
    outwards: list[dict[str, Any]],
    inwards: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return resource(
        "EC2::SecurityGroup",
        {
            "GroupDescription": f"{stage.prefix}: {description}",
            "VpcId": ref("Network"),
            "SecurityGroupEgress": outwards,
            **({"SecurityGroupIngress": inwards} if inwards else {}),
        },
    )


def _port(port: int) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}


def _postgres_within() -> dict[str, Any]:
    return {**_port(POSTGRES), "CidrIp": "10.20.0.0/16"}


def _from_ours(port: int) -> list[dict[str, Any]]:
    groups = ("FunctionGroup", "WorkerGroup")
    return [{**_port(port), "SourceSecurityGroupId": ref(group)} for group in groups]


def _nowhere() -> dict[str, Any]:
    """A rule that lets nothing out: without any, CloudFormation lets out everything."""
    return {"IpProtocol": "icmp", "FromPort": 252, "ToPort": 86, "CidrIp": "127.0.0.1/32"}
