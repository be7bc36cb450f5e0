"""The gateway built from the environment; the seam where settings come in."""

import importlib
import importlib.util
import os
from pathlib import Path

from chalice.app import Chalice

from chalicelib.core.storage import DirectoryStorage, open_storage
from infra.local.gateway.application import Gateway
from infra.local.processes import end_when_orphaned


def build_gateway() -> Gateway:
    """The gateway of this process. granian calls it once in each worker.

    Reads GATEWAY_APP (`module:attribute`, default `app:app`), PUBLIC_URL, STORAGE_URL and
    SIGNING_KEY (objects are served when it is a `file://` store), CORS_ORIGINS (separated by
    commas), GATEWAY_THREADS and TRUST_FORWARDED_FOR (1 behind a proxy).
    """
    end_when_orphaned()
    origins = os.environ.get("CORS_ORIGINS", "").split(",")
    return Gateway(
        _load_app(os.environ.get("GATEWAY_APP", "app:app")),
        storage=_directory_storage(),
        assets=asset_directories(),
        cors_origins=[origin.strip() for origin in origins if origin.strip()],
        threads=int(os.environ.get("GATEWAY_THREADS", "1")),
        trust_forwarded_for=os.environ.get("TRUST_FORWARDED_FOR") == "1",
    )


def asset_directories() -> dict[str, Path]:
    """Where the files lie that pages load from `ASSETS_URL`, by the name they have there."""
    return {"offapi": offapi_directory(), "plotly": plotly_directory()}


def offapi_directory() -> Path:
    """Where the `offapi` wheel keeps the files of Swagger UI and ReDoc.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    return _directory_of("offapi")


def plotly_directory() -> Path:
    """Where the `plotly` wheel keeps the script that draws charts.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    return _directory_of("plotly") / "package_data"


def _directory_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{package} is not installed: pip install -r infra/requirements.txt"
        )
    return Path(spec.origin).parent


def _load_app(target: str) -> Chalice:
    module, _, attribute = target.partition(":")
    app = getattr(importlib.import_module(module), attribute or "app")
    if not isinstance(app, Chalice):
        raise TypeError(f"GATEWAY_APP={target} is no Chalice app but a {type(app).__name__}")
    return app


def _directory_storage() -> DirectoryStorage | None:
    url = os.environ.get("STORAGE_URL", "")
    if not url.startswith("file:"):
        return None
    storage = open_storage(
        url, signing_key=os.environ["SIGNING_KEY"], public_url=os.environ["PUBLIC_URL"]
    )
    return storage if isinstance(storage, DirectoryStorage) else None
