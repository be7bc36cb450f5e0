"""The pages of the documentation, as a browser shows them under the policy they are sent with."""

import re
import subprocess
from pathlib import Path

import pytest

from infra.tour.browser import PROGRAMS, find_chromium
from tests.conftest import require_service


def shown(url: str, folder: Path) -> tuple[str, str]:
    """The page once its scripts have run, and what the browser said to that."""
    chromium = find_chromium()
    require_service("Chromium", chromium is not None, f"none of {', '.join(PROGRAMS)} found")
    asked = subprocess.run(
        [
            *(str(chromium), "--headless=new", "--no-sandbox", "--disable-gpu"),
            *(f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr"),
            # Swagger UI draws what is in sight.
            *("--virtual-time-budget=30000", "--window-size=1280,20000", "--dump-dom", url),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return asked.stdout, asked.stderr


@pytest.mark.slow
def test_swagger_ui_shows_every_kind_of_route(address: str, tmp_path: Path) -> None:
    page, said = shown(f"{address}/docs", tmp_path)
    assert len(re.findall("opblock-summary-path", page)) > 20
    assert "/aluno/{aluno_id}/risco-churn" in page.replace("\u200b", "")  # Where it may wrap.
    assert "violates the following Content Security Policy" not in said


@pytest.mark.slow
def test_redoc_shows_the_document_and_reaches_nobody_else(address: str, tmp_path: Path) -> None:
    page, said = shown(f"{address}/redoc", tmp_path)
    assert "/admin/atualizar-modelo" in page
    refused = re.findall(r"(?:Loading the \w+|Connecting to) '(https?://[^/']+)", said)
    assert address not in refused
