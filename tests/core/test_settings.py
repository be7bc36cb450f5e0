"""Settings: read once, unsafe ones refused by name, all of them documented."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import SecretStr

from chalicelib.core.settings import Environment, Settings, UnsafeSettings, read_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"

SAFE = {
    "ENVIRONMENT": "prod",
    "PUBLIC_URL": "https://api.example.com",
    "STORAGE_URL": "s3://previsto-objects",
    "DATABASE_URL": "postgresql://previsto:secret@db.example.com/previsto",
    "JWT_SECRET": "j" * 32,
    "SIGNING_KEY": "s" * 32,
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which nothing is wrong."""
    for name, value in SAFE.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("prod")
def test_safe_production_settings_are_read() -> None:
    found = read_settings()
    assert found.environment is Environment.PROD
    assert found.base_url == "https://api.example.com"


@pytest.mark.usefixtures("prod")
@pytest.mark.parametrize("environment", ["prod", "staging"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", ""),
        ("JWT_SECRET", "j" * 31),
        ("SIGNING_KEY", ""),
        ("SIGNING_KEY", SAFE["JWT_SECRET"]),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "postgresql://previsto@db.example.com/previsto"),
        ("PUBLIC_URL", ""),
        ("PUBLIC_URL", "http://api.example.com"),
        ("STORAGE_URL", ""),
        ("STORAGE_URL", "file:///srv/objects"),
        ("CORS_ORIGINS", "https://painel.example.com, *"),
        ("ADMIN_PASSWORD", "anything"),
        ("METRICS_TOKEN", "t" * 31),
        ("SENTRY_DSN", "sentry.example.com"),
        ("CACHE_URL", "redis://127.0.0.1:abc/0"),
        ("CACHE_URL", "memcached://here"),
        ("LOG_LEVEL", "verbose"),
        ("LOCAL_TIMEZONE", "Mars/X"),
        ("CORS_ORIGINS", "painel.example.com"),
        ("STORAGE_URL", "ftp://here/objects"),
    ],
)
def test_deployed_environment_refuses_unsafe_value_and_names_it(
    monkeypatch: pytest.MonkeyPatch, environment: str, name: str, value: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    monkeypatch.setenv(name, value)
    with pytest.raises(UnsafeSettings, match=rf"\({environment}\): .*\b{name} "):
        read_settings()


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "prod")
    with pytest.raises(UnsafeSettings) as refusal:
        read_settings()
    for name in ("JWT_SECRET", "SIGNING_KEY", "DATABASE_URL", "PUBLIC_URL", "STORAGE_URL"):
        assert name in str(refusal.value)


def test_no_secret_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [n for n, f in Settings.model_fields.items() if f.annotation is SecretStr]
    assert {"jwt_secret", "signing_key", "admin_password"} <= set(secrets)
    assert {Settings.model_fields[name].default.get_secret_value() for name in secrets} == {""}
    with pytest.raises(UnsafeSettings, match="JWT_SECRET"):
        read_settings()  # Not in development either.


@pytest.mark.usefixtures("prod")
def test_values_of_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "jjjj" not in repr(read_settings())
    monkeypatch.setenv("JWT_SECRET", "only-a-little")
    with pytest.raises(UnsafeSettings) as refusal:
        read_settings()
    assert "only-a-little" not in str(refusal.value)


@pytest.mark.usefixtures("prod")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "production"),
        ("PORT", "0"),
        ("PORT", "eighty"),
        ("ACCESS_TOKEN_MINUTES", "61"),
        ("SEED", "huge"),
        ("CHURN_FAIXA_ALTA", "1"),
        ("UPLOAD_MAX_MB", "5121"),
    ],
)
def test_value_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UnsafeSettings, match=name):
        read_settings()


@pytest.mark.usefixtures("prod")
def test_bands_out_of_order_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_FAIXA_MEDIA", "0.8")
    with pytest.raises(UnsafeSettings, match="CHURN_FAIXA_MEDIA must be below CHURN_FAIXA_ALTA"):
        read_settings()


def test_environment_goes_before_env_file_and_that_before_the_laptops(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    laptop = "".join(f"{name}={value}\n" for name, value in SAFE.items())
    (data_dir / "local.env").write_text(f"{laptop}LOG_LEVEL=DEBUG\nPORT=1001\nSEED=small\n")
    (tmp_path / ".env").write_text("LOG_LEVEL=ERROR\nPORT=1002\n")
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    monkeypatch.setenv("PORT", "1003")
    found = read_settings()
    assert (found.seed, found.log_level, found.port) == ("small", "ERROR", 1003)


@pytest.mark.usefixtures("prod")
def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example.com, https://b.example.com,")
    assert read_settings().cors_origins == ("https://a.example.com", "https://b.example.com")


def test_example_file_documents_every_setting_with_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documented = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    assert sorted(documented) == sorted(name.upper() for name in Settings.model_fields)
    for name, value in documented.items():
        monkeypatch.setenv(name, value)
    assert Settings() == Settings.model_construct()


def test_copy_of_the_example_file_changes_nothing(tmp_path: Path) -> None:
    laptop = "".join(f"{name}={value}\n" for name, value in SAFE.items())
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "local.env").write_text(laptop.replace("prod", "dev"))
    without = read_settings()
    (tmp_path / ".env").write_text(EXAMPLE.read_text())
    assert read_settings() == without


def test_every_setting_in_the_example_file_stands_below_an_explanation() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for above, line in pairwise(lines):
        if re.match(r"[A-Z_]+=", line):
            assert re.match(r"# \w|[A-Z_]+=", above), line
