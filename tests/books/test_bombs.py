"""A shop's page that is small and unpacks to more than memory holds is given up."""

import gzip
from pathlib import Path

import pytest
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response
from scrapy.utils.test import get_crawler

from chalicelib.books.crawling.spider import MOST_BYTES, CrawlOrder, scrapy_settings

ADDRESS = "https://loja.example/"


@pytest.mark.parametrize(("length", "is_read"), [(MOST_BYTES, True), (MOST_BYTES + 1, False)])
def test_what_a_page_unpacks_to_is_bounded(tmp_path: Path, length: int, is_read: bool) -> None:
    order = CrawlOrder(
        base_url=ADDRESS,
        folder=tmp_path,
        user_agent="teste",
        concurrency=1,
        timeout_seconds=1,
        inside_allowed=False,
    )
    crawler = get_crawler(settings_dict=scrapy_settings(order))
    unpack = HttpCompressionMiddleware.from_crawler(crawler)
    packed = gzip.compress(bytes(length))
    assert len(packed) < MOST_BYTES / 500
    answer = Response(ADDRESS, headers={"Content-Encoding": "gzip"}, body=packed)
    if is_read:
        assert len(unpack.process_response(Request(ADDRESS), answer).body) == length
    else:
        with pytest.raises(IgnoreRequest):
            unpack.process_response(Request(ADDRESS), answer)
