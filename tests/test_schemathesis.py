"""The API, asked by schemathesis everything its OpenAPI document allows and much it forbids."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.gateway import wait_until_ready
from tests.client import Client
from tests.infra.serving import free_port

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture
def address(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The whole API behind the gateway, on a socket."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    settings = {"PORT": str(port), "PUBLIC_URL": url, "GATEWAY_PROCESSES": "1"}
    with (tmp_path / "gateway.log").open("wb") as log:
        gateway = subprocess.Popen(
            [sys.executable, "-m", "infra.local.serve"],
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,  # Held open: the gateway ends when whoever started it has.
            stdout=log,
            stderr=log,
        )
        try:
            wait_until_ready(f"{url}/health/live", 30)
            yield url
        finally:
            gateway.terminate()
            gateway.communicate(timeout=20)


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
            *("--max-examples", "15", "--seed", "1", "--workers", "1", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
