"""The API, asked by schemathesis everything its OpenAPI document allows and much it forbids."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.infra.serving import serving_api

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture
def address(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The whole API behind the gateway, on a socket; asked more often than anybody may."""
    limits = {"RATE_LIMIT_PRINCIPAL": "1000000/minute", "RATE_LIMIT_ADDRESS": "1000000/minute"}
    with serving_api(tmp_path, **limits) as url:
        yield url


@pytest.mark.slow
def test_no_question_brings_a_server_error_or_an_undocumented_answer(
    address: str, admin: Client, tmp_path: Path
) -> None:
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
            *("--header", f"Authorization: Bearer {admin.token}"),
            *("--checks", ",".join(CHECKS)),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", "8", "--seed", "1", "--workers", "1", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
