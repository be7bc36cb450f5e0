"""What is known of made-up passwords is written down for every machine alike."""

import json
import re

from infra.aws.pythons import ROOT
from infra.ci.secrets import KNOWN


def test_what_is_known_names_no_machine() -> None:
    written = (ROOT / KNOWN).read_text()
    assert KNOWN in {f.get("filename") for f in json.loads(written)["filters_used"]}
    assert re.findall(r'"/[^"]*"', written) == []
