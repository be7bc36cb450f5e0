"""Programs that end with whoever started them, and those that nobody holds by a pipe."""

import subprocess
import sys

WATCHING = """
import time
from infra.local.processes import end_with_parent
end_with_parent()
time.sleep(0.5)
print("still there")
"""


def _run(stdin: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WATCHING], stdin=stdin, stdout=subprocess.PIPE)


def test_an_empty_standard_input_as_in_a_container_ends_nothing() -> None:
    output, _ = _run(subprocess.DEVNULL).communicate(timeout=60)
    assert output == b"still there\n"


def test_a_pipe_that_closes_ends_the_program() -> None:
    output, _ = _run(subprocess.PIPE).communicate(timeout=60)
    assert output == b""
