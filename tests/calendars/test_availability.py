"""Availabilities are combined by priority, in hours of one day."""

from datetime import UTC, datetime, timedelta

import pytest

from double_booked.calendars.availability import Availability, unavailable
from double_booked.recurrence.calendar_times import Window

MIDNIGHT = datetime(2026, 12, 2, tzinfo=UTC)
WINDOW = Window(MIDNIGHT, MIDNIGHT + timedelta(days=1))
Hours = tuple[int, int]


def at(hour: int) -> datetime:
    return MIDNIGHT + timedelta(hours=hour)


def available(*free: Hours, span: Hours | None = None, **rest: str | int) -> Availability:
    start, end = (at(span[0]), at(span[1])) if span else (None, None)
    spans = [(at(first), at(last)) for first, last in free]
    return Availability(start, end, spans, **rest)  # type: ignore[arg-type]


def hours(*availabilities: Availability, count_tentative: bool = True) -> list[Hours]:
    spans = unavailable(availabilities, WINDOW, count_tentative=count_tentative)
    return [
        (
            int((start - MIDNIGHT).total_seconds()) // 3600,
            int((end - MIDNIGHT).total_seconds()) // 3600,
        )
        for start, end in spans
    ]


CASES = {
    "no availability": ([], []),
    "an empty availability": ([available()], [(0, 24)]),
    "one available span": ([available((9, 17))], [(0, 9), (17, 24)]),
    "several available spans, unordered": (
        [available((14, 17), (9, 12))],
        [(0, 9), (12, 14), (17, 24)],
    ),
    "overlapping available spans": ([available((9, 13), (12, 17))], [(0, 9), (17, 24)]),
    "an available span without length": ([available((9, 9))], [(0, 24)]),
    "a whole day": ([available((-5, 30))], []),
    "available spans beyond the window": ([available((-5, 2), (22, 30))], [(2, 22)]),
    "available spans beyond its range": (
        [available((9, 12), (15, 20), span=(8, 17))],
        [(8, 9), (12, 15)],
    ),
    "a range outside of the window": ([available(span=(30, 40))], []),
    "a higher priority takes precedence": (
        [available((10, 12), span=(9, 15), priority=1), available((8, 16), priority=5)],
        [(0, 8), (9, 10), (12, 15), (16, 24)],
    ),
    "an undefined priority counts least": (
        [available((8, 16)), available((20, 22), span=(18, 24), priority=9)],
        [(0, 8), (16, 20), (22, 24)],
    ),
    "the busier type counts at equal priority": (
        [
            available((8, 16), busy_type="BUSY-TENTATIVE"),
            available(span=(10, 12), busy_type="BUSY"),
        ],
        [(0, 8), (10, 12), (16, 24)],
    ),
    "an unknown type is the default type": (
        [available((9, 17), busy_type="X-AWAY")],
        [(0, 9), (17, 24)],
    ),
}


@pytest.mark.parametrize(("availabilities", "expected"), CASES.values(), ids=CASES)
def test_unlisted_time_is_unavailable(
    availabilities: list[Availability], expected: list[Hours]
) -> None:
    """Section 4 of RFC 7953."""
    assert hours(*availabilities) == expected
    assert hours(*reversed(availabilities)) == expected


def test_tentative_time_is_available_if_it_is_not_counted() -> None:
    """It still takes precedence over a lower priority."""
    tentative = available(span=(8, 12), priority=1, busy_type="BUSY-TENTATIVE")
    availabilities = [tentative, available((13, 24))]
    assert hours(*availabilities) == [(0, 13)]
    assert hours(*availabilities, count_tentative=False) == [(0, 8), (12, 13)]
