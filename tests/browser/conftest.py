"""A real browser at a real gateway."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.tour import browser as system
from infra.tour.browser import WIDTHS
from tests.conftest import PASSWORD, require_service
from tests.infra.serving import serving_api

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots" / "tests"
"""CI keeps them: pages as they were checked, and what each test saw last."""

GRAVE = {"serious", "critical"}

OpenPage = Callable[..., Any]
MOST_TABS = 80


@pytest.fixture
def address(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The whole API behind the gateway, on a socket."""
    with serving_api(tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """The system's browser, without a window."""
    found = system.find_chromium()
    require_service("Chromium", found is not None, f"none of {', '.join(system.PROGRAMS)} found")
    with system.chromium() as browser:
        yield browser


@contextmanager
def looking(
    browser: "Browser",
    address: str,
    width: int = 1440,
    scheme: Any = "light",
    expected: str | None = None,
    **options: Any,
) -> "Iterator[Page]":
    """A page of a new window; what the browser complains of fails the test, but for what is
    expected: a part of its words.

    What it showed last is kept by the test's name, as it was where the test failed.
    """
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=scheme,
        locale="pt-BR",
        **options,
    )
    from playwright.sync_api import Error as PlaywrightError

    page = context.new_page()
    page.set_default_timeout(30_000)  # A machine may have other work.
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    try:
        yield page
        keep(page, _test_name())
    except BaseException:
        with suppress(PlaywrightError):
            keep(page, f"{_test_name()}-failed")
        raise
    finally:
        context.close()
    assert [each for each in complaints if expected is None or expected not in each] == []


def _test_name() -> str:
    """That of the test under way, as a file may be called."""
    told = os.environ["PYTEST_CURRENT_TEST"].rpartition("::")[2].partition(" ")[0]
    return re.sub(r"[^\w-]+", "-", told).strip("-")


def keep(page: "Page", name: str) -> None:
    """A screenshot of all of a page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def sign_in(page: "Page", login: str) -> None:
    """Through the form, by keyboard."""
    system.sign_in(page, login, PASSWORD)


def reach(page: "Page", target: "Locator", *, back: bool = False) -> None:
    """Go to something with the Tab key alone, and see that it shows that it has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if target.evaluate("one => one === document.activeElement"):
            outline = target.evaluate("one => getComputedStyle(one).outlineStyle")
            assert outline != "none", "nobody sees where the focus is"
            return
    raise AssertionError(f"not to be reached by keyboard: {target}")


def check(page: "Page", name: str, width: int, scheme: str) -> None:
    """Keep a screenshot; nothing sticks out of the page, and axe finds nothing serious."""
    from axe_playwright_python.sync_playwright import Axe

    keep(page, f"{name}-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    found = Axe().run(page).response["violations"]
    grave = [
        (rule["id"], [node["target"] for node in rule["nodes"]])
        for rule in found
        if rule["impact"] in GRAVE
    ]
    assert grave == [], name


def file_name(path: str) -> str:
    """What a page's screenshot is called."""
    return re.sub(r"[^a-z0-9]+", "-", path.removeprefix("/console/")).strip("-") or "inicio"
