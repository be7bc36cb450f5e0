"""Law 15: dependencies point one way. Laws 9 and 13 as far as the source shows them."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT, imports, modules, own_imports, reachable, tree

PRODUCTS = ("gym", "credit", "books", "prices")
HEAVY = {
    "sklearn",
    "pandas",
    "plotly",
    "skl2onnx",
    "scrapy",
    "parsel",
    "twisted",
    "scipy",
    "joblib",
    "pyarrow",
}
# In the zip, loaded on first use.
ONLY_LATER = {
    "numpy",
    "onnxruntime",
    "boto3",
    "pika",
    "redis",
    "limits",
    "prometheus_client",
    "sentry_sdk",
    "jinja2",
}

BROAD_EXCEPTS = {
    "chalicelib.core.edge",  # @endpoint: whatever happens is an answer.
    "chalicelib.core.status",  # Probes: a dependency may fail in any way.
    "functions.runtime",  # A run: whatever happens is written on its job.
    "infra.local.scheduler",  # EventBridge's edge: a failing schedule does not end the others.
    "infra.local.gateway.function",  # API Gateway's edge: a crash is a 502.
}
CLEAN_UPS = {  # What cleans up, or reports, and raises again.
    "chalicelib.core.schedules",
    "chalicelib.core.pg.engine",
    "infra.local.postgres.server",
    "infra.tour.installation",  # Says what the installation said that did not start.
}
LONGEST_FILE = 350
LONGER_FILES: dict[str, int] = {}  # Each with the reason why it may be longer.
LONGEST_FUNCTION = 60


def package(name: str) -> list[str]:
    """The modules of a package of chalicelib; none when there is no such product yet."""
    prefix = f"chalicelib.{name}"
    return [n for n in modules() if n == prefix or n.startswith(f"{prefix}.")]


def product_of(name: str) -> str | None:
    """The product a module belongs to."""
    parts = name.split(".")
    return parts[1] if parts[0] == "chalicelib" and parts[1:2] and parts[1] in PRODUCTS else None


def test_core_and_ml_know_no_product_and_identity_only_core() -> None:
    allowed = {"core": {"core"}, "ml": {"core", "ml"}, "identity": {"core", "identity"}}
    for kernel, known in allowed.items():
        for name in package(kernel):
            found = {n.split(".")[1] for n in own_imports(name) if n.startswith("chalicelib.")}
            assert found <= known, name


def test_products_do_not_import_each_other() -> None:
    for product in PRODUCTS:
        for name in package(product):
            others = {product_of(n) for n in own_imports(name)} - {None, product}
            assert others == set(), name


def test_library_imports_nothing_above_it() -> None:
    for name in modules():
        if name.startswith("chalicelib"):
            above = {n for n in own_imports(name) if n.split(".")[0] != "chalicelib"}
            assert above == set(), name


def test_functions_import_no_routes_and_no_infrastructure() -> None:
    for name in modules():
        if name.split(".")[0] == "functions":
            found = own_imports(name)
            assert not [n for n in found if n.endswith(".routes") or n.startswith("infra")], name


def test_inside_a_product_routes_lead_to_services_and_never_back() -> None:
    for product in PRODUCTS:
        for name in package(product):
            part = name.split(".")[-1]
            parts = {
                n.split(".")[2] for n in own_imports(name) if n.startswith(f"chalicelib.{product}.")
            }
            if not part.startswith(("routes", "blueprints")):
                assert not {p for p in parts if p.startswith("routes")}, name
            if part in {"tables", "features", "errors"}:
                assert not {p for p in parts if p.startswith(("service", "training"))}, name


def test_app_leads_to_no_training_library() -> None:
    for name, way in reachable("app").items():
        found = {imported.split(".")[0] for imported in imports(name)} & HEAVY
        assert found == set(), " -> ".join(way)


def is_for_workers(name: str) -> bool:
    """Whether a module needs libraries that the API does not carry."""
    parts = name.split(".")
    kinds = ("crawling", "profiling", "training")
    return any(part.startswith(kind) for part in parts for kind in kinds)


def test_training_is_reached_from_functions_and_notebooks_only() -> None:
    is_training = {n for n in modules() if n.startswith("chalicelib.") and is_for_workers(n)}
    assert is_training
    for name in modules().keys() - is_training:
        if name.split(".")[0] not in {"functions", "notebooks", "infra"}:
            assert own_imports(name) & is_training == set(), name
    assert reachable("app").keys() & is_training == set()


def run_bare(program: str, folder: Path) -> str:
    """What a program prints in a process without any environment, in an empty folder."""
    finished = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"],
        cwd=folder,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_app_really_loads_no_training_library(tmp_path: Path) -> None:
    listed = run_bare("import app, json; print(json.dumps(sorted(sys.modules)))", tmp_path)
    loaded = {name.split(".")[0] for name in json.loads(listed)}
    assert "chalice" in loaded
    assert loaded & (HEAVY | ONLY_LATER) == set()


# Any of these during an import means that something happened.
WATCH = """
import importlib, os
from pathlib import Path

def watch(event, args):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen",
                 "os.mkdir", "os.remove", "os.rename", "os.fork", "_thread.start_new_thread"}:
        raise SystemExit(f"{event} {args}")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        raise SystemExit(f"written at import: {args}")
    if event == "open" and str(args[0]).endswith(".env"):
        raise SystemExit(f"read at import: {args}")

sys.addaudithook(watch)
for name in NAMES:
    importlib.import_module(name)
from chalicelib.core import db, settings, uploads
assert settings.settings.cache_info().currsize == 0, "settings were read"
assert not db._engines, "an engine was made"
assert uploads.object_store.cache_info().currsize == 0, "the store was opened"
assert list(Path().iterdir()) == []
"""


@pytest.mark.parametrize("names", [["app"], ["functions.runtime", "infra.local.worker"]], ids=str)
def test_nothing_happens_at_import(tmp_path: Path, names: list[str]) -> None:
    run_bare(WATCH.replace("NAMES", repr(names)), tmp_path)


def test_nothing_happens_at_import_of_any_module_of_the_library(tmp_path: Path) -> None:
    names = sorted(n for n in modules() if n.startswith("chalicelib.") and not is_for_workers(n))
    run_bare(WATCH.replace("NAMES", repr(names)), tmp_path)


def _broad(name: str) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.dump(node.type) if node.type else "'Exception'"
            if "'Exception'" in caught or "'BaseException'" in caught:
                yield node


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_broad_excepts_stand_at_the_edges_only() -> None:
    found = {name for name in modules() if any(not _raises_again(h) for h in _broad(name))}
    assert found <= BROAD_EXCEPTS
    assert {n for n in modules() if any(map(_raises_again, _broad(n)))} <= CLEAN_UPS


def test_no_file_and_no_function_is_too_long() -> None:
    long_files, long_functions = {}, {}
    for name, path in modules().items():
        if name.startswith("infra.migrations.versions"):
            continue  # Laid out by Alembic.
        lines = len(path.read_text().splitlines())
        if lines > LONGER_FILES.get(name, LONGEST_FILE):
            long_files[name] = lines
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = _code_lines(node)
                if length > LONGEST_FUNCTION:
                    long_functions[f"{name}.{node.name}"] = length
    assert long_files == {}
    assert long_functions == {}


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body; what its docstring takes does not count."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_library_prints_nothing() -> None:
    for name in modules():
        if name.split(".")[0] in {"app", "chalicelib", "functions"}:
            calls = (n.func for n in ast.walk(tree(name)) if isinstance(n, ast.Call))
            assert not [c for c in calls if isinstance(c, ast.Name) and c.id == "print"], name


def test_pages_leave_queries_to_services() -> None:
    pages = [
        name
        for name in modules()
        if re.fullmatch(r"chalicelib\.(console\..+|(gym|credit|books|prices)\.pages(_\w+)?)", name)
    ]
    assert len(pages) > 60
    asks = {"get", "execute", "scalar", "scalars"}
    for name in pages:
        called = {
            node.func.attr
            for node in ast.walk(tree(name))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "session"
        }
        assert not called & asks, name
        assert not any(each.startswith("sqlalchemy.select") for each in imports(name)), name
