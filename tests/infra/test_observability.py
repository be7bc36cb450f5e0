"""Dashboards and alerts speak of metrics that there are, and of pages that there are."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from app import app
from chalicelib.core.settings import Settings
from infra.aws.pythons import ROOT
from infra.docker import grafana_alerts

OBSERVABILITY = ROOT / "infra" / "observability"
RULES: list[dict[str, Any]] = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"][
    0
]["rules"]
DASHBOARDS = sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json"))
DOCUMENTED = (ROOT / "infra" / "OBSERVABILITY.md").read_text()


def _expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def _named() -> set[str]:
    names = {name for text in _expressions() for name in re.findall(r"previsto_\w+", text)}
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}


def test_every_metric_that_is_asked_for_exists() -> None:
    known = set(_declared())
    assert len(_named()) >= 10
    assert _named() <= known, _named() - known


def _declared() -> Iterator[str]:
    """Names of all metrics in the sources; the library appends `_total` to counters."""
    source = (ROOT / "chalicelib" / "core" / "metrics.py").read_text()
    yield from (f"previsto_{n}_total" for n in re.findall(r'counter\(\s*"(\w+)"', source))
    yield from (f"previsto_{n}_seconds" for n in re.findall(r'histogram\(\s*"(\w+)"', source))
    for path in (ROOT / "chalicelib" / "core").glob("*.py"):
        yield from re.findall(r'"(previsto_\w+)"', path.read_text())


def test_every_metric_that_is_asked_for_is_documented() -> None:
    assert {name for name in _named() if name not in DOCUMENTED} == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_whoever_is_woken_up_finds_a_page(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^a-z]+", "-", heading.lower()) for heading in headings}
    assert rule["labels"]["severity"] in {"page", "warn"}


def test_grafana_tells_of_what_prometheus_alerts() -> None:
    assert grafana_alerts.TARGET.read_text() == grafana_alerts.written()
    found = yaml.safe_load(grafana_alerts.TARGET.read_text())
    (group,) = found["groups"]
    assert [rule["title"] for rule in group["rules"]] == [rule["alert"] for rule in RULES]
    assert len({rule["uid"] for rule in group["rules"]}) == len(RULES)
    sources = OBSERVABILITY / "grafana" / "provisioning" / "datasources" / "prometheus.yml"
    (source,) = yaml.safe_load(sources.read_text())["datasources"]
    for rule in group["rules"]:
        assert rule["data"][0]["datasourceUid"] == source["uid"]
        # Everywhere but here Grafana takes what follows a dollar sign from its environment.
        del rule["annotations"]
        assert "$" not in json.dumps(rule), rule["title"]
    assert found["policies"][0]["receiver"] == found["contactPoints"][0]["name"]
    assert "ALERT_WEBHOOK_URL" in (ROOT / "docker-compose.yml").read_text()


def test_panels_do_not_cover_each_other() -> None:
    for path in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text())["panels"]:
            place = panel["gridPos"]
            cells = {
                (place["x"] + x, place["y"] + y)
                for x in range(place["w"])
                for y in range(place["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells


@pytest.mark.parametrize("page", ["RUNBOOK.md", "DEPLOY.md", "THREATS.md"])
def test_pages_for_operators_name_endpoints_and_files_that_exist(page: str) -> None:
    content = (ROOT / "infra" / page).read_text()
    known = {
        (method, re.sub(r"\{[^}]*\}", "{}", path))
        for path, methods in app.routes.items()
        for method in methods
    }
    for method, path in re.findall(r"\b(GET|POST|PATCH|PUT|DELETE) (/[\w/{}.-]+)", content):
        assert (method, re.sub(r"\{[^}]*\}", "{}", path)) in known, (method, path)
    for name in re.findall(r"`((?:infra|tests|chalicelib|functions)/[\w./]+\.\w+)`", content):
        assert (ROOT / name).exists(), name
    settings = set(Settings.model_fields)
    for name in re.findall(r"`([A-Z]+_[A-Z_]+)`", content):
        ours = {*re.findall(r"[A-Z_]{5,}", (ROOT / "infra" / "aws" / "work.py").read_text())}
        elsewhere = {"SCHEDULE_RIGHTS", "CORS_ORIGINS", "ALARM_EMAIL"}
        assert name.lower() in settings or name in ours | elsewhere, name
