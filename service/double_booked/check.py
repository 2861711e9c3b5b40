"""Reads events, asks which of them conflict, and tells."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
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
from double_booked.report import html, json_conflicts, text
from double_booked.report.findings import Findings, ForeignEvent, Place, gather
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


class TooMuch(Failure):
    """What was asked for is over a limit."""


@dataclass(frozen=True, slots=True)
class Output:
    """What to tell, and how.

    Attributes:
        format: "text" or "json".
        zone: Where the reader is; None is where this machine is.
    """

    format: str = "text"
    zone: tzinfo | None = None


def run(
    files: Sequence[str],
    options: ConflictOptions,
    server: str | None,
    output: Output,
    tls: "CallerTls | None" = None,
) -> int:
    """Tells which events of the files conflict.

    Args:
        files: Their paths; "-" is standard input.
        options: What counts as a conflict; it goes before what the files say of that.
        server: HOST:PORT of the service to ask; without it, this process finds out.
        output: What to tell, and how.
        tls: What to ask the service with; without that, it is asked in plain text.

    Returns:
        The exit code: NO_CONFLICT or CONFLICTS.

    Raises:
        Failure: A file cannot be read or used, or the service does not answer.
    """
    sources = [_read(path) for path in files]
    asked = join(sources, options)
    ask = _ask_engine if server is None else partial(_ask_server, server=server, tls=tls)
    try:
        conflicts = ask(asked) if output.format == "json" else _ask_explained(asked, ask)
        findings = gather(conflicts, asked, _place(sources))
    except InvalidRequest as error:
        raise _refused(error, sources) from error
    except ForeignEvent as error:
        raise Failure(f"{server}: {error}") from error
    try:
        _write(conflicts, findings, output, all_overlaps=options.explain)
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


def _ask_explained(asked: EventList, ask: Callable[[EventList], ConflictList]) -> ConflictList:
    """The answer with who overlaps when; without, if nobody asked for that and it is too much."""
    if asked.options.explain:
        return ask(asked)
    asked.options.explain = True
    try:
        return ask(asked)
    except TooMuch:
        asked.options.explain = False
        return ask(asked)


def _ask_engine(asked: EventList) -> ConflictList:
    try:
        answer = kernel.get_conflicts(asked.SerializeToString(), UNLIMITED)
    except LimitExceeded as error:
        raise TooMuch(str(error)) from error
    return ConflictList.FromString(answer.content)


def _ask_server(asked: EventList, server: str, tls: "CallerTls | None") -> ConflictList:
    from double_booked import client  # which takes long

    try:
        return client.get_conflicts(server, asked, tls)
    except client.TooMuch as error:
        raise TooMuch(str(error)) from error
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


def _place(sources: Sequence[Source]) -> Callable[[int], Place]:
    places = [
        Place(source.name, None, f"events[{position}]", is_file=source.name != name_of("-"))
        for source in sources
        for position in range(len(source.events.events))
    ]
    return places.__getitem__


def _write(
    conflicts: ConflictList, findings: Findings, output: Output, *, all_overlaps: bool
) -> None:
    if output.format == "json":
        click.echo(json_conflicts.render(conflicts))
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # Titles may hold what the terminal's encoding does not.
        sys.stdout.reconfigure(errors="replace")
    if output.format == "html":
        click.echo(html.render(findings, output.zone), nl=False)
        return
    console = Console(highlight=False)
    text.write(console, findings, output.zone, all_overlaps=all_overlaps)
