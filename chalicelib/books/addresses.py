"""Which addresses may be asked for pages: nobody reaches others through us.

A trigger names a shop of the allow-list or none. A crawl then stays with that shop: links and
redirects that lead elsewhere are not followed, and a name must not resolve to what is inside.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from chalicelib.books.errors import SourceNotAllowed

DEFAULT_PORTS = {"http": 80, "https": 443}
FOLDERS_PAGE = "index.html"  # Some servers lead from it to its folder, others do not.
FRONT_PAGE = re.compile(r"/[^/]*\.html?$")
AS_WRITTEN = (
    "This is no address of a shop: write it such as http://127.0.0.1:9000/ or "
    "https://shop.example/folder/, without user, query or fragment."
)
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


@dataclass(frozen=True)
class Site:
    """A shop by its address.

    Attributes:
        scheme: http or https.
        host: In lower case.
        port: Given or the scheme's.
        path: Under which its pages lie; ends in a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Read an address.

        Raises:
            SourceNotAllowed: It is none of a site.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port or DEFAULT_PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise SourceNotAllowed(AS_WRITTEN) from None
        host = (parts.hostname or "").lower()
        written = f"[{host}]" if ":" in host else host
        path = FRONT_PAGE.sub("", parts.path).rstrip("/") + "/"
        if parts.username or parts.query or parts.fragment or not HOST.fullmatch(written):
            raise SourceNotAllowed(AS_WRITTEN)
        if ".." in path.split("/") or "//" in path:
            raise SourceNotAllowed(AS_WRITTEN)
        return cls(parts.scheme, written, port, path)

    @property
    def url(self) -> str:
        """The address, always written the same."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}"

    def has(self, url: str) -> bool:
        """Whether an address is of this site: same host and port; http may have become https."""
        try:
            parts = urlsplit(url)
            other = Site.of(parts._replace(path="", query="", fragment="").geturl())
        except (SourceNotAllowed, ValueError):
            return False
        same = (other.scheme, other.port) == (self.scheme, self.port)
        upgraded = (self.scheme, self.port, other.scheme, other.port) == ("http", 80, "https", 443)
        return other.host == self.host and (same or upgraded)

    def path_of(self, url: str) -> str:
        """Where a page lies within the site; the same for a mirror of it elsewhere."""
        within = urlsplit(url).path.removeprefix(self.path).lstrip("/")
        return within.removesuffix(FOLDERS_PAGE)

    @property
    def beginning(self) -> str:
        """What addresses under the site begin with, on this host or any, as a regular expression
        that PostgreSQL reads, too.
        """
        return f"^https?://[^/]*{re.escape(self.path)}"


def allowed_site(wanted: str | None, base_url: str, allowed_urls: Iterable[str]) -> Site:
    """The site that is to be read.

    Args:
        wanted: What the trigger names; None for the one of the settings.
        base_url: The one of the settings.
        allowed_urls: The others that may be named.

    Raises:
        SourceNotAllowed: It is not one that may be read.
    """
    own = Site.of(base_url)
    if wanted is None:
        return own
    site = Site.of(wanted)
    if site not in {own, *map(Site.of, allowed_urls)}:
        raise SourceNotAllowed
    return site


def require_reachable(site: Site) -> None:
    """Refuse a site that is named by an address where nothing may be asked for.

    Raises:
        SourceNotAllowed: It is one.
    """
    named = site.host.strip("[]")
    if (
        named != "localhost"
        and is_literal(named)
        and not may_connect(named, is_inside_allowed=True)
    ):
        raise SourceNotAllowed


def may_connect(address: str, *, is_inside_allowed: bool) -> bool:
    """Whether pages may be asked for at an IP address.

    Args:
        address: What a name resolved to, or what stood in its place.
        is_inside_allowed: Whether addresses of this machine and its networks are taken: on a
            laptop, and where the allow-list itself names such an address.

    Returns:
        False always for link-local ones, where clouds keep their credentials.
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if found.is_link_local or found.is_multicast or found.is_unspecified:
        return False
    if found == ipaddress.ip_address("fd00:ec2::254"):
        return False
    return found.is_global or (is_inside_allowed and (found.is_private or found.is_loopback))


def is_literal(host: str) -> bool:
    """Whether a host is an IP address or this machine's name, and so was meant as it stands."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True
