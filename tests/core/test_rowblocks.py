"""Rows of numbers by binary COPY: every bit arrives, and what does not fit is noticed."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import text

from chalicelib.core.db import unit_of_work
from chalicelib.core.rowblocks import NotOneLength, read_rows, write_rows

pytestmark = pytest.mark.usefixtures("environment")

ROW = np.dtype([("small", "i2"), ("medium", "i4"), ("large", "i8"), ("real", "f8")])
QUERY = "SELECT small, medium, large, real FROM numbers ORDER BY n"
VALUES = [
    (-(2**15), -(2**31), -(2**63), -0.0),
    (2**15 - 1, 2**31 - 1, 2**63 - 1, 0.1 + 0.2),
    (0, 0, 0, float("nan")),
    (1, 1, 1, float("-inf")),
    (2, 2, 2, 5e-324),
]


def test_numbers_come_back_bit_for_bit() -> None:
    rows = np.array(VALUES, dtype=ROW)
    with unit_of_work() as session:
        session.execute(
            text(
                "CREATE TEMP TABLE numbers (n int GENERATED ALWAYS AS IDENTITY,"
                " small smallint, medium int, large bigint, real float8) ON COMMIT DROP"
            )
        )
        write_rows(session, "numbers (small, medium, large, real)", rows)
        assert read_rows(session, QUERY, ROW).tobytes() == rows.tobytes()
        found = session.execute(text("SELECT large, real FROM numbers WHERE n = 2")).one()
    assert tuple(found) == (2**63 - 1, 0.1 + 0.2)


def test_no_row_is_an_empty_block() -> None:
    with unit_of_work() as session:
        session.execute(text("CREATE TEMP TABLE one (small smallint) ON COMMIT DROP"))
        dtype = np.dtype([("small", "i2")])
        write_rows(session, "one (small)", np.empty(0, dtype=dtype))
        assert len(read_rows(session, "SELECT small FROM one", dtype)) == 0


def test_an_instant_travels_as_microseconds() -> None:
    dtype = np.dtype([("em", "i8")])
    with unit_of_work() as session:
        session.execute(text("CREATE TEMP TABLE seen (em timestamptz) ON COMMIT DROP"))
        query = "SELECT timestamptz '2026-03-18 15:00:00.123456+00'"
        write_rows(session, "seen (em)", read_rows(session, query, dtype))
        found = session.execute(text("SELECT em FROM seen")).scalar_one()
    assert found == datetime(2026, 3, 18, 15, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1::bigint, null::float8",
        "SELECT 1::bigint, 1::float8 UNION ALL SELECT 2, null",
        "SELECT 1::int, 1::float8",
        "SELECT 1::float8, 1::bigint, 1::bigint",
        "SELECT 1::bigint",
    ],
)
def test_what_does_not_fit_is_refused(query: str) -> None:
    dtype = np.dtype([("a", "i8"), ("b", "f8")])
    with unit_of_work() as session, pytest.raises(NotOneLength):
        read_rows(session, query, dtype)
