"""The emulated Lambda service: what a function sees, and how its failures are told."""

import sys
from pathlib import Path

import pytest

from infra.local.lambda_service import Function, FunctionFailed, LambdaInstance

SOURCE = """
import os, time

calls = 0

def echo(event, context):
    global calls
    calls += 1
    return {"event": event, "calls": calls, "request": context.aws_request_id,
            "left": context.get_remaining_time_in_millis(), "name": context.function_name}

def raises(event, context):
    raise ValueError("these words")

def ends(event, context):
    os._exit(3)

def sleeps(event, context):
    time.sleep(60)

def surroundings(event, context):
    print("seen in the log", flush=True)
    return dict(os.environ)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "module.py").write_text(SOURCE)
    return tmp_path


def instance(folder: Path, name: str) -> LambdaInstance:
    function = Function(Path(sys.executable), folder, f"module.{name}", {"GIVEN": "yes"})
    return LambdaInstance(function, folder / "log")


def test_an_instance_stays_warm_and_each_event_is_a_request_of_its_own(folder: Path) -> None:
    with instance(folder, "echo") as function:
        assert function.init_cpu_seconds > 0
        assert function.init_seconds > 0
        first, second = (function.invoke({"ação": n}, timeout_seconds=20) for n in (1, 2))
    assert (first["event"], first["calls"]) == ({"ação": 1}, 1)
    assert (second["event"], second["calls"]) == ({"ação": 2}, 2)
    assert first["request"] != second["request"]
    assert 0 < first["left"] <= 20_000


def test_a_function_sees_its_own_variables_and_not_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "private")
    with instance(folder, "surroundings") as function:
        seen = function.invoke({})
        assert "seen in the log" in function.output
    assert seen["GIVEN"] == "yes"
    assert seen["_HANDLER"] == "module.surroundings"
    assert "OURS" not in seen


def test_what_a_function_raises_is_told_and_the_next_event_is_taken(folder: Path) -> None:
    with instance(folder, "raises") as function:
        for _ in range(2):
            with pytest.raises(FunctionFailed, match="these words"):
                function.invoke({})


def test_a_function_that_ends_is_told(folder: Path) -> None:
    with instance(folder, "ends") as function, pytest.raises(FunctionFailed, match="status 3"):
        function.invoke({})


def test_a_function_that_takes_too_long_is_told(folder: Path) -> None:
    with (
        instance(folder, "sleeps") as function,
        pytest.raises(FunctionFailed, match=r"within 0\.2 seconds"),
    ):
        function.invoke({}, timeout_seconds=0.2)


def test_code_that_cannot_be_loaded_is_told_and_leaves_no_process(folder: Path) -> None:
    (folder / "module.py").write_text("import a_library_that_is_not_there")
    failing = instance(folder, "echo")
    with pytest.raises(FunctionFailed, match="a_library_that_is_not_there"), failing:
        pass
    assert failing._process is not None
    assert failing._process.poll() is not None
