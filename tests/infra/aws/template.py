"""Looking into a template."""

from typing import Any

REGION = "sa-east-1"

Resources = dict[str, dict[str, Any]]


def of_type(found: dict[str, Any], kind: str) -> Resources:
    """Its resources of a type, by their logical names."""
    resources: Resources = found["Resources"]
    return {name: each for name, each in resources.items() if each["Type"] == kind}
