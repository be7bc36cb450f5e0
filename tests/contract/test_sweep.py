"""A sweep rings for everything that is due, and for each job once."""

from datetime import timedelta

import pytest

from chalicelib.core.sweep import MOST_AT_ONCE, sweep
from tests.conftest import Bell
from tests.contract.work import ask_silently

pytestmark = pytest.mark.slow


def test_a_sweep_of_many_rounds_rings_once_for_each_job(bell: Bell) -> None:
    count = 2 * MOST_AT_ONCE + 10
    ask_silently(count)
    # What was rung for is due again at once, as is what nobody has heard.
    sweep(ring_again=timedelta(0))
    assert len(bell.rings()) == count


def test_a_sweep_leaves_what_was_rung_for_just_now(bell: Bell) -> None:
    ask_silently(3)
    sweep()
    assert bell.rings() == []
