"""OpenAPI 3.1 from the same declarations that validate, under Chalice."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from chalicelib.core.auth import Role
from chalicelib.core.errors import (
    BadRequest,
    CompaniesOnly,
    Forbidden,
    InternalError,
    PayloadTooLarge,
    Problem,
    ProblemDocument,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from chalicelib.core.idempotency import (
    HEADER,
    KEPT,
    KEY_PATTERN,
    REPLAYED,
    IdempotencyInFlight,
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
    IdempotencyKeyUnsupported,
)
from chalicelib.core.openapi_groups import Group
from chalicelib.core.parsing import JSON
from chalicelib.core.views import View

TITLE = "Previsto"
VERSION = "0.1.0"
DESCRIPTION = (
    "Trained predictions where small businesses decide. Errors are RFC 9457 "
    "`application/problem+json`; branch on their `title`, quote their `request_id`. What creates "
    f"takes an `{HEADER}`, and may then be sent again without being done again."
)
KEPT_HOURS = int(KEPT.total_seconds()) // 3600
KEY_PARAMETER: Mapping[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": KEY_PATTERN},
    "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    "description": (
        "A new key of your own, such as a UUID, for each thing that is to be created, bare or in "
        "double quotes. The same request sent again with it creates nothing: it is answered as "
        f"before, with `{REPLAYED}: true`. A key is yours and this path's, and is kept for at "
        f"least {KEPT_HOURS} hours. A refusal is not kept: repair the request, or send it again, "
        "with the same key."
    ),
}
CONDITION_PARAMETER: Mapping[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": '"7"',
    "description": (
        "The `ETag` of what you read. Should it have changed since, nothing is done and the answer "
        "is a 412; without the header the last one to write wins."
    ),
}
REF = "#/components/schemas/{model}"
HEADERS = {
    "X-Request-Id": "What the logs of this request carry; quote it when you ask for help.",
    "RateLimit-Policy": 'How often you may ask: `"name";q=requests;w=seconds`, for each policy.',
    "RateLimit": 'What is left of it: `"name";r=requests;t=seconds`, for each policy.',
    "Retry-After": "Seconds to wait.",
    "Location": "Where to follow the job.",
    "ETag": "The version of what is answered; see `If-Match`.",
    REPLAYED: f"`true` where the `{HEADER}` was known: this is its answer.",
}

REDIRECTIONS = range(300, 400)

Operation = tuple[str, str, Group, str, View]


def build_document(routes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The document of an app.

    Args:
        routes: `Chalice.routes`: path -> method -> entry whose view carries its declarations.

    Returns:
        A JSON-serialisable OpenAPI 3.1 document.
    """
    operations = list(_operations(routes))
    schemas = _Schemas(view for *_, view in operations)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, group, name, view in operations:
        operation = {"tags": [group.name], **_operation(path, method, name, view, schemas)}
        paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "tags": [
            {"name": group.name, "description": group.about}
            for group in sorted({group for _, _, group, *_ in operations})
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "headers": {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in HEADERS.items()
            },
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
                },
                "chave": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of a company's program, in place of an access token.",
                },
            },
        },
    }


def _operations(routes: Mapping[str, Mapping[str, Any]]) -> Iterator[Operation]:
    for path, methods in sorted(routes.items()):
        for method, entry in methods.items():
            view: View | None = getattr(entry.view_function, "__endpoint__", None)
            if view is not None and not view.declared.hidden:
                module = entry.view_function.__module__
                yield path, method, Group.of(module), entry.view_function.__name__, view


class _Schemas:
    """The JSON schemas of every model in use, each defined once."""

    def __init__(self, views: Iterator[View]) -> None:
        models: dict[tuple[type[BaseModel], Any], None] = {(ProblemDocument, "serialization"): None}
        for view in views:
            if view.declared.body is not None:
                models[view.declared.body, "validation"] = None
            if _is_model(view.response):
                models[view.response, "serialization"] = None
        self._refs, found = models_json_schema(
            list(models), ref_template=REF, schema_generator=GenerateJsonSchema
        )
        self.definitions = found.get("$defs", {})

    def reference(self, model: type[BaseModel], mode: Any) -> dict[str, Any]:
        return self._refs[model, mode]


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _operation(path: str, method: str, name: str, view: View, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": name,
        "summary": view.summary,
        "parameters": [*_path_parameters(path, view), *_query_parameters(view)],
        "responses": _responses(method, view, schemas),
    }
    if view.takes_key(method):
        found["parameters"].append(KEY_PARAMETER)
    if view.takes_condition(method):
        found["parameters"].append(CONDITION_PARAMETER)
    if view.description:
        found["description"] = view.description
    if view.roles:
        found["security"] = [{"token": []}]
        if Role.EMPRESA in view.roles and view.declared.tenant is None:
            found["security"].append({"chave": []})
        text = f"Roles: {', '.join(sorted(view.roles))}."
        if view.declared.companies_only:
            text += " For companies only: the house is refused."
        found["description"] = f"{found.get('description', '')}\n\n{text}".strip()
    if view.declared.limit:
        text = f"At most {view.declared.limit} by one caller."
        found["description"] = f"{found.get('description', '')}\n\n{text}".strip()
    if body := _request_body(view, schemas):
        found["requestBody"] = body
    return found


def _path_parameters(path: str, view: View) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", path):
        schema = TypeAdapter(view.path[name]).json_schema()
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(view: View) -> Iterator[dict[str, Any]]:
    if view.declared.query is None:
        return
    schema = view.declared.query.model_json_schema(ref_template=REF)
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


def _request_body(view: View, schemas: _Schemas) -> dict[str, Any] | None:
    if not view.takes_body:
        return None
    body, content = view.declared.body, dict[str, Any]()
    for media_type in view.declared.accepts:
        is_text = media_type.startswith(("text/", "application/x-ndjson"))
        content[media_type] = {
            "schema": {"type": "string"}
            if is_text or body is None
            else schemas.reference(body, "validation")
        }
    return {"required": view.needs_body, "content": content}


def _responses(method: str, view: View, schemas: _Schemas) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(view.declared.status).phrase}
    if _is_model(view.response):
        success["content"] = {JSON: {"schema": schemas.reference(view.response, "serialization")}}
    elif view.declared.response_media_type != JSON:
        success["content"] = {view.declared.response_media_type: {"schema": {}}}
    for media_type in view.declared.also_as:
        success["content"][media_type] = {"schema": {"type": "string"}}
    found = {str(view.declared.status): success}
    by_status: dict[int, list[type[Problem]]] = {}
    for problem in _problems(method, view):
        by_status.setdefault(problem.status, []).append(problem)
    for status, problems in sorted(by_status.items()):
        found[str(status)] = _problem_response(problems)
    for status in view.declared.may_answer:
        answered = found.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        if status not in REDIRECTIONS:
            answered["content"] = answered.get("content", {}) | success["content"]
    for code, response in found.items():
        response["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"}
            for name in _headers(method, view, int(code))
        }
    return found


def _headers(method: str, view: View, status: int) -> Iterator[str]:
    yield "X-Request-Id"
    if not view.declared.unlimited:
        yield from ("RateLimit-Policy", "RateLimit")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        yield "Retry-After"
    if status == HTTPStatus.ACCEPTED:
        yield "Location"
    if status == view.declared.status and view.takes_key(method):
        yield REPLAYED
    if status == view.declared.status and view.declared.versioned:
        yield "ETag"


def _problems(method: str, view: View) -> list[type[Problem]]:
    found: list[type[Problem]] = [InternalError, ServiceUnavailable]
    if view.declared.identifies_caller:
        found.append(Unauthorized)
    if not view.declared.unlimited:
        found.append(TooManyRequests)
    if view.roles:
        found += [Unauthorized, Forbidden]
    if view.declared.companies_only:
        found.append(CompaniesOnly)
    if view.takes_body or view.declared.query is not None or view.path:
        found += [BadRequest, ValidationFailed]
    if view.takes_body:
        found += [UnsupportedMediaType, PayloadTooLarge]
    if view.takes_key(method):
        found += [IdempotencyKeyMalformed, IdempotencyInFlight, IdempotencyKeyReused]
    if view.refuses_key(method):
        found.append(IdempotencyKeyUnsupported)
    return [*found, *view.declared.raises]


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
