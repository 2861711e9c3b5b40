"""Check that small limits give either the unlimited answer or a rejection."""

from conflicts.differential import UNLIMITED
from conflicts.test_kernel import cases
from double_booked.conflicts import kernel
from double_booked.conflicts.limits import LimitExceededError, Limits
from double_booked.conflicts.validation import InvalidRequestError

SMALL = Limits(
    max_message_bytes=500,
    max_answer_bytes=300,
    max_events_per_list=10,
    max_resources_per_event=2,
    max_explained_members=20,
    max_lists_per_batch=3,
)
SEEDS = tuple(cases.values())


def check(data: bytes) -> None:
    try:
        limited = kernel.get_conflicts(data, SMALL)
    except (InvalidRequestError, LimitExceededError) as error:
        assert str(error)
        return
    assert len(limited.content) <= SMALL.max_answer_bytes
    assert limited.content == kernel.get_conflicts(data, UNLIMITED).content
