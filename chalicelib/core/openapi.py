"""OpenAPI 3.1 from the same declarations that validate, under Chalice."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from chalicelib.core.errors import (
    BadRequest,
    Forbidden,
    InternalError,
    PayloadTooLarge,
    Problem,
    ProblemDocument,
    ServiceUnavailable,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from chalicelib.core.parsing import JSON
from chalicelib.core.web import EndpointSpec

TITLE = "Previsto"
VERSION = "0.1.0"
DESCRIPTION = (
    "Trained predictions where small businesses decide. Errors are RFC 9457 "
    "`application/problem+json`; branch on their `title`, quote their `request_id`."
)
REF = "#/components/schemas/{model}"

Operation = tuple[str, str, str, EndpointSpec]


def build_document(routes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The document of an app.

    Args:
        routes: `Chalice.routes`: path -> method -> entry whose view carries its declarations.

    Returns:
        A JSON-serialisable OpenAPI 3.1 document.
    """
    operations = list(_operations(routes))
    schemas = _Schemas(spec for _, _, _, spec in operations)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, name, spec in operations:
        paths.setdefault(path, {})[method.lower()] = _operation(path, name, spec, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {
                "token": {
                    "type": "oauth2",
                    "description": "A short-lived access token from POST /auth/token.",
                    "flows": {
                        "password": {
                            "tokenUrl": "auth/token",
                            "refreshUrl": "auth/refresh",
                            "scopes": {},
                        }
                    },
                }
            },
        },
    }


def _operations(routes: Mapping[str, Mapping[str, Any]]) -> Iterator[Operation]:
    for path, methods in sorted(routes.items()):
        for method, entry in methods.items():
            spec: EndpointSpec | None = getattr(entry.view_function, "__endpoint__", None)
            if spec is not None and not spec.hidden:
                yield path, method, entry.view_function.__name__, spec


class _Schemas:
    """The JSON schemas of every model in use, each defined once."""

    def __init__(self, specs: Iterator[EndpointSpec]) -> None:
        models: dict[tuple[type[BaseModel], Any], None] = {(ProblemDocument, "serialization"): None}
        for spec in specs:
            if spec.body is not None:
                models[spec.body, "validation"] = None
            if _is_model(spec.response):
                models[spec.response, "serialization"] = None
        self._refs, found = models_json_schema(
            list(models), ref_template=REF, schema_generator=GenerateJsonSchema
        )
        self.definitions = found.get("$defs", {})

    def reference(self, model: type[BaseModel], mode: Any) -> dict[str, Any]:
        return self._refs[model, mode]


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _operation(path: str, name: str, spec: EndpointSpec, schemas: _Schemas) -> dict[str, Any]:
    first = path.strip("/").split("/")[0] or "início"
    found: dict[str, Any] = {
        "operationId": name,
        "summary": spec.summary,
        "tags": [first],
        "parameters": [*_path_parameters(path, spec), *_query_parameters(spec)],
        "responses": _responses(spec, schemas),
    }
    if spec.description:
        found["description"] = spec.description
    if spec.allow:
        found["security"] = [{"token": []}]
        roles = ", ".join(sorted(spec.allow))
        found["description"] = f"{found.get('description', '')}\n\nRoles: {roles}.".strip()
    if body := _request_body(spec, schemas):
        found["requestBody"] = body
    return found


def _path_parameters(path: str, spec: EndpointSpec) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", path):
        schema = TypeAdapter(spec.path[name]).json_schema()
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(spec: EndpointSpec) -> Iterator[dict[str, Any]]:
    if spec.query is None:
        return
    schema = spec.query.model_json_schema(ref_template=REF)
    definitions = schema.get("$defs", {})
    for name, field in schema["properties"].items():
        resolved = _inline(field, definitions)
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", []),
            "schema": resolved,
            "description": resolved.pop("description", ""),
        }


def _inline(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Query schemas are small: put what they refer to in place."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
        return {key: _inline(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    return schema


def _request_body(spec: EndpointSpec, schemas: _Schemas) -> dict[str, Any] | None:
    if spec.body is None and "raw" not in spec.parameters:
        return None
    content: dict[str, Any] = {}
    for media_type in spec.accepts:
        is_text = spec.body is None or media_type.startswith(("text/", "application/x-ndjson"))
        content[media_type] = {
            "schema": {"type": "string"}
            if is_text or spec.body is None
            else schemas.reference(spec.body, "validation")
        }
    return {"required": True, "content": content}


def _responses(spec: EndpointSpec, schemas: _Schemas) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(spec.status).phrase}
    if _is_model(spec.response):
        success["content"] = {JSON: {"schema": schemas.reference(spec.response, "serialization")}}
    elif spec.response_media_type != JSON:
        success["content"] = {spec.response_media_type: {"schema": {}}}
    if spec.status == 202:
        success["headers"] = {
            "Location": {"schema": {"type": "string"}, "description": "Where to follow the job."}
        }
    found = {str(spec.status): success}
    by_status: dict[int, list[type[Problem]]] = {}
    for problem in _problems(spec):
        by_status.setdefault(problem.status, []).append(problem)
    for status, problems in sorted(by_status.items()):
        found[str(status)] = _problem_response(problems)
    for status in spec.may_answer:
        found[str(status)]["content"] |= success["content"]
    return found


def _problems(spec: EndpointSpec) -> list[type[Problem]]:
    found: list[type[Problem]] = [InternalError, ServiceUnavailable]
    if spec.identifies_caller:
        found.append(Unauthorized)
    if spec.allow:
        found += [Unauthorized, Forbidden]
    if spec.body is not None or spec.query is not None or spec.path or "raw" in spec.parameters:
        found += [BadRequest, ValidationFailed]
    if spec.body is not None or "raw" in spec.parameters:
        found += [UnsupportedMediaType, PayloadTooLarge]
    return [*found, *spec.raises]


def _problem_response(problems: list[type[Problem]]) -> dict[str, Any]:
    examples = {
        problem.__name__: {"value": problem().document("5f0c1f6e0e8c4a3f9d3a2b1c0d9e8f7a")}
        for problem in dict.fromkeys(problems)
    }
    return {
        "description": " · ".join(problem.default_detail() for problem in dict.fromkeys(problems)),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": REF.format(model="ProblemDocument")},
                "examples": examples,
            }
        },
    }
