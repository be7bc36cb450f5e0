"""The process in which one spider runs: `python -m chalicelib.books.crawling.process`.

Its first line of standard input is the order, its standard output is what it finds. It ends when
its standard input does: whoever started it is gone then.
"""

import logging
import os
import sys
import threading
from typing import Any

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.utils.asyncio import AsyncioLoopingCall

from chalicelib.books.crawling.spider import (
    CrawlOrder,
    ShopSpider,
    say_to_stdout,
    scrapy_settings,
    tell_of_bug,
    tick,
)

TICK_SECONDS = 0.5
NOISY = {
    # That a page is asked for again carries over what Scrapy itself noted on it.
    "scrapy.spidermiddlewares.metacopy": logging.ERROR,
    # Says with a traceback what the front page's failure says, too.
    "scrapy.downloadermiddlewares.robotstxt": logging.CRITICAL,
}


def main() -> None:
    """Crawl as ordered, once."""
    order = CrawlOrder.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True, name="parent").start()
    process = AsyncCrawlerProcess(scrapy_settings(order))
    for noisy, level in NOISY.items():
        logging.getLogger(noisy).setLevel(level)
    crawler = process.create_crawler(ShopSpider)
    crawler.signals.connect(_begin_ticking, signal=signals.spider_opened)
    crawler.signals.connect(tell_of_bug, signal=signals.spider_error)
    process.crawl(crawler, order=order, told=say_to_stdout())
    process.start()


def _begin_ticking(spider: Any) -> None:
    AsyncioLoopingCall(tick, spider).start(TICK_SECONDS)


def _end_with_input() -> None:
    while os.read(0, 1024):  # Not by `sys.stdin`, whose lock would be held at the end.
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
