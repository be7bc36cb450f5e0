"""The template of an installation: clean, complete, and made on an emulated account."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from chalice.package import TemplateDeepMerger
from moto import mock_aws
from moto.cloudformation.parsing import get_model_map

from functions import EVENT_SOURCES
from infra.aws.cfn import camel
from infra.aws.deploy import change_stack
from infra.aws.package import BUILD
from infra.aws.pythons import pinned
from infra.aws.stages import STAGES
from infra.aws.target import Target
from infra.aws.template import template, without_chalice_role
from tests.aws import CREDENTIALS
from tests.infra.aws.template import REGION, of_type

pytestmark = pytest.mark.slow

MOST_RESOURCES, MOST_BYTES = 500, 1_000_000
REGISTRY = f"123456789012.dkr.ecr.{REGION}.amazonaws.com/previsto"
PARAMETERS = {
    "PublicUrl": "https://api.example.com/api",
    "WorkerImage": f"{REGISTRY}:worker",
    "HandlerImage": f"{REGISTRY}:handler",
    "Release": "0123abc",
    "AlarmEmail": "alguem@example.com",
    "CorsOrigins": "https://painel.example.com",
    "BooksContact": "",
    "SentryDsn": "",
}
NOT_EMULATED = {
    "AWS::ApiGateway::Stage",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::Budgets::Budget",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudWatch::Alarm",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SecretsManager::Secret",
}
"""What moto's CloudFormation does not know, so that only cfn-lint has looked at it."""
NOT_AS_WE_USE_IT = {
    "AWS::ApiGateway::Deployment",  # Sees no methods where they come in one document.
    "AWS::RDS::DBInstance",  # Known, but not as a member of an Aurora cluster.
}


def _lint() -> Path:
    return Path(sys.executable).with_name("cfn-lint")


def _faults(found: dict[str, Any], folder: Path, name: str) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(found, indent=1))
    command = [str(_lint()), "--regions", REGION, "--template", str(path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    told: str = finished.stdout + finished.stderr
    return told


def test_the_template_is_clean(merged: dict[str, Any], tmp_path: Path) -> None:
    """Looked at again when anything of the template or of cfn-lint has changed."""
    looked_at = f"{pinned('cfn-lint')} {REGION} {json.dumps(merged)}"
    digest, stamp = hashlib.sha256(looked_at.encode()).hexdigest(), BUILD / "found-clean"
    if not (stamp.exists() and stamp.read_text() == digest):
        assert _faults(merged, tmp_path, "sam") == ""
        stamp.write_text(digest)


def test_a_fault_in_the_template_would_be_found(tmp_path: Path) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "long"}}
    assert "E3012" in _faults({"Resources": {"Queue": queue}}, tmp_path, "broken")


def test_stages_differ_in_sizes_only(merged: dict[str, Any]) -> None:
    for stage in STAGES.values():
        other = without_chalice_role(TemplateDeepMerger().merge(template(stage), merged))
        assert other["Resources"].keys() == merged["Resources"].keys()
        assert other["Outputs"].keys() == merged["Outputs"].keys()


def test_the_template_fits(plain: dict[str, Any]) -> None:
    assert len(plain["Resources"]) <= MOST_RESOURCES
    assert len(json.dumps(plain)) <= MOST_BYTES


def test_every_queue_has_one_for_dead_letters_and_somebody_who_works(
    plain: dict[str, Any],
) -> None:
    queues = of_type(plain, "AWS::SQS::Queue")
    mappings = of_type(plain, "AWS::Lambda::EventSourceMapping").values()
    functions = of_type(plain, "AWS::Lambda::Function")
    names = {f"previsto-dev-{name}" for name in EVENT_SOURCES}
    both = names | {f"{name}-dead" for name in names}
    assert {each["Properties"]["QueueName"] for each in queues.values()} == both
    served = set()
    for mapping in (each["Properties"] for each in mappings):
        name = mapping["EventSourceArn"]["Fn::GetAtt"][0]
        function = functions[mapping["FunctionName"]["Ref"]]["Properties"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2
        assert queues[name]["Properties"]["VisibilityTimeout"] >= 6 * function["Timeout"]
        served.add(name)
    short = {camel(name): source for name, source in EVENT_SOURCES.items() if not source.is_long}
    assert served == short.keys()
    for name, source in short.items():
        image = functions[f"{name}Handler"]["Properties"]
        assert image["ImageConfig"]["Command"] == [source.handler]
    for name in map(camel, EVENT_SOURCES):
        redrive = queues[name]["Properties"]["RedrivePolicy"]
        assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": [f"{name}Dead", "Arn"]}
        assert {f"{name}Old", f"{name}DeadLetters"} <= plain["Resources"].keys()


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    """An emulated account that is empty."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
            patch.setenv(name, value)
        with mock_aws():
            yield


def test_the_account_comes_to_hold_what_the_template_says(
    plain: dict[str, Any], account: None
) -> None:
    known = get_model_map()
    kinds = {each["Type"] for each in plain["Resources"].values()}
    assert {kind for kind in kinds if kind not in known} == NOT_EMULATED
    emulated = _without(plain, NOT_EMULATED | NOT_AS_WE_USE_IT)
    s3, stacks = boto3.client("s3"), boto3.client("cloudformation")
    place = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket="packages", CreateBucketConfiguration=place)
    s3.put_object(Bucket="packages", Key="deployment.zip", Body=b"")
    s3.put_object(Bucket="packages", Key="sam.json", Body=json.dumps(emulated).encode())
    target = Target(STAGES["dev"], PARAMETERS["Release"], {})
    change_stack(target, f"https://packages.s3.{REGION}.amazonaws.com/sam.json", PARAMETERS)
    pages = stacks.get_paginator("list_stack_resources").paginate(StackName="previsto-dev")
    made = {each["LogicalResourceId"] for page in pages for each in page["StackResourceSummaries"]}
    assert made == emulated["Resources"].keys()
    mappings = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert len(mappings) == sum(not source.is_long for source in EVENT_SOURCES.values())
    queues = boto3.client("sqs").list_queues(QueueNamePrefix="previsto-dev-")["QueueUrls"]
    assert len(queues) == 2 * len(EVENT_SOURCES)


def _without(found: dict[str, Any], kinds: set[str]) -> dict[str, Any]:
    """The template without resources of some kinds; what refers to one gets its name instead."""
    resources = found["Resources"]
    gone = {name for name, each in resources.items() if each["Type"] in kinds}

    def cut(value: Any) -> Any:
        match value:
            case {"Ref": str(name)} if name in gone:
                return name
            case {"Fn::GetAtt": [str(name), *_]} if name in gone:
                return name
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": _cut_text(text, gone)}
            case dict():
                return {key: cut(each) for key, each in value.items() if key != "DependsOn"}
            case list():
                return [cut(each) for each in value]
        return value

    kept = {name: cut(each) for name, each in resources.items() if name not in gone}
    return {"Parameters": found["Parameters"], "Resources": kept}


def _cut_text(text: str, gone: set[str]) -> str:
    for name in gone:
        text = text.replace(f"${{{name}}}", name)
        for end in (".Arn", ".DomainName", ".Endpoint.Address"):
            text = text.replace(f"${{{name}{end}}}", name)
    return text
