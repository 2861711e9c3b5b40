"""The status of an invalid request."""

from google.rpc.code_pb2 import INVALID_ARGUMENT
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from double_booked.conflicts.validation import InvalidRequestError, Violation
from double_booked.server.errors import MAX_MESSAGE_BYTES, MAX_STATUS_BYTES, invalid_argument


def violations(status: Status) -> list[tuple[str, str]]:
    bad_request = BadRequest()
    assert status.details[0].Unpack(bad_request)
    return [(item.field, item.description) for item in bad_request.field_violations]


def test_status_lists_the_faults_in_order() -> None:
    faults = [Violation("events[1].end", "one"), Violation("events[0].start", "two")]
    status = invalid_argument(InvalidRequestError(faults, 2))
    assert status.code == INVALID_ARGUMENT
    assert status.message == "events[1].end: one (the first of 2 faults)"
    assert violations(status) == [("events[1].end", "one"), ("events[0].start", "two")]


def test_status_lists_as_many_faults_as_its_size_allows() -> None:
    faults = [Violation(f"events[{number}].start", "x" * 90) for number in range(100)]
    status = invalid_argument(InvalidRequestError(faults, 5000))
    assert status.ByteSize() <= MAX_STATUS_BYTES
    listed = violations(status)
    assert listed == [(fault.field, fault.description) for fault in faults[: len(listed)]]
    assert status.ByteSize() + 130 > MAX_STATUS_BYTES, "one more would exceed the limit"


def test_status_message_is_short_and_ascii() -> None:
    status = invalid_argument(InvalidRequestError([Violation("ä" * 400, "é\n")], 1))
    assert status.message.isascii()
    assert "\n" not in status.message
    assert len(status.message) == MAX_MESSAGE_BYTES
