"""Small fits leave the other cores to others, whichever library they run in."""

from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from chalicelib.ml.training.threads import ROWS_WORTH_MORE_THREADS, threads_for
from chalicelib.prices.training import run  # noqa: F401 - loads whatever fits


def threads() -> dict[str, int]:
    return {each["filepath"]: each["num_threads"] for each in threadpool_info()}


def test_every_library_is_held_to_one_thread_while_few_rows_are_fitted() -> None:
    with threadpool_limits(2):
        for _ in range(2):  # What was looked for once is held again.
            with threads_for(10):
                assert len(threads()) >= 3
                assert set(threads().values()) == {1}
            assert set(threads().values()) == {2}


def test_many_rows_may_use_what_there_is() -> None:
    with threadpool_limits(2), threads_for(ROWS_WORTH_MORE_THREADS):
        assert set(threads().values()) == {2}
