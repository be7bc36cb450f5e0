"""Cross-origin rules, compression and assets."""

import gzip
from collections.abc import Iterator

import pytest

from infra.local.gateway import offapi_directory
from infra.local.gateway.compression import accepts_gzip, is_text
from tests.infra.serving import ORIGIN, Server, serving

FROM_PAGE = {"Origin": ORIGIN}
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nada"),
        ("DELETE", "/hello"),
        ("GET", "/unserialisable"),
        ("GET", "/items/%zz"),
        ("OPTIONS", "/hello"),
        ("GET", "/_objects/k"),
        ("GET", "/assets/offapi/redoc.js"),
    ],
)
def test_an_allowed_page_may_read_every_answer_of_the_gateway(
    server: Server, method: str, path: str
) -> None:
    reply = server.ask(method, path, headers=FROM_PAGE)
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert "Origin" in reply.headers["vary"]
    assert "location" in reply.headers["access-control-expose-headers"]
    assert "idempotent-replayed" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("origin", [None, "https://evil.example.com", ORIGIN + ".evil.com", "null"])
def test_another_page_may_not(server: Server, origin: str | None) -> None:
    reply = server.ask("GET", "/nada", headers={"Origin": origin} if origin else {})
    assert reply.status == 404
    assert "access-control-allow-origin" not in reply.headers
    assert "Origin" in reply.headers["vary"]


def test_the_app_says_itself_who_may_read_its_answers(server: Server) -> None:
    reply = server.ask("GET", "/hello", headers=FROM_PAGE)
    assert reply.status == 200
    assert "access-control-allow-origin" not in reply.headers


def test_a_preflight_names_the_paths_methods(server: Server) -> None:
    asked = {**FROM_PAGE, "Access-Control-Request-Method": "DELETE"}
    reply = server.ask("OPTIONS", "/items/1/parts/2", headers=asked)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-methods"] == "DELETE, GET, HEAD, OPTIONS"
    assert reply.headers["access-control-allow-headers"] == (
        "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id"
    )
    upload = server.ask("OPTIONS", "/_objects/k", headers=asked)
    assert "PUT" in upload.headers["access-control-allow-methods"]
    assert server.ask("OPTIONS", "/nada", headers=asked).status == 404


def test_an_apps_own_rules_come_first(server: Server) -> None:
    assert server.ask("OPTIONS", "/own-options", headers=FROM_PAGE).status == 299
    reply = server.ask("GET", "/own-cors", headers=FROM_PAGE)
    assert reply.headers["access-control-allow-origin"] == "*"


def test_large_text_is_compressed_for_who_asks(server: Server) -> None:
    plain, packed = server.ask("GET", "/large"), server.ask("GET", "/large", headers=GZIP)
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4
    for reply in (plain, packed):
        assert reply.headers["vary"] == "Accept, Accept-Encoding"


def test_a_compressed_answers_tag_is_weak(server: Server) -> None:
    assert server.ask("GET", "/large").headers["etag"] == '"v1"'
    assert server.ask("GET", "/large", headers=GZIP).headers["etag"] == 'W/"v1"'


def test_small_answers_and_images_stay_as_they_are(server: Server) -> None:
    assert "content-encoding" not in server.ask("GET", "/hello", headers=GZIP).headers
    image = server.ask("GET", "/image", headers={**GZIP, "Accept": "image/png"})
    assert "content-encoding" not in image.headers


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("*;q=0", False),
        ("gzip;q=x", False),
        ("br", False),
        ("x-gzipped", False),
        ("", False),
    ],
)
def test_gzip_is_negotiated_by_weight(accept_encoding: str, accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is accepted


def test_text_is_known_by_its_type() -> None:
    text = ["text/html; charset=utf-8", "application/json", "Application/Problem+JSON"]
    assert all(is_text(content_type) for content_type in text)
    assert not any(is_text(c) for c in ("image/png", "application/zip", "", "application/pdf"))


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("swagger_bundle.js", "text/javascript; charset=utf-8"),
        ("swagger_preset.js", "text/javascript; charset=utf-8"),
        ("swagger_style.css", "text/css; charset=utf-8"),
        ("redoc.js", "text/javascript; charset=utf-8"),
    ],
)
def test_a_wheels_files_are_served(server: Server, name: str, content_type: str) -> None:
    reply = server.ask("GET", f"/assets/offapi/{name}")
    assert reply.body == (offapi_directory() / name).read_bytes()
    assert reply.headers["content-type"] == content_type
    assert reply.headers["cache-control"] == "public, max-age=3600"
    head = server.ask("HEAD", f"/assets/offapi/{name}")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(reply.body)))


def test_a_versioned_asset_is_kept_for_ever(server: Server) -> None:
    reply = server.ask("GET", "/assets/offapi/redoc.js?v=0.1.4")
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    unversioned = server.ask("GET", "/assets/offapi/redoc.js?v=")
    assert unversioned.headers["cache-control"] == "public, max-age=3600"


def test_an_asset_the_client_has_is_not_sent_again(server: Server) -> None:
    path = "/assets/offapi/swagger_style.css"
    plain, packed = server.ask("GET", path), server.ask("GET", path, headers=GZIP)
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["etag"] != packed.headers["etag"]
    assert not packed.headers["etag"].startswith("W/")
    for reply, asked in ((plain, {}), (packed, GZIP)):
        seen = {**asked, "If-None-Match": f'"other", {reply.headers["etag"]}'}
        again = server.ask("GET", path, headers=seen)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == reply.headers["etag"]
    assert server.ask("GET", path, headers={"If-None-Match": '"other"'}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/offapi/nada.js",
        "/assets/offapi/__init__.py",
        "/assets/offapi/../offapi/redoc.js",
        "/assets/offapi/..%2f..%2fpip%2f__init__.py",
        "/assets/offapi/",
        "/assets/other/redoc.js",
        "/assets/",
        "/assets//etc/passwd",
    ],
)
def test_only_what_was_found_is_served(server: Server, path: str) -> None:
    assert server.ask("GET", path).status == 404


def test_assets_are_read_only(server: Server) -> None:
    reply = server.ask("PUT", "/assets/offapi/redoc.js", body=b"x")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
