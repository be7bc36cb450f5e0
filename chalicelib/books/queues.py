"""The queue of the books."""

from datetime import timedelta

from chalicelib.books.schemas import ScrapeMessage
from chalicelib.core.queues import Queue

BOOKS_SCRAPE_QUEUE = Queue(
    "books_scrape_queue", ScrapeMessage, max_attempts=3, lease=timedelta(seconds=120)
)
