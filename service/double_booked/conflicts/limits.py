"""The limits of one request, and the error of a request that exceeds one."""

from dataclasses import dataclass

MAX_CAPACITIES = 10_000
"""The maximum number of resources with a capacity in the options of a list."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The maximum size of one request and its answer.

    Attributes:
        max_message_bytes: Bytes of the events that a feed keeps between messages.
        max_answer_bytes: Bytes of a unary answer.
        max_options_bytes: Bytes of a list's options, in all its parts together.
        max_events_per_list: Events of a list, and events that a feed keeps between messages.
        max_resources_per_event: Resources of an event, repeated names included.
        max_explained_members: Members in all overlaps of an answer; of a batch, in the answers to
            all its lists.
        max_lists_per_batch: Lists of a batch.
    """

    max_message_bytes: int = 64 * 1024 * 1024
    max_answer_bytes: int = 4 * 64 * 1024 * 1024
    max_options_bytes: int = 1024 * 1024
    max_events_per_list: int = 2_000_000
    max_resources_per_event: int = 100
    max_explained_members: int = 1_000_000
    max_lists_per_batch: int = 10_000


class LimitExceededError(ValueError):
    """A request that exceeds a limit; the message names the setting."""
