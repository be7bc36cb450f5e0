"""What is deployed, and where to."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.aws.stages import Stage, stage_named


class DeploymentFailed(Exception):
    """A step did not succeed; the message says which and why."""


@dataclass(frozen=True)
class Target:
    """Where a version goes.

    Attributes:
        stage: Its sizes and names.
        release: What is deployed, such as a commit.
        values: Parameters of the template that the owner sets.
    """

    stage: Stage
    release: str
    values: Mapping[str, str]

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.stage.prefix


def target_of(arguments: list[str], environment: Mapping[str, str]) -> Target:
    """What the caller asks for.

    Raises:
        UnknownStage: There is no such stage.
        DeploymentFailed: A value is missing.
    """
    stage = stage_named(arguments[0] if arguments else "")
    names = {
        "AlarmEmail": "ALARM_EMAIL",
        "BooksContact": "BOOKS_CONTACT",
        "CorsOrigins": "CORS_ORIGINS",
        "JwtSecretBefore": "JWT_SECRET_BEFORE",
        "PublicUrl": "PUBLIC_URL",
        "SentryDsn": "SENTRY_DSN",
    }
    values = {n: environment[v] for n, v in names.items() if environment.get(v)}
    if not environment.get("RELEASE") or "AlarmEmail" not in values:
        raise DeploymentFailed("RELEASE and ALARM_EMAIL must be set")
    return Target(stage, environment["RELEASE"], values)
