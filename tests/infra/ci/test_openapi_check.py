"""Changes of the API that clients would trip over, and those that they would not."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.aws.pythons import ROOT
from infra.ci.openapi_check import breaking_changes, document_of

Document = dict[str, Any]


def _document() -> Document:
    member = {
        "type": "object",
        "required": ["id", "nome"],
        "properties": {
            "id": {"type": "integer"},
            "nome": {"type": "string"},
            "email": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    }
    new = {
        "type": "object",
        "required": ["nome"],
        "properties": {
            "nome": {"type": "string"},
            "plano": {"type": "string", "enum": ["mensal", "anual"]},
        },
    }
    operation = {
        "parameters": [{"in": "query", "name": "chave"}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/schemas/New"}}}},
        "responses": {
            "201": {"content": {"application/json": {"schema": {"$ref": "#/schemas/Member"}}}},
            "409": {},
        },
    }
    return {"paths": {"/aluno": {"post": operation}}, "schemas": {"Member": member, "New": new}}


def _post(document: Document) -> Any:
    return document["paths"]["/aluno"]["post"]


BREAKING: dict[str, Callable[[Document], object]] = {
    "POST /aluno is gone": lambda d: d["paths"].pop("/aluno"),
    "POST /aluno does not take chave any more": lambda d: _post(d)["parameters"].pop(),
    "POST /aluno requires loja": lambda d: _post(d)["parameters"].append(
        {"in": "query", "name": "loja", "required": True}
    ),
    "POST /aluno does not answer 201 any more": lambda d: _post(d)["responses"].pop("201"),
    "POST /aluno, body: plano is required": lambda d: d["schemas"]["New"]["required"].append(
        "plano"
    ),
    "POST /aluno, body: plano is gone": lambda d: d["schemas"]["New"]["properties"].pop("plano"),
    "POST /aluno, body.plano: no longer takes anual": lambda d: d["schemas"]["New"]["properties"][
        "plano"
    ]["enum"].remove("anual"),
    "POST /aluno, 201: nome may be missing": lambda d: d["schemas"]["Member"]["required"].remove(
        "nome"
    ),
    "POST /aluno, 201: email is gone": lambda d: d["schemas"]["Member"]["properties"].pop("email"),
    "POST /aluno, 201.id: may be string": lambda d: d["schemas"]["Member"]["properties"][
        "id"
    ].update(type="string"),
}
HARMLESS: dict[str, Callable[[Document], object]] = {
    "a new path": lambda d: d["paths"].update({"/novo": {}}),
    "a new field of an answer": lambda d: d["schemas"]["Member"]["properties"].update(
        idade={"type": "integer"}
    ),
    "a new field that may be sent": lambda d: d["schemas"]["New"]["properties"].update(
        idade={"type": "integer"}
    ),
    "another refusal": lambda d: _post(d)["responses"].pop("409"),
    "a value more that is taken": lambda d: d["schemas"]["New"]["properties"]["plano"][
        "enum"
    ].append("semanal"),
}


@pytest.mark.parametrize("told", BREAKING)
def test_a_change_that_breaks_is_named(told: str) -> None:
    after = _document()
    BREAKING[told](after)
    assert list(breaking_changes(_document(), after)) == [told]


@pytest.mark.parametrize("what", HARMLESS)
def test_a_change_that_nobody_trips_over_is_none(what: str) -> None:
    after = _document()
    HARMLESS[what](after)
    assert list(breaking_changes(_document(), after)) == []


@pytest.mark.slow
def test_our_own_document_is_compared_whole() -> None:
    document = document_of(ROOT)
    assert list(breaking_changes(document, document)) == []
    poorer = json.loads(json.dumps(document))
    del poorer["paths"]["/aluno/checkin"]["post"]
    assert list(breaking_changes(document, poorer)) == ["POST /aluno/checkin is gone"]
