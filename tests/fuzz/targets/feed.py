"""Check that feeds with messages of any size return the groups of the definition."""

from collections.abc import Iterator

from google.protobuf.message import DecodeError

from conflicts.differential import UNLIMITED
from conflicts.test_kernel import cases
from double_booked.api.scheduling_pb2 import ConflictList, EventList
from double_booked.conflicts import definition
from double_booked.conflicts.sweep import Sweep
from double_booked.conflicts.validation import InvalidRequestError

SEEDS = tuple(bytes([size]) + case for case in cases.values() for size in (1, 3))
MAX_EVENTS_PER_MESSAGE = 8


def check(data: bytes) -> None:
    """Check a byte that chooses the size of messages, followed by a list, which is sorted here."""
    size, content = 1 + sum(data[:1]) % MAX_EVENTS_PER_MESSAGE, data[1:]
    try:
        request = EventList.FromString(content)
    except DecodeError:
        assert _closed([content]) is None
        return
    _sort(request)
    try:
        expected = _in_any_order(definition.get_conflicts(request))
    except InvalidRequestError:
        expected = None
    assert _closed(_split(request, size)) == expected
    assert _closed([request.SerializeToString()]) == expected


def _sort(request: EventList) -> None:
    events = sorted(request.events, key=lambda event: (event.start.seconds, event.start.nanos))
    del request.events[:]
    request.events.extend(events)


def _split(request: EventList, size: int) -> Iterator[bytes]:
    yield EventList(options=request.options).SerializeToString()
    for first in range(0, len(request.events), size):
        yield EventList(events=request.events[first : first + size]).SerializeToString()


def _closed(messages: Iterator[bytes] | list[bytes]) -> list[bytes] | None:
    """Return the groups that a feed returns; None if the feed is rejected."""
    sweep = Sweep(UNLIMITED)
    answer = ConflictList()
    try:
        for message in messages:
            for chunk in sweep.push(message):
                answer.MergeFromString(chunk)
        for chunk in sweep.finish():
            answer.MergeFromString(chunk)
    except InvalidRequestError:
        return None
    return _in_any_order(answer)


def _in_any_order(answer: ConflictList) -> list[bytes]:
    return sorted(group.SerializeToString(deterministic=True) for group in answer.conflicts)
