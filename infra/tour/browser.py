"""The system's Chromium without a window, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {360: 740, 1440: 900}
"""Of a page that is looked at: a phone's and a desk's, each with its height, in pixels."""


class ProgramMissing(Exception):
    """A program that is needed is not installed."""


def find_chromium() -> str | None:
    """Where the browser is, if anywhere."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator["Browser"]:
    """The browser, while the context lasts.

    Raises:
        ProgramMissing: There is none.
    """
    from playwright.sync_api import sync_playwright

    found = find_chromium()
    if found is None:
        raise ProgramMissing(
            f"None of {', '.join(PROGRAMS)} is installed. On Debian: apt-get install chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu"],
            # Its own words, as in fields for dates and files; on Debian from chromium-l10n.
            env={**os.environ, "LANGUAGE": "pt_BR"},
        )
        yield browser
        browser.close()


def settle(page: "Page") -> None:
    """Wait until a page shows all it has: scripts ran, figures are drawn, pictures are there."""
    page.wait_for_load_state("load")
    page.wait_for_function(
        """() => [...document.querySelectorAll('[data-plot]')].every(
            (plot) => plot.hidden || plot.querySelector('.main-svg'))
          && [...document.images].every((image) => image.complete || image.loading === 'lazy')
          && document.fonts.status === 'loaded'"""
    )
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 60)))")


def sign_in(page: "Page", login: str, password: str) -> None:
    """Through the form, by keyboard."""
    page.goto("/entrar")
    page.locator("#campo-username:focus").wait_for()
    page.keyboard.type(login)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
