"""An installation that lives as long as the process that asks for it, and touches no other."""

import atexit
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.core.db import dispose_engines
from chalicelib.core.settings import Settings, settings
from infra.init_db import init_db
from infra.local.postgres import temporary_postgres

DATABASE = "previsto"


def open_throwaway() -> ExitStack:
    """Start a throwaway installation for a program that has no `with`, such as a notebook.

    Returns:
        What ends it by `close()`; the end of the process does so too.
    """
    installation = ExitStack()
    installation.enter_context(throwaway_installation())
    atexit.register(installation.close)
    return installation


@contextmanager
def throwaway_installation() -> Iterator[None]:
    """An empty database with the newest schema, a folder of objects, and settings for both.

    The owner's own settings are put aside meanwhile, those in the environment and those in
    files: a notebook must not publish its model into the installation it happens to lie beside.
    For a program that has not opened another installation before: connections stay what they are.
    """
    with (
        temporary_postgres() as server,
        TemporaryDirectory(prefix="previsto-") as folder,
        settings_aside(Path(folder)),
    ):
        os.environ.update(
            ENVIRONMENT="test",
            DATABASE_URL=server.url_of(DATABASE),
            DATA_DIR=folder,
            JWT_SECRET=secrets.token_urlsafe(48),
            SIGNING_KEY=secrets.token_urlsafe(48),
            LOG_LEVEL="WARNING",
        )
        init_db(settings().database_url)
        try:
            yield
        finally:
            dispose_engines()


@contextmanager
def settings_aside(folder: Path) -> Iterator[None]:
    """Forget the settings, and work in a folder without a `.env`; all is restored at the end."""
    names = {name.upper() for name in Settings.model_fields}
    before = {name: value for name, value in os.environ.items() if name in names}
    working_folder = Path.cwd()
    try:
        os.chdir(folder)
        _replace_settings(names, {})
        yield
    finally:
        os.chdir(working_folder)
        _replace_settings(names, before)


def _replace_settings(names: set[str], values: dict[str, str]) -> None:
    for name in names:
        os.environ.pop(name, None)
    os.environ.update(values)
    settings.cache_clear()
