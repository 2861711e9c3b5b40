"""Check that streamed answers with pieces of any size equal the single answer."""

from conflicts.differential import UNLIMITED
from conflicts.test_kernel import cases
from double_booked.api.scheduling_pb2 import ConflictList
from double_booked.conflicts import kernel
from double_booked.conflicts.validation import InvalidRequestError

SEEDS = tuple(bytes([size]) + case for case in cases.values() for size in (0, 40))


def check(data: bytes) -> None:
    """Check a byte that chooses the size of the pieces, followed by a list."""
    size, request = 1 + sum(data[:1]), data[1:]
    try:
        pieces = kernel.stream_conflicts(request, UNLIMITED)
    except InvalidRequestError:
        assert _is_refused(request)
        return
    expected = kernel.get_conflicts(request, UNLIMITED).content
    assert _join(pieces, size) == ConflictList.FromString(expected)


def _is_refused(request: bytes) -> bool:
    try:
        kernel.get_conflicts(request, UNLIMITED)
    except InvalidRequestError:
        return True
    return False


def _join(pieces: kernel.Chunks, size: int) -> ConflictList:
    whole = ConflictList()
    goes_on = False
    while piece := pieces.next(size):
        for group in ConflictList.FromString(piece).conflicts:
            target = whole.conflicts[-1] if goes_on else whole.conflicts.add()
            goes_on = group.continued
            group.ClearField("continued")
            target.MergeFrom(group)
    assert not goes_on
    return whole
