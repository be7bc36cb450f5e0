"""An installation that is gone with its program."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import settings
from infra.local.throwaway import throwaway_installation
from tests.conftest import forget_process_state


def _add_plano() -> int:
    with unit_of_work() as session:
        session.execute(text("INSERT INTO planos (nome, mensalidade) VALUES ('Padrão', 119.90)"))
        return int(session.execute(text("SELECT count(*) FROM planos")).scalar_one())


@pytest.mark.slow
def test_throwaway_installation_is_empty_and_leaves_the_owners_alone(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("QUEUE_URL=amqp://somebody@elsewhere/\n")
    monkeypatch.chdir(tmp_path)
    assert _add_plano() == 1
    forget_process_state()
    before = dict(os.environ)
    with throwaway_installation():
        assert settings().queue_url == "jobs://"
        assert _add_plano() == 1  # A second one of this name would be refused.
        folder = settings().data_dir
        assert Path.cwd() == folder.resolve()
    assert not folder.exists()
    assert dict(os.environ) == before
    assert Path.cwd() == tmp_path
    assert settings().database_url == environment["DATABASE_URL"]
    assert settings().queue_url == "amqp://somebody@elsewhere/"
