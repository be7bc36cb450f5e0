"""Every setting of the program, read from the environment once."""

import os
import re
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chalicelib.core.brokers import BrokerAddress, UnknownBroker

SHORTEST_SECRET = 32
NO_LIMIT = "off"
CACHE_URL = re.compile(r"rediss?://[^\s/:]*(:[^\s@]*@)?[^\s/@:]+(:\d{1,5})?(/\d{0,2})?(\?\S*)?")
ORIGIN = re.compile(r"https?://[^\s/]+")
SITE = re.compile(r"https?://[^\s/@?#]+(/[^\s?#]*)?")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SENTRY_DSN = re.compile(r"https?://[^\s@/]+@[^\s@]+/\d+")
HOUSE = "casa"  # The tenant of those who run the installation; companies have their own.

# So many requests in so much time; empty would be the default, as everywhere.
RATE_LIMIT = rf"^({NO_LIMIT}|[1-9]\d*/(second|minute|hour|day))$"


class Environment(StrEnum):
    """Where the program runs; the last two refuse settings that are fit for a laptop only."""

    DEV = "dev"
    TEST = "test"
    STAGING = "staging"
    PROD = "prod"


class Seed(StrEnum):
    """Which demo data an empty installation begins with."""

    NONE = "none"
    SMALL = "small"
    FULL = "full"


class UnsafeSettings(Exception):
    """Settings are missing or unsafe for this environment."""


class Settings(BaseSettings):
    """The program's settings; `.env.example` documents each of them.

    A field is read from the environment variable of the same name in capitals, then from
    `.env`, then from `DATA_DIR/local.env`, which `make run` writes at its first start.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    environment: Environment = Environment.DEV
    data_dir: Path = Path(".data")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    public_url: str = ""
    seed: Seed | None = None

    database_url: str = ""
    database_admin_url: str = ""
    # A training reads over two at once; an import works on two and shows how far it is. Both beat.
    database_pool_size: int = Field(5, ge=4)
    queue_url: str = "jobs://"
    storage_url: str = ""
    cache_url: str = ""

    jwt_secret: SecretStr = SecretStr("")
    jwt_secret_before: SecretStr = SecretStr("")
    signing_key: SecretStr = SecretStr("")
    admin_password: SecretStr = SecretStr("")
    access_token_minutes: int = Field(15, ge=1, le=60)
    refresh_token_days: int = Field(30, ge=1, le=90)
    login_max_failures: int = Field(5, ge=1)
    login_lock_minutes: int = Field(15, ge=1)
    rate_limit_principal: str = Field("6000/minute", pattern=RATE_LIMIT)
    rate_limit_address: str = Field("3000/minute", pattern=RATE_LIMIT)

    metrics_token: SecretStr = SecretStr("")
    sentry_dsn: SecretStr = SecretStr("")
    release: str = ""

    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    assets_url: str = "/assets"
    log_level: str = "INFO"
    local_timezone: str = "America/Sao_Paulo"
    upload_max_mb: int = Field(512, ge=1, le=5120)  # No store takes more in one PUT.
    upload_keep_days: int = Field(7, ge=1)
    jobs_keep_days: int = Field(90, ge=1)
    metrics_keep_days: int = Field(14, ge=1)
    model_cache_mb: int = Field(256, ge=1)
    worker_processes: int = Field(2, ge=1)
    gateway_processes: int = Field(2, ge=1)

    churn_faixa_media: float = Field(0.4, gt=0, lt=1)
    churn_faixa_alta: float = Field(0.7, gt=0, lt=1)
    churn_keep_days: int = Field(400, ge=7)
    churn_explicados: int = Field(200, ge=0, le=5000)
    retencao_fracao_controle: float = Field(0.1, ge=0, le=0.5)
    retencao_semente: str = Field("previsto", max_length=200)
    retencao_descanso_dias: int = Field(7, ge=1, le=90)

    credito_keep_days: int = Field(1825, ge=365)

    precos_keep_days: int = Field(365, ge=1)
    precos_dataset_max_mb: int = Field(200, ge=1)
    precos_treino_processos: int = Field(0, ge=0, le=256)

    books_base_url: str = "https://books.toscrape.com/"
    books_allowed_urls: Annotated[tuple[str, ...], NoDecode] = (
        "https://books.toscrape.com/",
        "http://books.toscrape.com/",
    )
    books_contact: str = Field("", max_length=200, pattern=r"^[ -~]*$")
    books_concurrency: int = Field(8, ge=1, le=16)
    books_timeout_seconds: float = Field(20, gt=0, le=120)
    books_pause_seconds: float = Field(0.5, gt=0, le=30)
    books_keep_days: int = Field(90, ge=1)
    books_predictions_keep_days: int = Field(365, ge=1)

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_on_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("books_allowed_urls", mode="before")
    @classmethod
    def _split_addresses(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _bands_are_ordered(self) -> Self:
        if self.churn_faixa_media >= self.churn_faixa_alta:
            raise ValueError("CHURN_FAIXA_MEDIA must be below CHURN_FAIXA_ALTA")
        return self

    @property
    def is_deployed(self) -> bool:
        """Whether strangers reach this environment."""
        return self.environment in (Environment.STAGING, Environment.PROD)

    @property
    def fit_jobs(self) -> int:
        """How many fits run at once: `PRECOS_TREINO_PROCESSOS`, else one per core; 1 on Lambda."""
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            return 1  # It has no shared memory for other processes.
        return self.precos_treino_processos or os.cpu_count() or 1

    @property
    def base_url(self) -> str:
        """Where clients reach the API: `PUBLIC_URL`, else this machine."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @property
    def objects_url(self) -> str:
        """Where objects are stored: `STORAGE_URL`, else a folder of the data directory."""
        return self.storage_url or (self.data_dir.resolve() / "objects").as_uri()

    def faults(self) -> list[str]:
        """What is missing or unsafe here, a sentence each; empty when all is well."""
        found = [
            f"{name} must be a secret of at least {SHORTEST_SECRET} characters"
            for name, secret in (("JWT_SECRET", self.jwt_secret), ("SIGNING_KEY", self.signing_key))
            if len(secret.get_secret_value()) < SHORTEST_SECRET
        ]
        if 0 < len(self.jwt_secret_before.get_secret_value()) < SHORTEST_SECRET:
            found.append(f"JWT_SECRET_BEFORE must be empty or have {SHORTEST_SECRET} characters")
        if 0 < len(self.metrics_token.get_secret_value()) < SHORTEST_SECRET:
            found.append(f"METRICS_TOKEN must be empty or have {SHORTEST_SECRET} characters")
        if (dsn := self.sentry_dsn.get_secret_value()) and not SENTRY_DSN.fullmatch(dsn):
            found.append("SENTRY_DSN must look like https://key@host/project")
        if not self.database_url:
            found.append("DATABASE_URL must name a PostgreSQL database")
        try:
            BrokerAddress.of(self.queue_url)
        except UnknownBroker as fault:
            found.append(str(fault))
        return (
            found
            + self._faults_of_form()
            + (self._faults_when_deployed() if self.is_deployed else [])
        )

    def _faults_of_form(self) -> list[str]:
        found = []
        if self.cache_url and not CACHE_URL.fullmatch(self.cache_url):
            found.append("CACHE_URL must be redis://host:port/number or rediss://...")
        if self.storage_url and not self.storage_url.startswith(("file:///", "s3://")):
            found.append("STORAGE_URL must be file:///directory or s3://bucket/prefix")
        if self.log_level.upper() not in LOG_LEVELS:
            found.append(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")
        if not _is_timezone(self.local_timezone):
            found.append("LOCAL_TIMEZONE must be a time zone such as America/Sao_Paulo")
        if any(origin != "*" and not ORIGIN.fullmatch(origin) for origin in self.cors_origins):
            found.append("CORS_ORIGINS must be origins such as https://painel.example.com")
        if not all(
            SITE.fullmatch(site) for site in (self.books_base_url, *self.books_allowed_urls)
        ):
            found.append(
                "BOOKS_BASE_URL and BOOKS_ALLOWED_URLS must be such as https://example.com/"
            )
        return found

    def _faults_when_deployed(self) -> list[str]:
        found = []
        if not self.public_url.startswith("https://"):
            found.append("PUBLIC_URL must begin with https://")
        if not self.storage_url.startswith("s3://"):
            found.append("STORAGE_URL must be an s3:// address")
        if "*" in self.cors_origins:
            found.append("CORS_ORIGINS must name its origins, not '*'")
        if self.admin_password.get_secret_value():
            found.append("ADMIN_PASSWORD must not be set; run python -m infra.create_admin once")
        if self.database_url and not urlsplit(self.database_url).password:
            found.append("DATABASE_URL must carry a password")
        if self.jwt_secret.get_secret_value() == self.signing_key.get_secret_value():
            found.append("JWT_SECRET and SIGNING_KEY must differ")
        return found


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def given_settings() -> Settings:
    """What the environment and `.env` say, before `make run` has added what it makes itself.

    Raises:
        UnsafeSettings: Some of it cannot be read.
    """
    return _read((".env",))


def _read(files: tuple[str | Path, ...]) -> Settings:
    try:
        return Settings(_env_file=files)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise UnsafeSettings("Settings that cannot be read: " + "; ".join(faults)) from None


def read_settings() -> Settings:
    """Read the environment and its files; raises `UnsafeSettings` that names every fault."""
    data_dir = Path(os.environ.get("DATA_DIR") or given_settings().data_dir)
    # Later files are read over earlier ones, and the environment over both.
    found = _read((data_dir / "local.env", ".env"))
    if faults := found.faults():
        raise UnsafeSettings(
            f"Settings that are missing or unsafe ({found.environment}): "
            f"{'; '.join(fault.rstrip('.') for fault in faults)}. .env.example documents each; "
            "on a laptop `make run` makes the secrets itself."
        )
    return found


@cache
def settings() -> Settings:
    """The settings of this process."""
    return read_settings()
