"""Workers killed again and again; `make soak` does the same at length."""

import pytest

from tests.contract.kills import Plan, disturb
from tests.contract.transports import Transport

pytestmark = pytest.mark.slow


def test_random_kills_leave_every_effect_exactly_once(transport: Transport) -> None:
    outcome = disturb(transport.queue_url, Plan(jobs=150, kills=15))
    assert (outcome.jobs, outcome.kills, outcome.stalls) == (150, 15, 3)
    assert (outcome.once, outcome.duplicates, outcome.lost) == (150, 0, 0)
    assert transport.dead_letters("work_queue") == []
