"""An app in parts: what is asked for is imported, and nothing is asked of what is not there yet."""

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from chalice.app import Blueprint

from chalicelib.core.parts import Part, PartedApp
from tests.architecture.test_dependencies import run_bare

ASK = """
import sys
from app import app
app.routes[PATH]
print(*sorted(name for name in sys.modules if name.endswith((".blueprints", ".all_pages"))))
"""
MISPLACED = """
from chalice.app import Chalice
from app import app
parts = app.routes.parts
for part in parts:
    alone = Chalice("alone", configure_logs=False)
    for blueprint in part.blueprints():
        alone.register_blueprint(blueprint)
    assert alone.routes
    for path in alone.routes:
        if max(parts, key=lambda each: each.fit(path)) is not part:
            print(path)
"""


class Shelf:
    """A part whose import is counted, and may fail."""

    def __init__(self, *paths: str, failures: int = 0) -> None:
        self.paths = paths
        self.failures = failures
        self.imports = 0

    def __call__(self) -> Iterable[Blueprint]:
        self.imports += 1
        if self.imports <= self.failures:
            raise ImportError("not today")
        blueprint = Blueprint(__name__)
        for path in self.paths:
            blueprint.route(path, name=path)(dict)
        return (blueprint,)


def test_a_part_is_imported_when_a_path_of_it_is_asked_for() -> None:
    birds, fish = Shelf("/birds", "/birds/{name}"), Shelf("/fish")
    found = PartedApp("animals", (Part(("birds",), birds), Part(("fish",), fish)))
    assert (birds.imports, fish.imports) == (0, 0)
    assert set(found.routes["/birds/{name}"]) == {"GET", "OPTIONS"}
    assert (birds.imports, fish.imports) == (1, 0)
    assert set(found.routes["/birds"]) == {"GET", "OPTIONS"}
    assert set(found.routes["/birdsong"]) == set()
    assert (birds.imports, fish.imports) == (1, 0)
    assert "/birds" in found.routes
    assert "/birdsong" not in found.routes
    assert "/birdsong/7" not in found.routes
    assert (sorted(found.routes), len(found.routes)) == (["/birds", "/birds/{name}", "/fish"], 3)
    assert (birds.imports, fish.imports) == (1, 1)


def test_a_path_belongs_to_the_part_that_says_most_of_it() -> None:
    rest, birds, owls = Shelf("/", "/moss"), Shelf("/birds"), Shelf("/birds/owls")
    parts = (Part(("",), rest), Part(("birds",), birds), Part(("birds/owls",), owls))
    found = PartedApp("animals", parts)
    assert "GET" in found.routes["/birds/owls"]
    assert (rest.imports, birds.imports, owls.imports) == (0, 0, 1)
    assert "GET" in found.routes["/"]
    assert "GET" in found.routes["/birds"]


def test_what_could_not_be_imported_is_tried_again() -> None:
    shelf = Shelf("/birds", failures=1)
    found = PartedApp("animals", (Part(("birds",), shelf),))
    with pytest.raises(ImportError):
        found.routes["/birds"]
    assert "GET" in found.routes["/birds"]


def test_whoever_asks_while_a_part_is_imported_waits_for_it() -> None:
    begun, may_end = threading.Event(), threading.Event()
    shelf = Shelf("/birds")

    def slowly() -> Iterable[Blueprint]:
        begun.set()
        assert may_end.wait(10)
        return shelf()

    found = PartedApp("animals", (Part(("birds",), slowly),))
    answers: list[set[str]] = []
    askers = [
        threading.Thread(target=lambda: answers.append(set(found.routes["/birds"])))
        for _ in range(3)
    ]
    for asker in askers:
        asker.start()
        assert begun.wait(10)  # The first is in the middle of it when the others ask.
    askers[-1].join(0.05)
    assert answers == []
    may_end.set()
    for asker in askers:
        asker.join(10)
    assert answers == [{"GET", "OPTIONS"}] * 3
    assert shelf.imports == 1


def test_every_route_of_the_app_is_found_by_its_path_alone(tmp_path: Path) -> None:
    assert run_bare(MISPLACED, tmp_path) == ""


@pytest.mark.parametrize(
    ("path", "imported"),
    [
        ("/health/live", ""),
        ("/aluno/{aluno_id}", "chalicelib.gym.blueprints"),
        ("/api/v1/books", "chalicelib.books.blueprints"),
    ],
)
def test_a_function_imports_what_it_serves(path: str, imported: str, tmp_path: Path) -> None:
    assert run_bare(ASK.replace("PATH", repr(path)), tmp_path).strip() == imported
