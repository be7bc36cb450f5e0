"""The list of event sources is the truth about the handlers."""

from importlib import import_module
from pathlib import Path
from typing import Any

import functions
from chalicelib.core.queues import Queue
from functions import EVENT_SOURCES


def _queue_of(handler: str) -> Queue[Any]:
    module, _, name = handler.rpartition(".")
    found = getattr(import_module(module), name).queue
    assert isinstance(found, Queue)
    return found


def test_every_queue_invokes_the_handler_made_for_it() -> None:
    assert EVENT_SOURCES
    for name, source in EVENT_SOURCES.items():
        assert _queue_of(source.handler).name == name


def test_every_handler_is_listed() -> None:
    folder = Path(functions.__file__).parent
    written = {
        f"functions.{path.parent.name}.{path.stem}.handler"
        for path in folder.glob("*/*.py")
        if path.stem != "__init__"
    }
    assert written == {source.handler for source in EVENT_SOURCES.values()}


def test_a_lease_outlasts_a_missed_heartbeat() -> None:
    for source in EVENT_SOURCES.values():
        assert _queue_of(source.handler).lease.total_seconds() >= 30
