"""Who imports whom, read from the source: nothing is run."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("app", "chalicelib", "functions", "infra", "notebooks")


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of every module of the project but its tests."""
    found = {"app": ROOT / "app.py"}
    for package in OURS[1:]:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(modules()[name].read_text())


@cache
def imports(name: str) -> frozenset[str]:
    """Everything a module may import, inside functions too, but for type checking only."""
    return frozenset(_imported(tree(name)))


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            # `from package import module` names a module as well as `from module import name`.
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        yield from _imported(child)


def own_imports(name: str) -> set[str]:
    """The project's modules that a module imports, the packages around them included."""
    found = set()
    for imported in imports(name):
        parts = imported.split(".")
        found |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)} & modules().keys()
    return found


def reachable(start: str) -> dict[str, list[str]]:
    """Every module of ours that a module leads to -> the way there."""
    ways = {start: [start]}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for imported in own_imports(name) - ways.keys():
            ways[imported] = [*ways[name], imported]
            waiting.append(imported)
    return ways
