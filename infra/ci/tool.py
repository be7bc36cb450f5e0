"""Run a tool of `infra/tools.txt` in an environment of its own, made at first use.

python -m infra.ci.tool pip-audit -r requirements.txt
"""

import subprocess
import sys
from pathlib import Path

from infra.aws.pythons import ROOT, Python, make_environment, pinned

TOOLS = ROOT / "build" / "tools"


def run_tool(package: str, arguments: list[str], program: str | None = None) -> int:
    """Run a program of a package that `infra/tools.txt` pins.

    Args:
        package: The package.
        arguments: Of the program.
        program: Its name, where it is not the package's.

    Returns:
        Its exit status.
    """
    version = ".".join(str(part) for part in sys.version_info[:3])
    here = Python(Path(sys.executable).resolve(), version)
    interpreter = make_environment(TOOLS / package, here, pinned(package))
    command = [str(interpreter.with_name(program or package)), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> int:
    """Run what is named."""
    return run_tool(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
