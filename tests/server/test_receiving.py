"""The choice of the calls to abort while memory is short."""

from dataclasses import dataclass
from typing import Any

import pytest

from double_booked.server.receiving import calls_to_abort


@dataclass(frozen=True, slots=True)
class Receiving:
    """The part of a call that `calls_to_abort` reads."""

    receiving_since: float | None


def aborted(since: list[float | None], kept: int) -> list[float | None]:
    calls: Any = [Receiving(seconds) for seconds in since]
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
    ids=["at the limit", "one more", "half of four", "not receiving", "small messages", "no calls"],
)
def test_newer_half_of_the_excess_calls_is_aborted(
    since: list[float | None], kept: int, expected: list[float]
) -> None:
    assert aborted(since, kept) == expected
