"""Try the Dockerfile where there is no container engine: its steps, each in an empty root.

    sudo .venv/bin/python -m infra.docker.rehearse api|worker|handler           builds, and runs
    sudo .venv/bin/python -m infra.docker.rehearse api PROGRAM ARGUMENT ...     runs what was built

Stands for `docker build --target` and `docker run`, as far as a machine goes that has `unshare`
and the Dockerfile's version of Python. A stage begins with nothing but that Python, the system's
programs, which it cannot write, and some names in `/etc`; files come only by COPY, through
`.dockerignore`. At last the image's command, or another, runs as its user on a root that cannot be
written but for `/tmp` and the volumes. What it cannot stand for: the base image's own files, and
the engine.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from infra.aws.pythons import ROOT, lambda_python

BUILD = ROOT / "build" / "rehearsal"
DOCKERFILE = ROOT / "infra" / "docker" / "Dockerfile"
SYSTEM = ("usr", "bin", "sbin", "lib", "lib64")
OWN_ETC = (
    *("ssl", "ld.so.cache", "ld.so.conf", "nsswitch.conf", "resolv.conf", "hosts", "login.defs"),
)
WRITABLE = ("tmp", "data", "metrics")
PASSED = ("PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE", "HTTPS_PROXY")
OF_IMAGE = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class StepFailed(Exception):
    """A step of the Dockerfile ended with an error, which it has printed."""


@dataclass
class Image:
    """A stage as far as it has come: its files, and what ENV, WORKDIR, USER and the like said."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(OF_IMAGE))
    folder: str = "/"
    user: str = "0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def stages(text: str) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Stage -> what it begins with, and its steps: word and rest."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    steps: list[tuple[str, str]] = []
    plain = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    for line in filter(None, map(str.strip, plain.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            steps = []
            found[name] = (base, steps)
        elif word != "ARG":
            steps.append((word, rest.strip()))
    return found


def build(names: Iterable[str], python: Path, *, anew: bool = True) -> dict[str, Image]:
    """The images of stages, and of those that they need; as they were left, unless made anew.

    Raises:
        StepFailed: A step did not succeed.
    """
    builder = _Builder(stages(DOCKERFILE.read_text()), python, anew)
    return {name: builder.build(name) for name in names}


def megabytes(image: Image) -> float:
    """What an image adds to its base."""
    return sum(p.lstat().st_blocks * 512 for p in image.root.rglob("*") if p.is_file()) / 1e6


class _Builder:
    def __init__(
        self, known: Mapping[str, tuple[str, list[tuple[str, str]]]], python: Path, anew: bool
    ) -> None:
        self._known, self._python, self._anew = known, python, anew
        self._made: dict[str, Image] = {}

    def build(self, name: str) -> Image:
        if name in self._made:
            return self._made[name]
        if name not in self._known:
            return _empty(BUILD / "base") if self._anew else Image(BUILD / "base")
        base, steps = self._known[name]
        parent = self.build(base)
        root = BUILD / name
        if self._anew:
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(parent.root, root, symlinks=True)
        image = Image(root, dict(parent.environment), parent.folder, parent.user)
        image.entrypoint, image.command = list(parent.entrypoint), list(parent.command)
        for word, rest in steps:
            if self._anew:
                print(f"{name}: {word} {rest}", flush=True)
                self._change(image, word, rest)
            self._step(image, word, rest)
        self._made[name] = image
        return image

    def _change(self, image: Image, word: str, rest: str) -> None:
        """What a step does to the files."""
        if word == "COPY":
            self._copy(image, rest)
        elif word == "RUN" and run(image, ["sh", "-ec", rest], self._python, may_write=True):
            raise StepFailed(rest)

    def _step(self, image: Image, word: str, rest: str) -> None:
        """What it says of those that follow, and of what runs."""
        match word:
            case "ENV":
                _set(image.environment, rest)
            case "WORKDIR":
                image.folder = rest
                (image.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                image.user = rest
            case "ENTRYPOINT":
                image.entrypoint, image.command = json.loads(rest), []
            case "CMD":
                image.command = json.loads(rest)
            case "HEALTHCHECK":
                image.health = json.loads(rest.partition("CMD ")[2] or "[]")
            case "COPY" | "RUN" | "EXPOSE":
                pass
            case _:
                raise StepFailed(f"{word}: not known here")

    def _copy(self, image: Image, rest: str) -> None:
        *options, source, target = rest.split()
        place = image.root / (Path(image.folder) / target).as_posix().lstrip("/")
        if options:
            other = self.build(options[0].partition("=")[2])
            shutil.copytree(other.root / source.lstrip("/"), place, symlinks=True)
            return
        into_folder = target.endswith("/") or (ROOT / source).is_dir()
        for file in _context(source):
            within = file.relative_to(source) if (ROOT / source).is_dir() else Path(file.name)
            to = place / within if into_folder else place
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, to)


def _set(environment: dict[str, str], pairs: str) -> None:
    for pair in pairs.split():
        name, _, value = pair.partition("=")
        environment[name] = re.sub(r"\$(\w+)", lambda told: environment[told[1]], value)


def _context(source: str) -> Iterator[Path]:
    """The files below a name that `.dockerignore` lets through."""
    rules = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    barred = [rule.removeprefix("**/") for rule in rules if rule.startswith("**/")]
    found = ROOT / source
    for path in sorted(found.rglob("*")) if found.is_dir() else [found]:
        name = path.relative_to(ROOT)
        is_barred = any(fnmatch(part, rule) for part in name.parts for rule in barred)
        if path.is_file() and name.parts[0] in allowed and not is_barred:
            yield name


def _empty(root: Path) -> Image:
    """Nothing but mount points and the names that programs look up."""
    shutil.rmtree(root, ignore_errors=True)
    for name in (*SYSTEM, *WRITABLE, "proc", "dev", "etc"):
        (root / name).mkdir(parents=True)
    for name in OWN_ETC:
        path = Path("/etc") / name
        if path.is_dir():
            shutil.copytree(path, root / "etc" / name, symlinks=False)
        elif path.exists():
            shutil.copyfile(path, root / "etc" / name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/shadow").write_text("root:*:1::::::\n")
    return Image(root)


def run(image: Image, command: list[str], python: Path, *, may_write: bool = False) -> int:
    """Run a command in an image; gives its exit status."""
    call = [*inside(image, python, may_write=may_write), *command]
    return subprocess.run(call, env=environment_of(image), check=False).returncode


def inside(image: Image, python: Path, *, may_write: bool = False) -> list[str]:
    """What stands before a command, so that it runs in an image as its first process."""
    script = " && ".join([*_mounts(image, python, may_write), 'exec "$@"'])
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script, "sh"]
    return [*apart, "chroot", str(image.root), *([] if may_write else _as_user(image)), *_at(image)]


def beside(image: Image, process: int) -> list[str]:
    """What stands before a command, so that it runs in a container that is there.

    Args:
        image: What the container is of.
        process: A number of the container's first process, as the machine sees it.
    """
    return [
        *("nsenter", f"--target={process}", "--mount", "--pid", "--root", "--wd", "--"),
        *(*_as_user(image), *_at(image)),
    ]


def environment_of(image: Image) -> dict[str, str]:
    """The variables of what runs in an image."""
    # A Python of one's own finds its library where it was built; here it lies elsewhere.
    passed = {"LD_LIBRARY_PATH": "/usr/local/lib"}
    passed |= {name: os.environ[name] for name in PASSED if name in os.environ}
    return {**passed, **image.environment}


def _as_user(image: Image) -> list[str]:
    same = ["--reuid", image.user, "--regid", image.user, "--clear-groups"]
    # Whoever becomes another user is not told any more that who started them has ended.
    told = ["--pdeathsig", "KILL"]
    return ["setpriv", "--no-new-privs", "--bounding-set=-all", *told, *same]


def _at(image: Image) -> list[str]:
    return ["sh", "-c", 'cd "$0" && exec "$@"', image.folder]


def _mounts(image: Image, python: Path, may_write: bool) -> Iterator[str]:
    """Commands that make the root what the step sees; all is gone when it ends."""
    root = image.root
    yield f"mount --bind {root} {root}"
    seen = {f"/{name}": name for name in SYSTEM if Path(f"/{name}").exists()}
    for source, name in {**seen, str(python.parents[1]): "usr/local"}.items():
        yield f"mount --bind {source} {root}/{name}"
        yield f"mount -o remount,bind,ro {root}/{name}"
    yield f"mount -t proc proc {root}/proc"
    yield f"mount --rbind /dev {root}/dev"
    if not may_write:
        for name in WRITABLE:
            yield f"mount -t tmpfs -o uid={image.user},gid={image.user} tmpfs {root}/{name}"
        yield f"mount -o remount,bind,ro {root}"


def main() -> int:
    """Build, and run the image's command or another; gives its exit status."""
    python = lambda_python().path
    name = sys.argv[1]
    try:
        image = build([name], python, anew=len(sys.argv) == 2)[name]
    except StepFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{name}: {megabytes(image):.0f} MB beside its base", flush=True)
    return run(image, sys.argv[2:] or [*image.entrypoint, *image.command], python)


if __name__ == "__main__":
    sys.exit(main())
