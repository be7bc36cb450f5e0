"""No secret in what is committed: every tracked file is looked through.

    python -m infra.ci.secrets

The passwords that tests and documentation make up are in `known-secrets.json`, by hash; a new one
is added by running this with `--accept` after looking at it.
"""

import subprocess
import sys

from infra.aws.pythons import ROOT
from infra.ci.tool import run_tool

# Names that sound like secrets are all over code that handles some.
OPTIONS = ("--disable-plugin", "KeywordDetector")
KNOWN = "infra/ci/known-secrets.json"  # From the project's folder on: the tool writes it down.
# Digests are random letters by nature: in these files they are all there is.
LEFT_OUT = r"\.ipynb$|known-secrets\.json$"
ONLY_MOVED = 3  # It has found nothing, and noted that what is known stands in other lines now.


def tracked_files() -> list[str]:
    """Names of all files that are committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git the developer has.
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name]


def main() -> int:
    """Look, and say what was found; the exit status is 1 when something was."""
    if "--accept" in sys.argv:
        found = ["scan", *OPTIONS, "--exclude-files", LEFT_OUT, "--baseline", KNOWN]
        return run_tool("detect-secrets", found)
    arguments = ["--baseline", KNOWN, "--exclude-files", LEFT_OUT, *tracked_files()]
    status = run_tool("detect-secrets", arguments, "detect-secrets-hook")
    return 0 if status == ONLY_MOVED else status


if __name__ == "__main__":
    sys.exit(main())
