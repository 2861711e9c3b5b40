"""Which calls are ended while memory is short."""

from dataclasses import dataclass
from typing import Any

import pytest

from double_booked.server.receiving import calls_to_abort


@dataclass(frozen=True, slots=True)
class Receiving:
    """As much of a call as is looked at."""

    receiving_since: float | None


def ended(since: list[float | None], kept: int) -> list[float | None]:
    calls: Any = [Receiving(each) for each in since]
    return [call.receiving_since for call in calls_to_abort(calls, kept, now=100.0)]


@pytest.mark.parametrize(
    ("since", "kept", "expected"),
    [
        ([1.0, 2.0], 2, []),
        ([1.0, 2.0, 3.0], 2, [3.0]),
        ([3.0, 1.0, 2.0, 5.0, 4.0], 1, [5.0, 4.0]),
        ([1.0, None, None], 0, [1.0]),
        ([99.95, 99.99], 0, []),
        ([], 0, []),
    ],
    ids=["as many as may", "one more", "half of four", "others not", "small ones not", "none"],
)
def test_newer_half_of_the_excess_calls_is_aborted(
    since: list[float | None], kept: int, expected: list[float]
) -> None:
    assert ended(since, kept) == expected
