"""Whom we ask for pages, and whom we never ask."""

import pytest

from chalicelib.books.addresses import (
    Site,
    allowed_site,
    may_connect,
    require_reachable,
)
from chalicelib.books.errors import SourceNotAllowed

OWN = "https://books.toscrape.com/"


def test_the_shop_of_the_settings_is_read_when_none_is_named() -> None:
    assert allowed_site(None, OWN, ()).url == OWN


@pytest.mark.parametrize(
    "written",
    [OWN, "https://books.toscrape.com", "https://BOOKS.toscrape.com:443/index.html", f" {OWN} "],
)
def test_an_allowed_shop_may_be_written_in_several_ways(written: str) -> None:
    assert allowed_site(written, "http://127.0.0.1:9/", (OWN,)).url == OWN


@pytest.mark.parametrize(
    ("written", "path"),
    [("", "/"), ("/index.html", "/"), ("/mirror", "/mirror/"), ("/a/b/index.html", "/a/b/")],
)
def test_a_shop_may_lie_in_a_folder(written: str, path: str) -> None:
    assert Site.of(f"http://127.0.0.1:9000{written}").url == f"http://127.0.0.1:9000{path}"


@pytest.mark.parametrize(
    "wanted",
    [
        "http://books.toscrape.com/",
        "https://books.toscrape.com:8443/",
        "https://books.toscrape.com.evil.example/",
        "https://evil.example/books.toscrape.com/",
        "https://books.toscrape.com@evil.example/",
        "https://user:x@books.toscrape.com/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:8000/",
        "file:///etc/passwd",
        "ftp://books.toscrape.com/",
        "//books.toscrape.com/",
        "https://books.toscrape.com/../../",
        "https://books.toscrape.com:99999/",
        "https://[::1/",
        "https:///",
        "",
    ],
)
def test_no_other_address_is_taken(wanted: str) -> None:
    with pytest.raises(SourceNotAllowed):
        allowed_site(wanted, OWN, ())


def test_pages_of_the_site_are_its_own_and_no_others() -> None:
    site = Site.of("http://shop.example/")
    assert site.has("http://shop.example/catalogue/x_1/index.html?page=2")
    assert site.has("https://shop.example/")
    assert site.has("http://shop.example/catalogue/and-then..._7//index.html")
    for other in (
        "http://shop.example:8080/",
        "http://other.example/",
        "http://shop.example@other.example/",
        "https://shop.example:8443/",
        "file:///shop.example",
    ):
        assert not site.has(other), other
    assert not Site.of("https://shop.example/").has("http://shop.example/")


def test_a_page_lies_at_the_same_place_in_a_mirror() -> None:
    mirror = Site.of("http://127.0.0.1:9000/mirror/")
    page = mirror.path_of("http://127.0.0.1:9000/mirror/catalogue/x_1/index.html")
    assert page == Site.of(OWN).path_of(f"{OWN}catalogue/x_1/index.html")


@pytest.mark.parametrize(
    ("address", "outside", "inside"),
    [
        ("93.184.215.14", True, True),
        ("127.0.0.1", False, True),
        ("10.0.0.7", False, True),
        ("192.168.1.1", False, True),
        ("::1", False, True),
        ("::ffff:10.0.0.7", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("fd00:ec2::254", False, False),
        ("0.0.0.0", False, False),  # noqa: S104
        ("224.0.0.1", False, False),
    ],
)
def test_what_a_name_resolves_to_is_looked_at(address: str, outside: bool, inside: bool) -> None:
    assert may_connect(address, is_inside_allowed=False) == outside
    assert may_connect(address, is_inside_allowed=True) == inside


def test_no_allow_list_opens_the_way_to_a_clouds_credentials() -> None:
    metadata = "http://169.254.169.254/"
    with pytest.raises(SourceNotAllowed):
        require_reachable(allowed_site(metadata, OWN, (metadata,)))
    require_reachable(Site.of("http://127.0.0.1:8100/"))
