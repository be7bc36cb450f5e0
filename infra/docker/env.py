"""Make the passwords of docker-compose.yml; what is there already stays.

make env
"""

import base64
import hashlib
import json
import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "POSTGRES_ADMIN_PASSWORD",
    "POSTGRES_PASSWORD",
    "RABBITMQ_PASSWORD",
    "REDIS_PASSWORD",
    "MINIO_PASSWORD",
    "GRAFANA_PASSWORD",
    "API_JWT_SECRET",
    "API_SIGNING_KEY",
    "API_METRICS_TOKEN",
    "API_ADMIN_PASSWORD",
)
USER = "previsto"


def make_env(folder: Path) -> list[str]:
    """Write what is missing into `.env`, and RabbitMQ's definitions beside the data.

    Args:
        folder: Of the project.

    Returns:
        The names that were missing.
    """
    path = folder / ".env"
    known = _read(path)
    # Letters, digits, - and _ only: they stand in URLs.
    new = {name: secrets.token_urlsafe(36) for name in NAMES if not known.get(name)}
    if new:
        before = path.read_text() if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        _write(path, before + "".join(f"{name}={value}\n" for name, value in new.items()))
    definitions = folder / ".data" / "compose" / "rabbitmq.json"
    definitions.parent.mkdir(parents=True, exist_ok=True)
    told = rabbitmq_definitions({**known, **new}["RABBITMQ_PASSWORD"])
    # The server reads it as another user; it holds a salted hash only.
    _write(definitions, json.dumps(told, indent=1), mode=0o644)
    return list(new)


def rabbitmq_definitions(password: str, salt: bytes | None = None) -> dict[str, object]:
    """Virtual host, user and rights.

    The hash is RabbitMQ's own: https://www.rabbitmq.com/docs/passwords
    """
    salt = salt if salt is not None else secrets.token_bytes(4)
    digest = hashlib.sha256(salt + password.encode()).digest()
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "vhosts": [{"name": USER, "default_queue_type": "quorum"}],
        "users": [
            {
                "name": USER,
                "password_hash": base64.b64encode(salt + digest).decode(),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["monitoring"],
            }
        ],
        "permissions": [{"user": USER, "vhost": USER, **rights}],
    }


def _read(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _write(path: Path, content: str, mode: int = 0o600) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(content)
    unfinished.replace(path)


def main() -> int:
    """Make them for this project, and say which."""
    made = make_env(ROOT)
    print(f".env: made {', '.join(made)}" if made else ".env has every password already.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
