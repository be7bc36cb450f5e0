"""What the functions of the template may do and reach, what is bounded, and who is told."""

import json
from typing import Any

import pytest

from functions import EVENT_SOURCES
from infra.aws.api import schedule_resources, schedules
from infra.aws.cfn import camel
from infra.aws.rights import SCHEDULE_RIGHTS
from infra.aws.stages import STAGES
from tests.infra.aws.template import of_type

pytestmark = pytest.mark.slow


def test_the_worker_takes_the_long_queues_and_no_other(plain: dict[str, Any]) -> None:
    task = plain["Resources"]["WorkerTask"]["Properties"]["ContainerDefinitions"][0]
    assert task["Command"][-1] == "--long"
    statements = _statements(plain["Resources"]["WorkerRole"])
    (taken,) = [each["Resource"] for each in statements if "sqs:ReceiveMessage" in each["Action"]]
    long = [camel(name) for name, source in EVENT_SOURCES.items() if source.is_long]
    assert [arn["Fn::GetAtt"][0] for arn in taken] == long


def test_the_first_admin_is_made_with_the_schema(plain: dict[str, Any]) -> None:
    task = plain["Resources"]["MigrationTask"]["Properties"]["ContainerDefinitions"][0]
    known = {each["Name"]: each["ValueFrom"] for each in task["Secrets"]}
    assert known["FIRST_PASSWORD"] == {"Ref": "AdminPassword"}
    # Settings that strangers can reach may not hold it: no program but this one is told.
    assert "ADMIN_PASSWORD" not in known
    assert task["Command"][-1].endswith(
        '&& ADMIN_PASSWORD="$FIRST_PASSWORD" python -m infra.create_admin'
    )
    start = _statements(plain["Resources"]["WorkerStartRole"])
    (read,) = [each for each in start if each["Action"] == ["secretsmanager:GetSecretValue"]]
    assert {"Ref": "AdminPassword"} in read["Resource"]


def _statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        statement
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_every_function_has_a_role_of_its_own_that_names_what_it_may(
    plain: dict[str, Any],
) -> None:
    functions = of_type(plain, "AWS::Lambda::Function")
    roles = [each["Properties"]["Role"]["Fn::GetAtt"][0] for each in functions.values()]
    handlers = sum(not source.is_long for source in EVENT_SOURCES.values())
    assert len(set(roles)) == len(functions) == 1 + len(schedules()) + handlers
    for name, role in of_type(plain, "AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role["Properties"], name
        for statement in _statements(role):
            assert not any(action.endswith("*") for action in statement["Action"]), name
            if statement["Resource"] == "*":
                unbound = {action.partition(":")[0] for action in statement["Action"]}
                assert unbound <= {"ec2", "ecr", "sqs", "sts"}, (name, statement)


def test_rights_are_given_to_schedules_that_exist() -> None:
    assert SCHEDULE_RIGHTS.keys() <= set(schedules())


def test_every_function_logs_for_a_time_and_runs_within_the_network(
    plain: dict[str, Any],
) -> None:
    for name, function in of_type(plain, "AWS::Lambda::Function").items():
        properties = function["Properties"]
        group = plain["Resources"][properties["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["Properties"]["RetentionInDays"] > 0, name
        assert properties["VpcConfig"]["SubnetIds"][0] == {"Ref": "PrivateSubnetA"}, name
        told = properties["Environment"]["Variables"]
        assert {"DATABASE_URL", "JWT_SECRET", "SIGNING_KEY", "QUEUE_URL"} <= told.keys()


def test_nothing_is_public_but_the_api_and_the_assets(plain: dict[str, Any]) -> None:
    for name, bucket in of_type(plain, "AWS::S3::Bucket").items():
        blocked = bucket["Properties"]["PublicAccessBlockConfiguration"]
        assert set(blocked.values()) == {True}, name
        assert bucket["DeletionPolicy"] == "Retain", name
        assert "BucketEncryption" in bucket["Properties"], name
    data = plain["Resources"]["DataBucket"]["Properties"]
    (lifecycle,) = data["LifecycleConfiguration"]["Rules"]
    assert lifecycle["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0
    assert data["VersioningConfiguration"] == {"Status": "Enabled"}
    rule = data["CorsConfiguration"]["CorsRules"][0]
    assert rule["AllowedMethods"] == ["GET", "PUT"]
    # Pages of the console send files as well, whoever else may call the API.
    told = json.dumps(rule["AllowedOrigins"])
    assert '{"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "PublicUrl"}]}]}' in told
    assert '{"Ref": "CorsOrigins"}' in told
    for instance in of_type(plain, "AWS::RDS::DBInstance").values():
        assert instance["Properties"]["PubliclyAccessible"] is False
    groups = of_type(plain, "AWS::EC2::SecurityGroup").values()
    inwards = [r for g in groups for r in g["Properties"].get("SecurityGroupIngress", [])]
    assert inwards
    assert all("SourceSecurityGroupId" in rule for rule in inwards)


def test_functions_reach_endpoints_and_have_no_way_out(plain: dict[str, Any]) -> None:
    endpoints = of_type(plain, "AWS::EC2::VPCEndpoint").values()
    services = {each["Properties"]["ServiceName"]["Fn::Sub"] for each in endpoints}
    assert {name.rpartition(".")[2] for name in services} == {"s3", "sqs", "secretsmanager"}
    routes = of_type(plain, "AWS::EC2::Route").values()
    ways_out = {each["Properties"]["RouteTableId"]["Ref"] for each in routes}
    assert ways_out == {"PublicRoutes", "EgressRoutes"}
    for zone in ("A", "B"):
        way = plain["Resources"][f"PrivateWay{zone}"]["Properties"]
        assert way["RouteTableId"] == {"Ref": "PrivateRoutes"}
    workers = plain["Resources"]["Workers"]["Properties"]["NetworkConfiguration"]
    subnets = workers["AwsvpcConfiguration"]["Subnets"]
    assert subnets == [{"Ref": "EgressSubnetA"}, {"Ref": "EgressSubnetB"}]


def test_what_callers_can_use_up_is_bounded(plain: dict[str, Any]) -> None:
    (stage,) = of_type(plain, "AWS::ApiGateway::Stage").values()
    (everything,) = stage["Properties"]["MethodSettings"]
    assert (everything["ResourcePath"], everything["HttpMethod"]) == ("/*", "*")
    assert 0 < everything["ThrottlingRateLimit"] <= everything["ThrottlingBurstLimit"]
    api = plain["Resources"]["APIHandler"]["Properties"]
    assert api["ReservedConcurrentExecutions"] == STAGES["dev"].api_concurrency
    assert of_type(plain, "AWS::Budgets::Budget")


def test_somebody_is_told_of_what_goes_wrong(plain: dict[str, Any]) -> None:
    alarms = of_type(plain, "AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "Alarms"}], name
    watched = {
        (a["Properties"]["Namespace"], a["Properties"]["MetricName"]) for a in alarms.values()
    }
    assert {
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/ApiGateway", "Latency"),
        ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
    } <= watched
    failing = {n for n, a in alarms.items() if a["Properties"]["MetricName"] == "Errors"}
    assert failing == {f"{name}Fails" for name in schedule_resources()}


def test_what_api_gateway_answers_itself_is_a_problem_document(plain: dict[str, Any]) -> None:
    responses = plain["Resources"]["RestAPI"]["Properties"]["Body"][
        "x-amazon-apigateway-gateway-responses"
    ]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED", "REQUEST_TOO_LARGE"} <= responses.keys()
    for response in responses.values():
        headers = response["responseParameters"]
        told = "gatewayresponse.header.Content-Type"
        assert headers[told] == "'application/problem+json'"
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
        document = json.loads(response["responseTemplates"]["application/json"])
        assert document["status"] == int(response["statusCode"])
        assert document["type"] == f"urn:previsto:{document['title']}"
