"""`double-booked bookings`: a week of a cluster's Bookings, and which of them conflict.

The cluster is asked through kubectl, so that whatever a kubeconfig needs works. What conflicts is
found by the engine, over what the cluster answered; no operator needs to run for that.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, Event, EventList
from double_booked.calendars.local_zone import local_zone
from double_booked.commands import params
from double_booked.commands.engine import (
    ask_engine,
    ask_explained,
)
from double_booked.commands.errors import Failure
from double_booked.commands.output import replace_unwritable, writing
from double_booked.commands.window import make_window
from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import Span, timestamp, to_instant
from double_booked.conflicts.options import MAX_CAPACITY
from double_booked.operator.links import count_pairs, make_links
from double_booked.operator.objects import (
    GROUP,
    Booking,
    Calendar,
    NamespacedName,
    RawObject,
    format_time,
    parse_booking_lenient,
    parse_calendar_lenient,
)
from double_booked.recurrence.series import Window
from double_booked.report import agenda, html
from double_booked.view.conflict_report import (
    ConflictReport,
    SourceLocation,
    build_report,
    pluralize,
)
from double_booked.view.printable import printable
from double_booked.view.times import format_duration

DAYS = 7
"""How far is looked at if nobody says."""

_KUBECTL_LOG = re.compile(r"[EWIF]\d{4} ")
"""How a line of kubectl's own log begins; what it tells people comes after that."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to tell of the bookings, and how.

    Attributes:
        calendars: Only these, by name; all if there are none.
        namespace: Whose; None is that of the kubeconfig.
        all_namespaces: Whether to look at all namespaces instead.
        format: "text", "json" or "html".
        start: From when; None is the Monday of this week.
        end: Up to when, a day included; None is DAYS from the start on.
        zone: Where the reader is; None is where this machine is.
    """

    calendars: tuple[str, ...] = ()
    namespace: str | None = None
    all_namespaces: bool = False
    format: str = "text"
    start: date | None = None
    end: date | None = None
    zone: tzinfo | None = None

    def has(self, calendar: NamespacedName) -> bool:
        """Whether a calendar is looked at."""
        return not self.calendars or calendar.name in self.calendars

    def name(self, key: NamespacedName) -> str:
        """What tells an object from others of its kind among what is looked at."""
        return str(key) if self.all_namespaces else key.name


@dataclass(frozen=True, slots=True)
class Booked:
    """A Booking with its text."""

    booking: Booking
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Held:
    """What a cluster holds."""

    calendars: Mapping[NamespacedName, Calendar]
    bookings: Sequence[Booked]

    def gap(self, calendar: NamespacedName) -> int:
        """Nanoseconds that a booking occupies a calendar after its end."""
        return self.calendars[calendar].rules.gap if calendar in self.calendars else 0


def run(wanted: Wanted) -> None:
    """Tells the bookings of a time.

    Raises:
        Failure: The cluster does not answer, or what was asked for is not there.
    """
    zone = wanted.zone or local_zone()
    start = wanted.start or monday_of(datetime.now(zone).date())
    window = make_window(start, wanted.end, DAYS, zone)
    held = read(ask_kubectl(wanted))
    _check_known(held, wanted)
    within = replace(held, bookings=_select(held, wanted, _span(window)))
    _note(held, within, wanted)
    report = find(within, wanted, _span(window))
    with writing():
        _write(held, within, report, wanted, window)


def monday_of(day: date) -> date:
    """The Monday of its week; that of a week before the year 1 is its first day."""
    return day - timedelta(min(day.weekday(), (day - date.min).days))


def ask_kubectl(wanted: Wanted) -> list[RawObject]:
    """The Calendars and Bookings of a cluster, as JSON has them.

    Raises:
        Failure: kubectl is not there, or it fails; what it says of that is told.
    """
    program = shutil.which("kubectl")
    if not program:
        raise Failure("kubectl is not on PATH; the cluster is asked through it")
    command = [program, "get", f"calendars.{GROUP},bookings.{GROUP}", "--output=json"]
    if wanted.all_namespaces:
        command.append("--all-namespaces")
    elif wanted.namespace:
        command.append(f"--namespace={wanted.namespace}")
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
    except OSError as error:
        raise Failure(f"kubectl: {error.strerror}") from error
    if done.returncode:
        raise Failure(f"kubectl: {_complaint(done)}")
    return _items(done.stdout)


def _items(answer: bytes) -> list[RawObject]:
    try:
        content = json.loads(answer)
    except ValueError:
        content = None
    items = content.get("items") if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise Failure("kubectl answers with what is no list of objects as JSON")
    return items


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines()]
    told = [line for line in lines if line and not _KUBECTL_LOG.match(line)]
    return "; ".join(told or filter(None, lines)) or f"it ends with exit code {done.returncode}"


def read(items: Iterable[RawObject]) -> Held:
    """Reads objects as the operator does; a Calendar that cannot be used has default rules."""
    calendars, bookings = {}, []
    for raw in items:
        if raw["kind"] == "Calendar":
            calendar = parse_calendar_lenient(raw)
            calendars[calendar.metadata.key] = calendar
        elif raw["kind"] == "Booking":
            spec = raw.get("spec") or {}
            booking = parse_booking_lenient(raw)
            title = spec.get("title") or booking.key.name
            bookings.append(Booked(booking, title, spec.get("description") or ""))
    return Held(calendars, bookings)


def _check_known(held: Held, wanted: Wanted) -> None:
    there = {key.name for key in held.calendars}
    for name in wanted.calendars:
        if name not in there:
            others = f", only {', '.join(sorted(there))}" if there else ", nor any other"
            raise Failure(f"there is no calendar {name}{others}")


def _note(held: Held, within: Held, wanted: Wanted) -> None:
    """Tells on standard error what cannot be looked at as its owner meant it."""
    for key, calendar in held.calendars.items():
        if calendar.fault and wanted.has(key):
            _say(f"calendar {wanted.name(key)} has the default rules", calendar.fault)
    for each in held.bookings:
        if each.booking.fault:
            _say(f"booking {wanted.name(each.booking.key)} is left out", each.booking.fault)
    named = {key for each in within.bookings for key in _calendars(each, wanted)}
    for key in sorted(named - held.calendars.keys()):
        _say(f"there is no calendar {wanted.name(key)}", "nothing conflicts on it")


def _say(what: str, why: str) -> None:
    click.echo(printable(f"Note: {what}: {why}"), err=True)


def _span(window: Window) -> Span:
    return to_instant(window.start), to_instant(window.end)


def _touches(span: Span, window: Span) -> bool:
    """Whether some of a time, which may be an instant, lies in another."""
    return span[0] < window[1] and max(span[1], span[0] + 1) > window[0]


def _select(held: Held, wanted: Wanted, window: Span) -> list[Booked]:
    """The bookings that occupy a calendar within the window, by start; a gap counts."""

    def is_selected(booked: Booked) -> bool:
        gaps = [held.gap(key) for key in _calendars(booked, wanted)]
        return bool(gaps) and _touches(booked.booking.occupies(max(gaps)), window)

    selected = [each for each in held.bookings if is_selected(each)]
    return sorted(selected, key=lambda each: (each.booking.start, each.booking.key))


def find(held: Held, wanted: Wanted, window: Span) -> ConflictReport:
    """Finds what conflicts within a window.

    A question to the engine has one gap, and calendars may have several. So the engine is asked
    once for each gap, always about all bookings in the same order, each of which then names only
    those of its calendars that have this gap. A booking left without any would take the unnamed
    resource; the capacity of that, and of a calendar that does not exist, is so large that
    nothing clashes there. The groups of all answers together are in the order of one.

    Args:
        held: The bookings that occupy a calendar within the window, and all calendars.
        wanted: Which of the calendars to look at.
        window: In nanoseconds since 1970. Overlaps are cut to it, since of what is before and
            after, not all who are present are known.
    """
    gaps = {held.gap(key) for each in held.bookings for key in _calendars(each, wanted)}
    groups = [
        _cut(part, window)
        for gap in gaps
        for group in _find_with_gap(held, wanted, gap).groups
        for part in _discount_replaced(group, held, wanted)
    ]
    starts = [each.booking.start for each in held.bookings]
    groups.sort(key=lambda group: (starts[group.members[0]], group.resource))
    whole = EventList(
        events=[_event(each, wanted, _calendars(each, wanted)) for each in held.bookings]
    )
    return replace(_gather(ConflictList(), whole, held), groups=groups)


def _find_with_gap(held: Held, wanted: Wanted, gap: int) -> ConflictReport:
    events = []
    for each in held.bookings:
        keys = [key for key in _calendars(each, wanted) if held.gap(key) == gap]
        events.append(_event(each, wanted, keys))
    named = {name for event in events for name in event.resources}
    # Where no Calendar sets a capacity, nothing conflicts.
    capacity = dict.fromkeys(named | {""}, MAX_CAPACITY)
    for key, calendar in held.calendars.items():
        if wanted.name(key) in named:
            capacity[wanted.name(key)] = calendar.rules.capacity
    options = ConflictOptions(capacity=capacity)
    options.min_gap.FromNanoseconds(gap)
    asked = EventList(events=events, options=options)
    return _gather(ask_explained(asked, ask_engine), asked, held)


def _discount_replaced(group: Group, held: Held, wanted: Wanted) -> list[Group]:
    """Return what is left of a group where bookings that replace one another count once."""
    bookings = {position: held.bookings[position].booking for position in group.members}
    keys = {booking.key for booking in bookings.values()}
    links = make_links(((each.key, each.replaced_keys()) for each in bookings.values()), keys)
    if not links:
        return [group]
    [capacity] = {
        calendar.rules.capacity
        for key, calendar in held.calendars.items()
        if wanted.name(key) == group.resource
    }
    parts: list[Group] = []
    for overlap in group.overlaps:
        depth = overlap.depth - count_pairs([bookings[each].key for each in overlap.members], links)
        if depth > capacity:
            parts = _join_overlap(parts, overlap._replace(depth=depth), group.resource)
    return [replace(part, members=_in_order(part.members, group.members)) for part in parts]


def _join_overlap(parts: list[Group], overlap: Overlap, resource: str) -> list[Group]:
    """Return groups with one more overlap, which joins the groups that it shares members with."""
    apart = [part for part in parts if set(part.members).isdisjoint(overlap.members)]
    joined = [part for part in parts if part not in apart]
    members = {each for part in joined for each in part.members} | set(overlap.members)
    overlaps = (*(each for part in joined for each in part.overlaps), overlap)
    return [*apart, Group(resource, tuple(members), overlaps)]


def _in_order(members: Iterable[int], order: Sequence[int]) -> tuple[int, ...]:
    found = set(members)
    return tuple(each for each in order if each in found)


def _gather(conflicts: ConflictList, asked: EventList, held: Held) -> ConflictReport:
    def locate(position: int) -> SourceLocation:
        key = held.bookings[position].booking.key
        return SourceLocation(key.namespace, None, key.name, is_file=False)

    return build_report(conflicts, asked, locate)


def _calendars(booked: Booked, wanted: Wanted) -> list[NamespacedName]:
    return [key for key in booked.booking.calendar_keys() if wanted.has(key)]


def _event(booked: Booked, wanted: Wanted, calendars: Iterable[NamespacedName]) -> Event:
    booking = booked.booking
    return Event(
        id=wanted.name(booking.key),
        title=booked.title,
        description=booked.description,
        start=timestamp(booking.start),
        end=timestamp(booking.end),
        resources=map(wanted.name, calendars),
    )


def _cut(group: Group, window: Span) -> Group:
    overlaps = [
        each._replace(start=max(each.start, window[0]), end=min(each.end, window[1]))
        for each in group.overlaps
        if _touches(each.span, window)
    ]
    return replace(group, overlaps=tuple(overlaps))


def _write(
    held: Held, within: Held, report: ConflictReport, wanted: Wanted, window: Window
) -> None:
    if wanted.format == "json":
        click.echo(json.dumps(to_json(within, report, wanted, _span(window)), indent=2))
        return
    replace_unwritable()
    if wanted.format == "html":
        click.echo(html.render(report, wanted.zone), nl=False)
    elif within.bookings:
        console = Console(highlight=False)
        agenda.write(console, report, wanted.zone, _span(window))
    else:
        click.echo(_say_nothing(held, wanted, window))


def _say_nothing(held: Held, wanted: Wanted, window: Window) -> str:
    zone = wanted.zone or local_zone()
    told = [f"{each.astimezone(zone):%a %Y-%m-%d %H:%M}" for each in (window.start, window.end)]
    others = sum(1 for each in held.bookings if _calendars(each, wanted))
    elsewhere = f"; {pluralize(others, 'booking')} at other times, --from and --to choose"
    return f"Nothing is booked from {told[0]} to {told[1]}{elsewhere if others else ''}."


def to_json(held: Held, report: ConflictReport, wanted: Wanted, window: Span) -> Json:
    """What is told to programs, as docs/bookings.md describes it.

    Args:
        held: The bookings to tell, and all calendars.
        report: What conflicts of them.
        wanted: Which of the calendars to tell.
        window: In nanoseconds since 1970.
    """
    return {
        "window": _span_json(*window),
        "calendars": [
            _calendar_json(calendar)
            for key, calendar in sorted(held.calendars.items())
            if wanted.has(key)
        ],
        "bookings": [_booking_json(each) for each in held.bookings],
        "conflicts": [_group_json(group, held) for group in report.groups],
    }


def _span_json(start: int, end: int) -> Json:
    return {"start": format_time(start), "end": format_time(end)}


def _calendar_json(calendar: Calendar) -> Json:
    rules, key = calendar.rules, calendar.metadata.key
    return {
        "namespace": key.namespace,
        "name": key.name,
        "capacity": rules.capacity,
        "policy": "Reject" if rules.rejects else "Report",
        "minGap": format_duration(rules.gap),
    }


def _booking_json(booked: Booked) -> Json:
    booking, status = booked.booking, booked.booking.status
    # A status of an older spec tells nothing of this one.
    if status and status.generation != booking.metadata.generation:
        status = None
    return {
        "namespace": booking.key.namespace,
        "name": booking.key.name,
        "title": booked.title,
        "description": booked.description,
        **_span_json(booking.start, booking.end),
        "calendars": list(booking.calendars),
        "doubleBooked": status.verdict if status else "Unknown",
        "conflictsWith": list(status.conflicts_with) if status else [],
    }


def _group_json(group: Group, held: Held) -> Json:
    keys = [each.booking.key for each in held.bookings]
    return {
        "namespace": keys[group.members[0]].namespace,
        "calendar": group.resource.rpartition("/")[2],
        "bookings": [keys[each].name for each in group.members],
        "overlaps": [
            _span_json(each.start, each.end)
            | {"depth": each.depth, "bookings": [keys[position].name for position in each.members]}
            for each in group.overlaps
        ],
    }


@click.command()
@click.option(
    "--calendar",
    "calendars",
    metavar="NAME",
    multiple=True,
    help="Show only this calendar; may be given more than once. By default all.",
)
@click.option("-n", "--namespace", metavar="NAME", help="Whose; by default that of the kubeconfig.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Show all namespaces.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="Text or a page for people, or JSON for programs.",
)
@click.option(
    "--from",
    "start",
    type=params.MomentType(),
    help="Show bookings from this day or time on; by default from this week's Monday on.",
)
@click.option(
    "--to",
    "end",
    type=params.MomentType(),
    help="Show bookings up to this time, or to the end of this day; by default 7 days.",
)
@click.option(
    "--timezone",
    "zone",
    type=params.ZoneType(),
    help="The zone of days and times, like Europe/Berlin; by default that of this machine.",
)
def bookings(  # noqa: PLR0917 - click passes them by name
    calendars: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,  # noqa: FBT001 - as above
    output_format: str,
    start: date | None,
    end: date | None,
    zone: ZoneInfo | None,
) -> None:
    """Tell who has what this week: a cluster's Bookings, and which of them conflict.

    The cluster is asked through kubectl, with your kubeconfig, and nothing in it is
    changed. Conflicts are found here, whether or not the operator runs.

    The exit code is 0, with conflicts too, and 2 after an error.
    """
    if namespace and all_namespaces:
        raise click.UsageError("--namespace and --all-namespaces exclude each other.")
    run(Wanted(calendars, namespace, all_namespaces, output_format, start, end, zone))
