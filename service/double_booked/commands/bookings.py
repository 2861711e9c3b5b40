"""`double-booked bookings`: a week of a cluster's Bookings, and which of them conflict.

No operator needs to run in the cluster: the conflicts are found in this process.
"""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from double_booked.calendars.local_zone import local_zone
from double_booked.commands import kubectl, params
from double_booked.commands.booking_conflicts import report_conflicts, touches
from double_booked.commands.bookings_json import to_json
from double_booked.commands.cluster_state import (
    BookingsQuery,
    ClusterState,
    TitledBooking,
    parse_objects,
)
from double_booked.commands.errors import Failure
from double_booked.commands.output import replace_unwritable, writing
from double_booked.commands.window import make_window
from double_booked.conflicts.instants import Span, to_instant
from double_booked.recurrence.calendar_times import Window
from double_booked.report import agenda, html
from double_booked.view.conflict_report import ConflictReport, pluralize
from double_booked.view.printable import printable

DAYS = 7
"""How many days to show without --to."""


def run(query: BookingsQuery) -> None:
    """Write the bookings of a cluster within a window, and their conflicts.

    Raises:
        Failure: The cluster cannot be read, or has no calendar of a name in the query.
    """
    zone = query.zone or local_zone()
    start = query.start or monday_of(datetime.now(zone).date())
    window = make_window(start, query.end, DAYS, zone)
    state = parse_objects(kubectl.get_objects(query.namespace, all_namespaces=query.all_namespaces))
    _check_calendars(state, query)
    shown = replace(state, bookings=_select(state, query, _span(window)))
    _note(state, shown, query)
    report = report_conflicts(shown, query, _span(window))
    with writing():
        if shown.bookings or query.format != "text":
            _write(shown, report, query, _span(window))
        else:
            click.echo(_describe_nothing(state, query, window))


def monday_of(day: date) -> date:
    """Return the Monday of the day's week; in the first week of the year 1, its first day."""
    return day - timedelta(min(day.weekday(), (day - date.min).days))


def _check_calendars(state: ClusterState, query: BookingsQuery) -> None:
    existing = {key.name for key in state.calendars}
    for name in query.calendars:
        if name not in existing:
            others = f", only {', '.join(sorted(existing))}" if existing else ", nor any other"
            raise Failure(f"there is no calendar {name}{others}")


def _note(state: ClusterState, shown: ClusterState, query: BookingsQuery) -> None:
    """Write on standard error which objects are invalid, and which calendars do not exist."""
    for key, calendar in state.calendars.items():
        if calendar.fault and query.includes(key):
            _write_note(f"calendar {query.name(key)} has the default rules", calendar.fault)
    for booked in state.bookings:
        if booked.booking.fault:
            name = query.name(booked.booking.key)
            _write_note(f"booking {name} is left out", booked.booking.fault)
    named = {key for booked in shown.bookings for key in booked.calendars(query)}
    for key in sorted(named - state.calendars.keys()):
        _write_note(f"there is no calendar {query.name(key)}", "nothing conflicts on it")


def _write_note(fact: str, reason: str) -> None:
    click.echo(printable(f"Note: {fact}: {reason}"), err=True)


def _span(window: Window) -> Span:
    return to_instant(window.start), to_instant(window.end)


def _select(state: ClusterState, query: BookingsQuery, window: Span) -> list[TitledBooking]:
    """Return the bookings that occupy a calendar within the window, gaps included, by start."""

    def is_selected(booked: TitledBooking) -> bool:
        gaps = [state.gap(key) for key in booked.calendars(query)]
        return bool(gaps) and touches(booked.booking.occupies(max(gaps)), window)

    selected = filter(is_selected, state.bookings)
    return sorted(selected, key=lambda booked: (booked.booking.start, booked.booking.key))


def _write(shown: ClusterState, report: ConflictReport, query: BookingsQuery, window: Span) -> None:
    if query.format == "json":
        click.echo(json.dumps(to_json(shown, report, query, window), indent=2))
        return
    replace_unwritable()
    if query.format == "html":
        click.echo(html.render(report, query.zone), nl=False)
    else:
        agenda.write(Console(highlight=False), report, query.zone, window)


def _describe_nothing(state: ClusterState, query: BookingsQuery, window: Window) -> str:
    zone = query.zone or local_zone()
    start, end = (
        f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}" for moment in (window.start, window.end)
    )
    others = sum(1 for booked in state.bookings if booked.calendars(query))
    elsewhere = f"; {pluralize(others, 'booking')} at other times, --from and --to choose"
    return f"Nothing is booked from {start} to {end}{elsewhere if others else ''}."


@click.command()
@click.option(
    "--calendar",
    "calendars",
    metavar="NAME",
    multiple=True,
    help="Calendar to show; may be given more than once. By default all.",
)
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    help="Namespace; defaults to that of the kubeconfig context.",
)
@click.option("-A", "--all-namespaces", is_flag=True, help="Show all namespaces.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="Output format: text or an HTML page for people, JSON for programs.",
)
@click.option(
    "--from",
    "start",
    type=params.MomentType(),
    help="First day or time to show; defaults to the Monday of this week.",
)
@click.option(
    "--to",
    "end",
    type=params.MomentType(),
    help="Last day to show, or a time to stop at; defaults to 7 days from the start.",
)
@click.option(
    "--timezone",
    "zone",
    metavar="ZONE",
    type=params.ZoneType(),
    help="Time zone of days and times, like Europe/Berlin; defaults to that of this machine.",
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
    """Show the Bookings of a cluster in a week, and which of them conflict.

    The cluster is read through kubectl, with your kubeconfig, and nothing in it is
    changed. Conflicts are found on this machine, whether or not the operator runs.

    The exit code is 0, with conflicts too, and 2 after an error.
    """
    if namespace and all_namespaces:
        raise click.UsageError("--namespace and --all-namespaces exclude each other.")
    run(BookingsQuery(calendars, namespace, all_namespaces, output_format, start, end, zone))
