"""`make screenshots`: the pages that README shows; with `--all` every page, as it is looked at.

python -m infra.tour.screenshots [--all] [--only NAME ...]
"""

import argparse
import base64
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any

from infra.tour.browser import WIDTHS, ProgramMissing, chromium, settle
from infra.tour.filling import fill
from infra.tour.installation import PROJECT, running
from infra.tour.pages import PAGES, Page, address
from infra.tour.visitors import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Page as Window

IN_README = PROJECT / "infra" / "screenshots"
LOOKED_AT = PROJECT / "build" / "screenshots"
LARGEST_BYTES = 300_000
WEBP_QUALITY = 82
SCHEMES = ("light", "dark")
DESK = 1440


def main() -> int:
    """Take them; the exit status is 1 when a program is missing or a picture is too large."""
    given = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    given.add_argument("--all", action="store_true", help=f"every page, into {LOOKED_AT}")
    given.add_argument("--only", nargs="+", default=[], metavar="NAME", help="of --all, these")
    asked = given.parse_args()
    pages = [page for page in PAGES if not asked.only or page.name in asked.only]
    try:
        with chromium() as browser, running() as installation:
            print("Filling a throwaway installation with made data ...", flush=True)
            visitors = Visitors(browser, installation, *fill(installation))
            if asked.all or asked.only:
                take_all(visitors, pages)
            else:
                take_for_readme(visitors)
    except (ProgramMissing, PictureTooLarge) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


class PictureTooLarge(Exception):
    """A picture of README is larger than README wants."""


def take_for_readme(visitors: Visitors) -> None:
    """The pages that README shows, as they are seen first, as WebP.

    Raises:
        PictureTooLarge: One is.
    """
    IN_README.mkdir(parents=True, exist_ok=True)
    for page in (page for page in PAGES if page.in_readme):
        with _shown(visitors, page, DESK, "light") as window:
            camera: Any = window.context.new_cdp_session(window)
            asked = {"format": "webp", "quality": WEBP_QUALITY}
            picture = base64.b64decode(camera.send("Page.captureScreenshot", asked)["data"])
        if len(picture) > LARGEST_BYTES:
            raise PictureTooLarge(f"{page.name}: {len(picture):,} bytes of {LARGEST_BYTES:,}")
        target = IN_README / f"{page.name}.webp"
        target.write_bytes(picture)
        print(f"{target.relative_to(PROJECT)}: {len(picture):,} bytes", flush=True)


def take_all(visitors: Visitors, pages: Iterable[Page]) -> None:
    """Pages at both widths, light and dark, from top to bottom."""
    LOOKED_AT.mkdir(parents=True, exist_ok=True)
    for page, width, scheme in product(pages, WIDTHS, SCHEMES):
        with _shown(visitors, page, width, scheme) as window:
            target = LOOKED_AT / f"{page.name}-{width}-{scheme}.png"
            window.screenshot(path=target, full_page=True)
            print(target.relative_to(PROJECT), flush=True)


@contextmanager
def _shown(visitors: Visitors, page: Page, width: int, scheme: str) -> "Iterator[Window]":
    with visitors.window(page.who, width, WIDTHS[width], scheme) as window:
        answer = window.goto(address(page.path, visitors.places))
        if answer is None or not answer.ok:
            raise ValueError(f"{page.path}: {answer and answer.status}")
        settle(window)
        yield window


if __name__ == "__main__":
    sys.exit(main())
