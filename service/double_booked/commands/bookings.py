"""`double-booked bookings`: a week of a cluster's Bookings, and which of them conflict.

No operator needs to run in the cluster: the conflicts are found in this process.
"""

import json
from datetime import date
from zoneinfo import ZoneInfo

import click

from double_booked.commands import bookings_feed, kubectl, params
from double_booked.commands.bookings_json import to_json
from double_booked.commands.bookings_report import BookingsReport, list_problems, read_bookings
from double_booked.commands.bookings_view import render_page
from double_booked.commands.cluster_state import BookingsQuery
from double_booked.commands.output import make_console, replace_unwritable, writing
from double_booked.commands.settings_options import AddressType
from double_booked.report import agenda
from double_booked.runtime.address import Address
from double_booked.view.conflict_report import pluralize
from double_booked.view.printable import printable
from double_booked.view.times import moment_of

FORMATS = ("text", "json", "html", "ics")

_ALL_INTERFACES = ("", "0.0.0.0", "::")  # noqa: S104 - to reject them

_WITH_SOURCE = ("html", "ics")
"""The formats that name the context and the namespace."""


def run(query: BookingsQuery, address: Address | None) -> None:
    """Write the bookings of a cluster within a window, and their conflicts.

    Args:
        query: What to show.
        address: Where to serve them instead, until SIGINT or SIGTERM; None to write them.

    Raises:
        Failure: The cluster cannot be read, or has no calendar of a name in the query.
    """
    if address or query.format in _WITH_SOURCE:
        query = kubectl.resolve(query)
    report = read_bookings(query)
    _note(report)
    if address:
        from double_booked.commands import bookings_server  # noqa: PLC0415 - it loads aiohttp

        bookings_server.serve(report, address)
        return
    with writing():
        if report.shown.bookings or query.format != "text":
            _write(report)
        else:
            click.echo(_describe_nothing(report))


def _note(report: BookingsReport) -> None:
    """Write on standard error which objects are invalid, and which calendars do not exist."""
    for problem in list_problems(report):
        click.echo(printable(f"Note: {problem}"), err=True)


def _write(report: BookingsReport) -> None:
    query, conflicts = report.query, report.conflicts
    if query.format == "json":
        document = to_json(report.shown, conflicts, query, report.window)
        click.echo(json.dumps(document, indent=2))
        return
    if query.format == "ics":
        click.echo(bookings_feed.render(report), nl=False)
        return
    replace_unwritable()
    if query.format == "html":
        click.echo(render_page(report), nl=False)
    else:
        agenda.write(make_console(), conflicts, query.zone, report.window)


def _describe_nothing(report: BookingsReport) -> str:
    start, end = (
        f"{moment_of(instant, report.zone):%a %Y-%m-%d %H:%M}" for instant in report.window
    )
    others = len(report.all_bookings())
    elsewhere = f"; {pluralize(others, 'booking')} at other times, --from and --to choose"
    return f"Nothing is booked from {start} to {end}{elsewhere if others else ''}."


def _check_address(
    _: click.Context, __: click.Parameter, address: Address | None
) -> Address | None:
    if address and address.host in _ALL_INTERFACES:
        raise click.BadParameter(f"{address} is every interface; give one host, like 127.0.0.1.")
    return address


class _HostAddressType(AddressType):
    """An address of one host, with its port."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Return the address, or fail with one line that shows how to write it."""
        text = str(value)
        if ":" not in text:
            example = f"127.0.0.1:{text}" if text.isdecimal() else f"{text}:8090"
            self.fail(f"'{text}' is not HOST:PORT, like {example}.", param, ctx)
        return super().convert(value, param, ctx)


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
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Output format: text or an HTML page for people, JSON for programs, or a calendar (ics)"
    " to subscribe to.",
)
@click.option(
    "--serve",
    "address",
    metavar="HOST:PORT",
    type=_HostAddressType(),
    callback=_check_address,
    help="Address to serve a page on that stays up to date, and the calendar, like"
    " 127.0.0.1:8090. Whoever reaches it sees what you may read.",
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
    address: Address | None,
    start: date | None,
    end: date | None,
    zone: ZoneInfo | None,
) -> None:
    """Show the Bookings of a cluster in a week, and which of them conflict.

    The cluster is read through kubectl, with your kubeconfig, and nothing in it is
    changed. Conflicts are found on this machine, whether or not the operator runs.

    The exit code is 0, with conflicts and after Ctrl-C of --serve too, and 2 after an error.
    """
    if namespace and all_namespaces:
        raise click.UsageError("--namespace and --all-namespaces exclude each other.")
    if address and output_format != "text":
        raise click.UsageError("--serve and --format exclude each other.")
    query = BookingsQuery(calendars, namespace, all_namespaces, output_format, start, end, zone)
    run(query, address)
