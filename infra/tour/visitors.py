"""Those who look at a filled installation, each signed in once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra.tour.browser import sign_in
from infra.tour.filling.credit import Company
from infra.tour.installation import Installation
from infra.tour.pages import Places, Who

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


class Visitors:
    """Opens windows for people of an installation.

    Attributes:
        places: What stands in addresses of pages.
    """

    def __init__(
        self, browser: "Browser", installation: Installation, places: Places, company: Company
    ) -> None:
        """Take the browser, and who there is."""
        self.places = places
        self._browser = browser
        self._url = installation.url
        self._logins = {
            Who.ADMIN: (installation.login, installation.password),
            Who.COMPANY: (company.login, company.password),
        }
        self._states: dict[Who, Any] = {}

    def login_of(self, who: Who) -> tuple[str, str]:
        """Somebody's login and password."""
        return self._logins[who]

    @contextmanager
    def window(
        self, who: Who, width: int, height: int, scheme: Any, scale: float = 1
    ) -> "Iterator[Page]":
        """A window of somebody who has signed in."""
        if who in self._logins and who not in self._states:
            self._states[who] = self._signed_in(who)
        context = self._browser.new_context(
            base_url=self._url,
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme=scheme,
            locale="pt-BR",
            timezone_id="America/Sao_Paulo",
            storage_state=self._states.get(who),
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page
        context.close()

    def _signed_in(self, who: Who) -> Any:
        context = self._browser.new_context(base_url=self._url, locale="pt-BR")
        page = context.new_page()
        page.set_default_timeout(60_000)
        sign_in(page, *self._logins[who])
        state = context.storage_state()
        context.close()
        return state
