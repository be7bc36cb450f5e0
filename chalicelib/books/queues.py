"""The queues of the books."""

from datetime import timedelta

from chalicelib.books.schemas import ScrapeMessage
from chalicelib.books.schemas_ml import TrainMessage
from chalicelib.core.queues import Queue

BOOKS_SCRAPE_QUEUE = Queue(
    "books_scrape_queue", ScrapeMessage, max_attempts=3, lease=timedelta(seconds=120)
)
BOOKS_TRAINING_QUEUE = Queue(
    "books_training_queue", TrainMessage, max_attempts=3, lease=timedelta(seconds=120)
)
