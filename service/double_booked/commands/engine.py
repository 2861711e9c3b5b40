"""Conflicts, from the engine in this process or from a running service."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, EventList
from double_booked.commands.errors import Failure, LimitError
from double_booked.conflicts import kernel
from double_booked.conflicts.limits import LimitExceededError, Limits

if TYPE_CHECKING:
    from double_booked.client import ClientTls

UNLIMITED = Limits(
    max_answer_bytes=sys.maxsize,
    max_options_bytes=sys.maxsize,
    max_events_per_list=sys.maxsize,
    max_resources_per_event=2**31,
)
"""What a person asks of their own machine; overlaps are bounded all the same, or they explode."""


def make_options(min_gap: int, capacity: dict[str, int], *, explain: bool) -> ConflictOptions:
    """The message of what was asked for; what was left out is not set.

    Args:
        min_gap: In seconds.
        capacity: How many events may overlap, by resource.
        explain: Whether to tell who overlaps when.
    """
    options = ConflictOptions(capacity=capacity, explain=explain)
    if min_gap:
        options.min_gap.seconds = min_gap
    return options


def find_overlaps(asked: EventList, ask: Callable[[EventList], ConflictList]) -> ConflictList:
    """The answer with who overlaps when; without, if nobody asked for that and it is too much.

    Args:
        asked: What to ask; its `explain` becomes what was answered.
        ask: Whom, as `find_conflicts`.
    """
    if asked.options.explain:
        return ask(asked)
    asked.options.explain = True
    try:
        return ask(asked)
    except LimitError:
        asked.options.explain = False
        return ask(asked)


def find_conflicts(asked: EventList) -> ConflictList:
    """The answer of the engine in this process.

    Raises:
        InvalidRequestError: The events or options cannot be used.
        LimitError: The overlaps are too many to be told.
    """
    try:
        answer = kernel.get_conflicts(asked.SerializeToString(), UNLIMITED)
    except LimitExceededError as error:
        raise LimitError(str(error)) from error
    return ConflictList.FromString(answer.content)


def call_service(asked: EventList, server: str, tls: "ClientTls | None") -> ConflictList:
    """Return the answer of the service at HOST:PORT.

    Raises:
        InvalidRequestError: The service rejects a field of the request.
        LimitError: The request or the answer is over a limit of the service.
        Failure: The service does not answer, or answers with another error.
    """
    from double_booked import client  # gRPC takes 0.1 s to import

    try:
        return client.get_conflicts(server, asked, tls)
    except client.LimitError as error:
        raise LimitError(str(error)) from error
    except client.ServerError as error:
        raise Failure(str(error)) from error
