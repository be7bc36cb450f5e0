"""The workflow and the Jenkinsfile: whole, alike, and in words that the Makefile knows."""

import re
from typing import Any

import yaml

from infra.aws.pythons import ROOT
from infra.aws.stages import STAGES
from infra.tour.video import FILM
from tests.browser.conftest import SCREENSHOTS

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
JENKINS = (ROOT / "Jenkinsfile").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
WORDS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
STAGES_OF_CI = {
    *("check", "test", "light", "migrations", "notebooks", "browser", "package-check", "audit"),
    *("openapi-check", "package", "images", "containers", "deploy", "tour"),
}


def _words(text: str) -> set[str]:
    return set(re.findall(r"make ([a-z][a-z-]*)", text))


def _said_by_github() -> set[str]:
    steps = [step for job in JOBS.values() for step in job["steps"]]
    said = {word for step in steps for word in _words(step.get("run", ""))}
    return said | set(JOBS["parts"]["strategy"]["matrix"]["word"])


def test_both_say_the_same_words_and_the_makefile_knows_them() -> None:
    assert _said_by_github() == _words(JENKINS) == STAGES_OF_CI
    assert STAGES_OF_CI <= WORDS
    phony = set(re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)[1].split())  # type: ignore[index]
    assert phony - {"\\"} == WORDS


def test_what_browsers_saw_is_kept() -> None:
    kept = {
        name: [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
        for name, job in JOBS.items()
    }
    assert [step["if"] for step in kept["test"]] == ["failure()"]
    assert [step["if"] for step in kept["parts"]] == ["always() && matrix.word == 'browser'"]
    for step in (*kept["test"], *kept["parts"]):
        assert step["with"]["path"] == SCREENSHOTS.parent.relative_to(ROOT).as_posix()
    assert JENKINS.count(f"{SCREENSHOTS.parent.relative_to(ROOT)}/**") == 2
    assert FILM.parent.relative_to(ROOT).as_posix() == kept["tour"][0]["with"]["path"]
    assert str(FILM.relative_to(ROOT)) in JENKINS


def test_jobs_wait_for_jobs_that_exist() -> None:
    for name, job in JOBS.items():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= JOBS.keys(), name
        assert job["timeout-minutes"] <= 90


def test_every_python_is_tried_beside_real_servers() -> None:
    test = JOBS["test"]
    assert test["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert test["services"].keys() == {"postgres", "rabbitmq", "redis"}
    assert test["env"]["REQUIRE_SERVICES"] == "1"
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, service in test["services"].items():
        assert service["image"] == compose[name]["image"], name


def test_nothing_is_deployed_unasked_or_untested() -> None:
    deploy = JOBS["deploy"]
    assert set(deploy["needs"]) == {"test", "parts", "package", "images"}
    assert deploy["environment"] == "${{ matrix.stage }}"  # Who approves is said there.
    assert deploy["strategy"]["matrix"]["stage"] == list(STAGES)
    assert "refs/heads/main" in deploy["if"]
    assert JENKINS.index("input {") < JENKINS.index("make deploy")


def test_no_step_runs_text_that_strangers_write() -> None:
    for name, job in JOBS.items():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), (name, step)


def test_rights_are_the_least_and_actions_are_pinned() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job] == ["deploy"]
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert all(re.search(r"@(v\d+\.\d+\.\d+|[0-9a-f]{40})$", action) for action in used)


def test_the_jenkinsfile_closes_what_it_opens() -> None:
    code = re.sub(r"'[^']*'|\"[^\"]*\"|//.*", "", JENKINS)
    for opening, closing in ("{}", "()", "[]"):
        assert code.count(opening) == code.count(closing)
