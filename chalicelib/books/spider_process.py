"""The process in which one spider runs: `python -m chalicelib.books.spider_process`.

Its first line of standard input is the order, its standard output is what it finds. It ends when
its standard input does: whoever started it is gone then.
"""

import os
import sys
import threading
from typing import Any

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.utils.asyncio import AsyncioLoopingCall

from chalicelib.books.spider import CrawlOrder, ShopSpider, say_to_stdout, scrapy_settings, tick

TICK_SECONDS = 0.5


def main() -> None:
    """Crawl as ordered, once."""
    order = CrawlOrder.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True, name="parent").start()
    process = AsyncCrawlerProcess(scrapy_settings(order))
    crawler = process.create_crawler(ShopSpider)
    crawler.signals.connect(_begin_ticking, signal=signals.spider_opened)
    process.crawl(crawler, order=order, told=say_to_stdout())
    process.start()


def _begin_ticking(spider: Any) -> None:
    AsyncioLoopingCall(tick, spider).start(TICK_SECONDS)


def _end_with_input() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
