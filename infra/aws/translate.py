"""Turns a SAM template into plain CloudFormation, as the service's own transform does.

    build/lambda/sam/bin/python infra/aws/translate.py TEMPLATE

Run by an interpreter of its own: the translator wants other versions of our libraries.
"""

import json
import sys
from typing import Any

from samtranslator.translator.transform import transform

# What the service would look up in the account.
POLICIES: dict[str, str] = {}


class Loader:
    """No function here has a policy of AWS."""

    def load(self) -> dict[str, str]:
        """Names of policies and their addresses."""
        return POLICIES


def main() -> None:
    """Print the translated template."""
    with open(sys.argv[1]) as file:
        template: dict[str, Any] = json.load(file)
    # Code lies beside the template until `aws cloudformation package` has stored it.
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if "CodeUri" in properties:
            properties["CodeUri"] = "s3://packages/deployment.zip"
    json.dump(transform(template, {}, Loader()), sys.stdout)


if __name__ == "__main__":
    main()
