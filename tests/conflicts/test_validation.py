"""Every fault of a request is reported, in order."""

import pytest
from google.protobuf.duration_pb2 import Duration

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.conflicts.validation import MAX_VIOLATIONS, InvalidRequestError, Violation, check

SECONDS = "the seconds are outside 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z"
NANOS = "the nanos are outside 0 to 999999999"
FIRST = -62135596800
LAST = 253402300799


def timed(start: tuple[int, int], end: tuple[int, int]) -> Event:
    event = Event()
    event.start.seconds, event.start.nanos = start
    event.end.seconds, event.end.nanos = end
    return event


def refusal(*events: Event) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as refused:
        check(EventList(events=events))
    return refused.value


@pytest.mark.parametrize(
    ("event", "violations"),
    [
        pytest.param(
            Event(),
            [("start", "the start is missing"), ("end", "the end is missing")],
            id="no times",
        ),
        pytest.param(timed((FIRST - 1, 0), (0, 0)), [("start", SECONDS)], id="year 0"),
        pytest.param(timed((0, 0), (LAST + 1, 0)), [("end", SECONDS)], id="year 10000"),
        pytest.param(timed((0, -1), (1, 0)), [("start", NANOS)], id="nanos -1"),
        pytest.param(timed((0, 0), (1, 10**9)), [("end", NANOS)], id="nanos 1e9"),
        pytest.param(
            timed((LAST + 1, -1), (0, 0)), [("start", SECONDS), ("start", NANOS)], id="both"
        ),
        pytest.param(
            timed((5, 1), (5, 0)), [("end", "the end is before the start")], id="end before start"
        ),
    ],
)
def test_violation_has_the_path_of_its_field(
    event: Event, violations: list[tuple[str, str]]
) -> None:
    assert refusal(timed((0, 0), (1, 0)), event).violations == tuple(
        Violation(f"events[1].{field}", description) for field, description in violations
    )


def test_first_and_last_instant_are_valid() -> None:
    check(EventList(events=[timed((FIRST, 0), (LAST, 999999999))]))


def test_first_hundred_faults_are_listed_and_all_are_counted() -> None:
    refused = refusal(*[Event()] * MAX_VIOLATIONS)
    assert len(refused.violations) == MAX_VIOLATIONS
    assert refused.count == 2 * MAX_VIOLATIONS
    assert str(refused) == "events[0].start: the start is missing (the first of 200 faults)"


@pytest.mark.parametrize(
    ("options", "field", "description"),
    [
        pytest.param(
            ConflictOptions(capacity={"room-a": 0}),
            'options.capacity["room-a"]',
            "the capacity is 0; it is at least 1",
            id="capacity 0",
        ),
        pytest.param(
            ConflictOptions(capacity={"caf\u00e9 " + "x" * 100: 0}),
            'options.capacity["caf\\u00e9 ' + "x" * 55 + '"]',
            "the capacity is 0; it is at least 1",
            id="a name that is long and not ASCII",
        ),
        pytest.param(
            ConflictOptions(min_gap=Duration(seconds=-1)),
            "options.min_gap",
            "the gap is negative",
            id="negative gap",
        ),
        pytest.param(
            ConflictOptions(min_gap=Duration(seconds=1, nanos=-1)),
            "options.min_gap",
            "the gap is not a Duration: seconds and nanos are out of range or differ in sign",
            id="different signs",
        ),
        pytest.param(
            ConflictOptions(min_gap=Duration(seconds=315_576_000_000)),
            "options.min_gap",
            "the gap is over 9999 years",
            id="ten thousand years",
        ),
    ],
)
def test_violation_has_the_path_of_the_option(
    options: ConflictOptions, field: str, description: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check(EventList(options=options))
    assert refused.value.violations == (Violation(field, description),)
