"""`python -m infra.local.bookshop`: the shop, until Ctrl-C."""

import argparse
import signal
import threading
from types import FrameType

from infra.local.bookshop import Shop, make_stock, serve_shop
from infra.local.bookshop.stock import BOOKS
from infra.local.processes import end_with_parent


def main() -> None:
    """Serve until told to end."""
    given = argparse.ArgumentParser(prog="python -m infra.local.bookshop", description=__doc__)
    given.add_argument("--port", type=int, default=8100)
    given.add_argument("--books", type=int, default=BOOKS)
    given.add_argument("--delay-ms", type=float, default=0, help="before every answer")
    arguments = given.parse_args()
    stop = threading.Event()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    end_with_parent()
    with serve_shop(Shop(make_stock(arguments.books)), port=arguments.port) as server:
        server.delay_seconds = arguments.delay_ms / 1000
        print(f"A shop of {arguments.books:,} made-up books is at {server.url}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
