"""Reads events, asks which of them conflict, and tells."""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Any

import click
from rich.console import Console

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, EventList
from double_booked.calendars import json_events
from double_booked.calendars.sources import Source, join, locate, name_of, read
from double_booked.conflicts import kernel
from double_booked.conflicts.limits import LimitExceeded, Limits
from double_booked.conflicts.validation import InvalidRequest
from double_booked.report import json_conflicts, text
from double_booked.report.printable import printable

if TYPE_CHECKING:
    from double_booked.client import CallerTls

NO_CONFLICT = 0
CONFLICTS = 1
ERROR = 2

UNLIMITED = Limits(
    max_answer_bytes=sys.maxsize, max_events_per_list=sys.maxsize, max_resources_per_event=2**31
)
"""What a person asks of their own machine; overlaps are bounded all the same, or they explode."""


class Failure(click.ClickException):
    """Ends the command with one line on standard error for each fault."""

    exit_code = ERROR

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults

    def show(self, file: IO[Any] | None = None) -> None:
        """Writes the faults."""
        for fault in self.faults:
            click.echo(f"Error: {printable(fault)}", file, err=file is None)


def run(
    files: Sequence[str],
    options: ConflictOptions,
    server: str | None,
    output_format: str,
    tls: "CallerTls | None" = None,
) -> int:
    """Tells which events of the files conflict.

    Args:
        files: Their paths; "-" is standard input.
        options: What counts as a conflict; it goes before what the files say of that.
        server: HOST:PORT of the service to ask; without it, this process finds out.
        output_format: "text" or "json".
        tls: What to ask the service with; without that, it is asked in plain text.

    Returns:
        The exit code: NO_CONFLICT or CONFLICTS.

    Raises:
        Failure: A file cannot be read or used, or the service does not answer.
    """
    sources = [_read(path) for path in files]
    asked = join(sources, options)
    if output_format == "text" and (asked.options.capacity or asked.options.HasField("min_gap")):
        # Only the answer knows then when it is too much.
        asked.options.explain = True
    try:
        conflicts = _ask_engine(asked) if server is None else _ask_server(asked, server, tls)
    except InvalidRequest as error:
        raise _refused(error, sources) from error
    try:
        _write(conflicts, asked, sources, output_format)
    except BrokenPipeError:
        raise  # who reads has seen enough; click ends the command quietly
    except OSError as error:
        _drop_standard_output()
        raise Failure(f"standard output: {error.strerror}") from error
    return CONFLICTS if conflicts.conflicts else NO_CONFLICT


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


def _read(path: str) -> Source:
    try:
        return read(path)
    except json_events.InvalidCalendar as error:
        raise Failure(*(f"{name_of(path)}: {fault}" for fault in error.faults)) from error
    except OSError as error:
        raise Failure(f"{name_of(path)}: {error.strerror}") from error


def _ask_engine(asked: EventList) -> ConflictList:
    try:
        answer = kernel.get_conflicts(asked.SerializeToString(), UNLIMITED)
    except LimitExceeded as error:
        raise Failure(str(error)) from error
    return ConflictList.FromString(answer.content)


def _ask_server(asked: EventList, server: str, tls: "CallerTls | None") -> ConflictList:
    from double_booked import client  # which takes long

    try:
        return client.get_conflicts(server, asked, tls)
    except client.ServerError as error:
        raise Failure(str(error)) from error


def _drop_standard_output() -> None:
    """Sends what is still to be written nowhere; else Python complains of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _refused(error: InvalidRequest, sources: Sequence[Source]) -> Failure:
    faults = [f"{locate(each.field, sources)}: {each.description}" for each in error.violations]
    if error.count > len(faults):
        faults.append(f"these are the first {len(faults)} of {error.count} faults")
    return Failure(*faults)


def _write(
    conflicts: ConflictList, asked: EventList, sources: Sequence[Source], output_format: str
) -> None:
    if output_format == "json":
        click.echo(json_conflicts.render(conflicts))
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # Titles may hold what the terminal's encoding does not.
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    text.write(console, conflicts, asked, lambda position: locate(f"events[{position}]", sources))
