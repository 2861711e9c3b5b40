"""Compare the kernel with the definition on the same bytes."""

from google.protobuf.message import DecodeError

from double_booked.api.scheduling_pb2 import ConflictList, EventList
from double_booked.conflicts import definition, kernel
from double_booked.conflicts.limits import Limits
from double_booked.conflicts.validation import InvalidRequestError

UNLIMITED = Limits(
    max_answer_bytes=2**62,
    max_options_bytes=2**62,
    max_events_per_list=2**62,
    max_resources_per_event=2**31,
    max_explained_members=2**62,
)
"""The definition knows no limits."""


def assert_kernel_equals_definition(request: bytes) -> None:
    """Assert that both reject the request for the same faults, or both give the same answer."""
    try:
        parsed = EventList.FromString(request)
    except DecodeError:
        _assert_rejected(request)
        return
    try:
        expected = definition.get_conflicts(parsed)
    except InvalidRequestError as expected_error:
        error = _assert_rejected(request)
        assert_same_faults(error, expected_error)
        return
    answer = kernel.get_conflicts(request, UNLIMITED)
    assert ConflictList.FromString(answer.content) == expected
    assert answer.events == len(parsed.events)
    assert answer.groups == len(expected.conflicts)
    _assert_verbatim(request, answer.content)


def assert_same_faults(left: InvalidRequestError, right: InvalidRequestError) -> None:
    """Assert that both errors have the same faults and the same count."""
    assert (left.violations, left.count) == (right.violations, right.count)


def _assert_rejected(request: bytes) -> InvalidRequestError:
    try:
        kernel.get_conflicts(request, UNLIMITED)
    except InvalidRequestError as error:
        return error
    raise AssertionError(f"the kernel answers what the definition rejects: {request!r}")


def _assert_verbatim(request: bytes, answer: bytes) -> None:
    """Assert that each event of the answer is a slice of the request."""
    for group in fields(answer):
        for event in fields(group):
            assert event in request


def fields(message: bytes) -> list[bytes]:
    """Return the contents of the fields 1 of a message with length-delimited fields only."""
    contents = []
    at = 0
    while at < len(message):
        field = message[at] >> 3
        assert message[at] & 7 == 2
        length, at = _varint(message, at + 1)
        if field == 1:
            contents.append(message[at : at + length])
        at += length
    return contents


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while message[at] >= 0x80:
        value |= (message[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | message[at] << shift, at + 1
