"""The peer's engine and sessions."""

import os
from collections.abc import Iterator
from functools import cache

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session


@cache
def engine() -> Engine:
    """The pool, made at first use: a connection for each of the eight clients, and spare ones."""
    return create_engine(os.environ["PEER_DATABASE_URL"], pool_size=10, max_overflow=10)


def get_session() -> Iterator[Session]:
    """A session per request, for FastAPI's `Depends`."""
    with Session(engine(), expire_on_commit=False) as session:
        yield session
