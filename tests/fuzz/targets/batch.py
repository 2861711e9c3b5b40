"""Check that each list of a batch gets the same answer as in a call of its own."""

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from conflicts import wire
from conflicts.differential import UNLIMITED
from conflicts.test_kernel import cases
from double_booked.api.scheduling_pb2 import (
    BatchGetConflictsRequest,
    BatchGetConflictsResponse,
    ConflictList,
    EventList,
)
from double_booked.conflicts import kernel
from double_booked.conflicts.validation import InvalidRequestError

_LISTS = tuple(cases.values())
SEEDS = (
    b"",
    *(wire.delimited(1, request) for request in _LISTS),
    b"".join(wire.delimited(1, request) for request in _LISTS[:3]),
)


def check(data: bytes) -> None:
    try:
        answer = kernel.batch_get_conflicts(data, UNLIMITED).content
    except InvalidRequestError:
        answer = None
    try:
        lists = BatchGetConflictsRequest.FromString(data).lists
    except DecodeError:
        return  # protobuf counts the batch as a level of nesting, the kernel does not
    results = None if answer is None else list(BatchGetConflictsResponse.FromString(answer).results)
    assert results == _one_by_one(lists)


def _one_by_one(lists: Iterable[EventList]) -> list[ConflictList] | None:
    """Return the answers to the lists; None if one of them is rejected."""
    try:
        answers = [
            kernel.get_conflicts(request.SerializeToString(), UNLIMITED) for request in lists
        ]
    except InvalidRequestError:
        return None
    return [ConflictList.FromString(answer.content) for answer in answers]
