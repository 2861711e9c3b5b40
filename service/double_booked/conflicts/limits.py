"""How much one request may ask for, and the error of one that asks for more."""

from dataclasses import dataclass

MAX_CAPACITIES = 10_000
"""The most resources that the options of a list may give a capacity to."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may ask for.

    Attributes:
        max_message_bytes: The bytes of the events that a feed holds.
        max_answer_bytes: The size of a unary answer.
        max_options_bytes: The size of a list's options, all parts of them together.
        max_events_per_list: The events of a list, and those that a feed holds.
        max_resources_per_event: The resources of an event, repeated names counted.
        max_explained_members: The members that all overlaps of an answer list; of a
            batch, in all its lists.
        max_lists_per_batch: The lists of a batch.
    """

    max_message_bytes: int = 64 * 1024 * 1024
    max_answer_bytes: int = 4 * 64 * 1024 * 1024
    max_options_bytes: int = 1024 * 1024
    max_events_per_list: int = 2_000_000
    max_resources_per_event: int = 100
    max_explained_members: int = 1_000_000
    max_lists_per_batch: int = 10_000


class LimitExceededError(ValueError):
    """A request that asks for more than a limit allows; its text names the setting."""
