"""The document is valid OpenAPI 3.1 and says of every route what the route does."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi import definitions

from app import app
from chalicelib.core.auth import Role
from chalicelib.core.openapi import build_document
from chalicelib.core.views import View
from tests.client import Client
from tests.routes import api_views

HIDDEN = {"/openapi.json", "/docs", "/redoc", "/metrics"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The app's document."""
    return build_document(app.routes)


def views() -> Iterator[tuple[str, str, View]]:
    """Path, method and declarations of every endpoint but the preflights."""
    return (found for found in api_views() if found[1] != "OPTIONS")


def _find(node: Any, key: str) -> Iterator[Any]:
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        for value in node.values():
            yield from _find(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _find(value, key)


def test_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    # Formats are left out: the schema has `tokenUrl` absolute, where the standard lets it be
    # relative to the document, and only that is right behind every stage and proxy.
    validator = jsonschema_rs.Draft202012Validator(definitions.OPENAPI_31, validate_formats=False)
    validator.validate(document)


def test_every_schema_is_valid_json_schema(document: dict[str, Any]) -> None:
    schemas = [*document["components"]["schemas"].values(), *_find(document["paths"], "schema")]
    assert len(schemas) > 50
    for schema in schemas:
        jsonschema_rs.meta.validate({"$schema": DIALECT, **schema})


DIALECT = "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "headers")
        for name in document["components"][kind]
    }
    used = set(_find(document, "$ref"))
    assert used
    assert used <= known


def test_examples_of_requests_are_what_the_models_take() -> None:
    for path, _, view in views():
        if view.declared.body is None or path in HIDDEN:
            continue
        schema = view.declared.body.model_json_schema()
        if "properties" not in schema:  # Names of the sender's own.
            view.declared.body.model_validate_json(json.dumps(schema["examples"][0]))
            continue
        examples = {n: p["examples"][0] for n, p in schema["properties"].items() if "examples" in p}
        if set(schema.get("required", [])) <= set(examples):
            view.declared.body.model_validate_json(json.dumps(examples))


def test_every_route_is_documented(document: dict[str, Any]) -> None:
    described = {(p, m.upper()) for p, methods in document["paths"].items() for m in methods}
    assert described == {
        (path, method) for path, method, view in views() if not view.declared.hidden
    }
    assert {path for path, _, view in views() if view.declared.hidden} == HIDDEN


def test_operations_are_grouped_by_product_and_part(document: dict[str, Any]) -> None:
    told = {group["name"]: group["description"] for group in document["tags"]}
    assert list(told) == sorted(told)
    assert all(told.values())
    used: dict[str, set[str]] = {}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            (group,) = operation["tags"]
            used.setdefault(group, set()).add(path)
    assert used.keys() == told.keys()
    assert {"/api/v1/books", "/api/v1/stats/overview", "/api/v1/health"} <= used["books"]
    assert "/api/v1/ml/predictions" in used["books · ml"]
    assert "/api/v1/scraping/trigger" in used["books · scraping"]
    assert "/api/v1/metrics/summary" in used["core"]
    assert "/api/v1/auth/login" in used["identity · api"]
    assert all(path.startswith("/credito/") for g in used if g[:6] == "credit" for path in used[g])


def test_operations_have_names_of_their_own_and_a_summary(document: dict[str, Any]) -> None:
    operations = [o for methods in document["paths"].values() for o in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in operations)


def test_security_and_roles_are_those_of_the_view(document: dict[str, Any]) -> None:
    for path, method, view in views():
        if view.declared.hidden:
            continue
        operation = document["paths"][path][method.lower()]
        if view.roles:
            by_key = Role.EMPRESA in view.roles and view.declared.tenant is None
            assert operation["security"] == [{"token": []}, {"chave": []}][: 1 + by_key], path
            roles = ", ".join(sorted(view.roles))
            assert f"Roles: {roles}." in operation["description"], path
        else:
            assert "security" not in operation, path


def test_every_problem_of_a_view_is_documented_with_an_example(document: dict[str, Any]) -> None:
    for path, method, view in views():
        if view.declared.hidden:
            continue
        responses = document["paths"][path][method.lower()]["responses"]
        expected = {"InternalError": 500, "ServiceUnavailable": 503}
        if view.roles:
            expected |= {"Unauthorized": 401, "Forbidden": 403}
        if view.declared.body or view.declared.query or view.path:
            expected |= {"ValidationFailed": 422}
        if view.declared.body:
            expected |= {"UnsupportedMediaType": 415, "PayloadTooLarge": 413, "BadRequest": 400}
        if not view.declared.unlimited:
            expected |= {"TooManyRequests": 429}
        expected |= {problem.__name__: problem.status for problem in view.declared.raises}
        for name, status in expected.items():
            content = responses[str(status)]["content"]["application/problem+json"]
            example = content["examples"][name]["value"]
            assert (example["title"], example["status"]) == (name, status), path


def test_key_is_documented_where_it_is_taken_and_where_it_is_refused(
    document: dict[str, Any],
) -> None:
    for path, method, view in views():
        if view.declared.hidden:
            continue
        operation = document["paths"][path][method.lower()]
        parameters = [p["name"] for p in operation["parameters"] if p["in"] == "header"]
        headers = operation["responses"][str(view.declared.status)].get("headers", {})
        takes = view.takes_key(method)
        assert ("Idempotency-Key" in parameters) == takes, path
        assert ("Idempotent-Replayed" in headers) == takes, path
        documented = {
            name
            for found in _find(operation["responses"], "examples")
            for name in found
            if name.startswith("Idempotency")
        }
        expected = set()
        if takes:
            expected = {"IdempotencyKeyMalformed", "IdempotencyInFlight", "IdempotencyKeyReused"}
        elif view.refuses_key(method):
            expected = {"IdempotencyKeyUnsupported"}
        assert documented == expected, path


def test_condition_is_documented_where_a_version_is_answered_and_may_be_asked_for(
    document: dict[str, Any],
) -> None:
    for method, takes in (("get", False), ("put", True)):
        operation = document["paths"]["/aluno/{aluno_id}"][method]
        assert "ETag" in operation["responses"]["200"]["headers"]
        assert ("If-Match" in [p["name"] for p in operation["parameters"]]) == takes
    unversioned = document["paths"]["/planos/{plano_id}"]["put"]["responses"]["200"]
    assert "ETag" not in unversioned["headers"]


def test_body_whose_every_field_may_be_left_out_may_be_left_out(document: dict[str, Any]) -> None:
    bodies = {
        name: document["paths"][f"/aluno/{{aluno_id}}/{name}"]["patch"]["requestBody"]["required"]
        for name in ("ativar", "desativar")
    }
    assert bodies == {"ativar": False, "desativar": True}


@pytest.mark.parametrize(
    ("key", "is_one"), [("8e03978e", True), ('"8e03978e"', True), ('"8e', False), ("a b", False)]
)
def test_pattern_of_the_key_says_what_is_taken(
    document: dict[str, Any], key: str, is_one: bool
) -> None:
    parameters = document["paths"]["/planos"]["post"]["parameters"]
    schema = next(p["schema"] for p in parameters if p["in"] == "header")
    assert jsonschema_rs.is_valid(schema, key) is is_one


def test_path_parameters_are_those_of_the_path(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            named = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert named == re.findall(r"{(\w+)}", path)


def test_accepted_work_says_where_it_is_followed(document: dict[str, Any]) -> None:
    accepted = [
        r["202"]
        for m in document["paths"].values()
        for o in m.values()
        if "202" in (r := o["responses"])
    ]
    assert accepted
    assert all("Location" in response["headers"] for response in accepted)


def test_counted_answers_say_so_and_refusals_when_to_come_back(document: dict[str, Any]) -> None:
    for path, method, view in views():
        if view.declared.hidden:
            continue
        responses = document["paths"][path][method.lower()]["responses"]
        counted = {code for code, r in responses.items() if "RateLimit" in r["headers"]}
        assert counted == (set() if view.declared.unlimited else set(responses)), path
        waiting = {code for code, r in responses.items() if "Retry-After" in r["headers"]}
        assert waiting == responses.keys() & {"429"}, path
    description = document["paths"]["/auth/token"]["post"]["description"]
    assert "At most 30/minute by one caller." in description


def test_document_is_served_with_its_address(anonymous: Client) -> None:
    answer = anonymous.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["openapi"] == "3.1.0"
    assert answer.json["servers"] == [{"url": "/"}]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_fetch_nothing_from_elsewhere(anonymous: Client, path: str) -> None:
    page = anonymous.get(path)
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"/openapi.json" in page.body
    assert not re.findall(rb'(?:src|href)="https?://', page.body)
