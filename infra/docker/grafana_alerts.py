"""Prometheus's alerts as Grafana provisions them, so that somebody is told and not only shown.

python -m infra.docker.grafana_alerts
"""

import re
from pathlib import Path
from typing import Any

import yaml

OBSERVABILITY = Path(__file__).parents[1] / "observability"
SOURCE = OBSERVABILITY / "alerts.yml"
TARGET = OBSERVABILITY / "grafana" / "provisioning" / "alerting" / "previsto.yml"
NOTICE = "# Made of ../../../alerts.yml by `python -m infra.docker.grafana_alerts`.\n"
RECEIVER = "previsto"
LOOKED_BACK_SECONDS = 600


def provisioning(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Rules, whom they are sent to, and how they are put together."""
    webhook = {
        "uid": f"{RECEIVER}-webhook",
        "type": "webhook",
        "settings": {"url": "$ALERT_WEBHOOK_URL"},
    }
    return {
        "apiVersion": 1,
        "contactPoints": [{"orgId": 1, "name": RECEIVER, "receivers": [webhook]}],
        "policies": [{"orgId": 1, "receiver": RECEIVER, "group_by": ["alertname", "queue"]}],
        "groups": [
            {
                "orgId": 1,
                "name": group["name"],
                "folder": "Previsto",
                "interval": "1m",
                "rules": [_rule(rule) for rule in group["rules"]],
            }
            for group in groups
        ],
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", rule["alert"]).lower()
    asked = {"refId": "A", "expr": rule["expr"].strip(), "instant": True}
    # The expression gives only the series that are to be told of, and no number below zero.
    any_number = [{"evaluator": {"type": "gt", "params": [-1]}}]
    judged = {"refId": "B", "type": "threshold", "expression": "A", "conditions": any_number}
    return {
        "uid": f"previsto-{name}",
        "title": rule["alert"],
        "condition": "B",
        "for": rule.get("for", "0s"),
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": rule["labels"],
        "annotations": {key: _in_grafana(text) for key, text in rule["annotations"].items()},
        "data": [
            {"refId": "A", "datasourceUid": "prometheus", "model": asked, **_span()},
            {"refId": "B", "datasourceUid": "__expr__", "model": judged, **_span()},
        ],
    }


def _span() -> dict[str, dict[str, int]]:
    return {"relativeTimeRange": {"from": LOOKED_BACK_SECONDS, "to": 0}}


def _in_grafana(text: str) -> str:
    """Grafana's `$value` is a sentence; the number stands under its query's letter."""
    return text.replace("$value", "$values.A.Value")


def written() -> str:
    """The file's content."""
    found = provisioning(yaml.safe_load(SOURCE.read_text())["groups"])
    return NOTICE + str(yaml.safe_dump(found, sort_keys=False, width=120))


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(written())
