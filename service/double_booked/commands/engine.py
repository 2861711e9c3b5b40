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
"""No limits on what people compute on their own machine, except on the members of overlaps, whose
number grows with the square of the events."""


def make_options(min_gap: int, capacity: dict[str, int], *, explain: bool) -> ConflictOptions:
    """Return the options of a request; those of the default are not set.

    Args:
        min_gap: Seconds for which an event occupies its resources after its end.
        capacity: How many events may overlap, by resource.
        explain: Whether to return the overlaps of each group.
    """
    options = ConflictOptions(capacity=capacity, explain=explain)
    if min_gap:
        options.min_gap.seconds = min_gap
    return options


def find_overlaps(request: EventList, find: Callable[[EventList], ConflictList]) -> ConflictList:
    """Return conflicts with their overlaps.

    Over the limit of overlaps, conflicts are returned without them, unless the request asks for
    overlaps itself.

    Args:
        request: The events; `options.explain` is set to whether the result has overlaps.
        find: `find_conflicts` or `call_service`.

    Raises:
        LimitError: The request asks for overlaps, and they are over the limit.
    """
    if request.options.explain:
        return find(request)
    request.options.explain = True
    try:
        return find(request)
    except LimitError:
        request.options.explain = False
        return find(request)


def find_conflicts(request: EventList) -> ConflictList:
    """Return the conflicts that the engine in this process finds.

    Raises:
        InvalidRequestError: An event or an option is invalid.
        LimitError: The overlaps have too many members.
    """
    try:
        answer = kernel.get_conflicts(request.SerializeToString(), UNLIMITED)
    except LimitExceededError as error:
        raise LimitError(str(error)) from error
    return ConflictList.FromString(answer.content)


def call_service(request: EventList, server: str, tls: "ClientTls | None") -> ConflictList:
    """Return the conflicts that a service finds.

    Args:
        request: The events and options.
        server: HOST:PORT of the service.
        tls: TLS settings; None for a connection without TLS.

    Raises:
        InvalidRequestError: The service rejects a field of the request.
        LimitError: The request or the response is over a limit of the service.
        Failure: The service does not answer, or returns another error.
    """
    from double_booked import client  # gRPC takes 0.1 s to import

    try:
        return client.get_conflicts(server, request, tls)
    except client.LimitError as error:
        raise LimitError(str(error)) from error
    except client.ServerError as error:
        raise Failure(str(error)) from error
