"""Background work in tests: done by the worker's own code, in this process."""

from typing import Any

from infra.local.worker import open_worker
from tests.client import Answer, Client

CSV = "text/csv"
NDJSON = "application/x-ndjson"


def work_off() -> int:
    """Work on every job that is due, as a worker would; gives how many there were."""
    return open_worker().drain()


def finished_job(client: Client, accepted: Answer) -> dict[str, Any]:
    """Work off what a 202 promised and give the job as its owner then sees it."""
    assert accepted.status == 202, accepted.body
    assert accepted.headers["Location"].endswith(f"/jobs/{accepted.json['id']}")
    work_off()
    job: dict[str, Any] = client.get(f"/jobs/{accepted.json['id']}").json
    return job


def import_report(client: Client, path: str, data: str, content_type: str = CSV) -> dict[str, Any]:
    """Send a file inline, work it off, and give its report."""
    job = finished_job(client, client.post(path, data.encode(), content_type=content_type))
    assert job["state"] == "succeeded", job
    report: dict[str, Any] = job["result"]
    return report


def counts(report: dict[str, Any]) -> tuple[int, int, int]:
    """Accepted, duplicate, rejected."""
    assert report["linhas"] == report["aceitas"] + report["duplicadas"] + report["rejeitadas"]
    return report["aceitas"], report["duplicadas"], report["rejeitadas"]


def rejections(report: dict[str, Any]) -> dict[int, str]:
    """Line -> reason."""
    return {row["linha"]: row["motivo"] for row in report["primeiras_rejeicoes"]}
