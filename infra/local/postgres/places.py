"""Which user the server runs as, and where its files may lie.

PostgreSQL refuses to run as root. Started by root it runs as an unprivileged user, who may not
be able to reach the data folder or the virtual environment (say, below /root). Folders that are
not ours keep their permissions; instead, the cluster or a copy of the programs goes to the
shelter, a folder of root's that everyone may pass through.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.local.postgres.errors import FolderRefusedError
from infra.local.postgres.programs import Account, Programs, may_enter, may_run, wheel_programs

log = logging.getLogger(__name__)

DEFAULT_SHELTER = Path("/var/lib/previsto")
ACCOUNT_NAME = "previsto"
# What the kernel takes for the path of a Unix socket, without its final zero byte.
LONGEST_SOCKET_PATH = 107

_LOCATION_FILE = "location.json"


@dataclass(frozen=True, slots=True)
class Places:
    """Where one database lies.

    Attributes:
        cluster: PostgreSQL's data directory; may not exist yet.
        socket_dir: Where the server puts its socket.
        relocated: Why the cluster lies elsewhere than in the data folder, or None.
    """

    cluster: Path
    socket_dir: Path
    programs: Programs
    relocated: str | None


def find_places(data_dir: Path, shelter: Path) -> Places:
    """Decide, or remember from an earlier start, where everything is.

    Args:
        data_dir: The database's folder; exists.
        shelter: Where root puts what the server's user could not reach.

    Raises:
        FolderRefusedError: The folder belongs to someone else, or no shelter can be made.
        WheelMissingError: The wheel is not installed.
    """
    if os.geteuid() != 0:
        cluster = _remembered(data_dir) or data_dir / "cluster"
        if cluster.exists() and not os.access(cluster, os.R_OK | os.W_OK | os.X_OK):
            raise FolderRefusedError(cluster, f"it belongs to user {cluster.stat().st_uid}")
        return Places(cluster, _socket_dir(cluster, None), Programs(wheel_programs(), None), None)
    cluster, relocated = _cluster_for_root(data_dir, shelter)
    account = _account(cluster)
    programs = Programs(_reachable_programs(account, shelter), account)
    return Places(cluster, _socket_dir(cluster, account), programs, relocated)


def give_to(folder: Path, account: Account | None) -> None:
    """Hand a folder of ours to the server's user, closed to everyone else."""
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


def _cluster_for_root(data_dir: Path, shelter: Path) -> tuple[Path, str | None]:
    remembered = _remembered(data_dir)
    if remembered is not None and remembered.parent.is_dir():
        return remembered, _reason(data_dir, remembered)
    cluster = data_dir / "cluster"
    if may_enter(data_dir, _account(cluster)):
        return cluster, None
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
    home = _open_folder(shelter) / digest
    if home.exists():
        # The data folder was deleted and made anew: its owner wanted a new database.
        home.rename(tempfile.mkdtemp(prefix=f"{digest}.abandoned-", dir=shelter))
    home.mkdir()
    home.chmod(0o711)
    (home / "belongs-to.txt").write_text(f"{data_dir.resolve()}\n")
    _remember(data_dir, home / "cluster")
    return home / "cluster", _reason(data_dir, home / "cluster")


def _remembered(data_dir: Path) -> Path | None:
    try:
        return Path(json.loads((data_dir / _LOCATION_FILE).read_text())["cluster"])
    except FileNotFoundError:
        return None


def _remember(data_dir: Path, cluster: Path) -> None:
    (data_dir / _LOCATION_FILE).write_text(json.dumps({"cluster": str(cluster)}) + "\n")


def _reason(data_dir: Path, cluster: Path) -> str:
    return (
        f"PostgreSQL does not run as root, and only root may enter {data_dir}, "
        f"so the database lies in {cluster}."
    )


def _open_folder(folder: Path) -> Path:
    """Make a folder everyone may pass through; one that exists stays as it is."""
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
    except OSError as error:
        raise FolderRefusedError(folder, str(error)) from error
    return folder


def _account(cluster: Path) -> Account:
    """Who owns the cluster; for a new one a system user of our own, who owns nothing else."""
    if cluster.exists() and cluster.stat().st_uid != 0:
        owner = cluster.stat()
        return Account(str(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in (ACCOUNT_NAME, "nobody"):
        if name == ACCOUNT_NAME:
            _make_account()
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise FolderRefusedError(cluster, "there is no unprivileged user to run PostgreSQL as")


def _make_account() -> None:
    useradd = shutil.which("useradd")
    known = any(entry.pw_name == ACCOUNT_NAME for entry in pwd.getpwall())
    if known or useradd is None:
        return
    options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "--user-group"]
    done = subprocess.run(
        [useradd, *options, ACCOUNT_NAME], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        log.info("Made the system user %s, as which PostgreSQL runs.", ACCOUNT_NAME)
    else:
        log.warning("PostgreSQL runs as nobody: %s", done.stderr.strip())


def _reachable_programs(account: Account, shelter: Path) -> Path:
    programs = wheel_programs()
    if may_run(programs, account):
        return programs
    package = programs.parent.parent
    stamp = hashlib.sha256(f"{package} {programs.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = _open_folder(shelter) / f"programs-{stamp}"
    if not copy.exists():
        _copy_programs(programs.parent, copy)
        log.info("Only root may enter %s, so PostgreSQL's programs lie in %s.", package, copy)
    return copy / package.name / programs.parent.name / "bin"


def _copy_programs(installation: Path, destination: Path) -> None:
    """Copy the installation and the libraries its programs look for beside the package."""
    package = installation.parent
    with tempfile.TemporaryDirectory(dir=destination.parent) as unfinished:
        copy = Path(unfinished) / "copy"
        skip = shutil.ignore_patterns("include", "__pycache__")
        shutil.copytree(installation, copy / package.name / installation.name, ignore=skip)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        copy.rename(destination)


def _socket_dir(cluster: Path, account: Account | None) -> Path:
    """The cluster's folder, or a short one of its own where that is too long for a socket."""
    if len(os.fsencode(cluster / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        return cluster
    owner = os.geteuid() if account is None else account.uid
    digest = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]
    folder = Path("/tmp") / f"previsto-{owner}-{digest}"  # noqa: S108
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700)
        give_to(folder, account)
    found = folder.lstat()
    # Anyone may make folders there; only one that is ours alone will do.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise FolderRefusedError(folder, "it is not a private folder of the server's user")
    return folder
