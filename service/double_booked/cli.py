"""The `double-booked` command.

Each command imports what it alone needs, so that all start quickly.
"""

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from double_booked import settings
from double_booked.commands import params, reading_options, unexpected
from double_booked.commands.settings_options import settings_options
from double_booked.view.printable import printable

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

    from double_booked.client import CallerTls

OUT_OF_MEMORY = 2
UNEXPECTED = 2
INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


def tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a click command the options of who asks with TLS, and passes it them as `tls`."""

    @click.option("--ca-file", metavar="PEM", help="Ask with TLS; this proves the service.")
    @click.option("--insecure", is_flag=True, help="Ask with TLS, and believe whoever answers.")
    @click.option(
        "--server-name",
        metavar="NAME",
        help="Name in the server's certificate, if it is not the name of its host.",
    )
    @click.option("--cert-file", metavar="PEM", help="What proves you, if the service wants that.")
    @click.option("--key-file", metavar="PEM", help="Its private key.")
    @functools.wraps(command)
    def with_tls(
        *arguments: Any,  # noqa: ANN401 - click passes any
        ca_file: str | None,
        insecure: bool,
        server_name: str | None,
        cert_file: str | None,
        key_file: str | None,
        **values: Any,  # noqa: ANN401 - as above
    ) -> Any:  # noqa: ANN401 - as above
        _check_tls(ca_file, server_name, cert_file, key_file, insecure=insecure)
        tls = None
        if ca_file or insecure:
            tls = _caller_tls(ca_file, server_name, cert_file, key_file)
        return command(*arguments, tls=tls, **values)

    decorated: Callable[..., Any] = with_tls
    return decorated


def _at_most_one(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> str | None:
    """Return the only value of an option; click itself would take the last and drop the others."""
    if len(given) > 1:
        raise click.BadParameter("it may be given once; put several files into a folder")
    return given[0] if given else None


def _check_tls(
    ca: str | None, name: str | None, certificate: str | None, key: str | None, *, insecure: bool
) -> None:
    if bool(certificate) != bool(key):
        raise click.UsageError("TLS needs both --cert-file and --key-file; only one is set.")
    if ca and insecure:
        raise click.UsageError("--ca-file and --insecure exclude each other.")
    if certificate and not (ca or insecure):
        raise click.UsageError("--cert-file and --key-file need --ca-file or --insecure too.")
    if name and not ca:
        raise click.UsageError("--server-name needs --ca-file too.")


def _caller_tls(
    ca: str | None, name: str | None, certificate: str | None, key: str | None
) -> "CallerTls":
    from double_booked.client import CallerTls
    from double_booked.tls.pem import PemFile

    return CallerTls(
        PemFile(ca, "--ca-file") if ca else None,
        name,
        PemFile(certificate, "--cert-file") if certificate else None,
        PemFile(key, "--key-file") if key else None,
    )


class Commands(click.Group):
    """Commands that end with one line where memory does, and at errors nobody foresaw."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click returns any
        """Run the command; its exit code is 2 if memory runs out or an error is unexpected."""
        try:
            return super().invoke(ctx)
        except unexpected.EXPECTED:
            raise
        except MemoryError:
            pass  # here the traceback still holds what filled the memory
        except Exception as error:
            if sys.flags.dev_mode:  # python -X dev shows the whole traceback
                raise
            click.echo(f"Error: {printable(unexpected.describe(error))}", err=True)
            sys.exit(UNEXPECTED)
        click.echo("Error: memory ran out; ask about less at once, or allow more memory", err=True)
        sys.exit(OUT_OF_MEMORY)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
def main() -> None:
    """Tells which events of a list conflict."""
    # Else gRPC's core writes a line of its own for each handshake that fails, whoever tries.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


@main.command()
@settings_options(settings.Settings)
def serve(chosen: settings.Settings) -> None:
    """Serve over gRPC until SIGTERM or Ctrl-C."""
    try:
        from double_booked.server import lifecycle
    except ImportError as error:
        sys.exit(f"double-booked: {error}")
    lifecycle.serve(chosen)


@main.command()
@settings_options(settings.OperatorSettings)
def operator(chosen: settings.OperatorSettings) -> None:
    """Refuse double bookings in a Kubernetes cluster, until SIGTERM or Ctrl-C."""
    from double_booked.operator.main import operate

    operate(chosen)


@main.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option(
    "--server", metavar="HOST:PORT", help="Ask this service; without it, the answer is found here."
)
@tls_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "report", "ics", "html", "github"]),
    default="text",
    show_default=True,
    help="Text or a page for people, the JSON form of a Scheduling.ConflictList, a report in JSON"
    " with files and lines for programs, a calendar of the clashes, or annotations for a pull"
    " request.",
)
@reading_options.options
@click.option(
    "--only",
    metavar="FILE",
    multiple=True,
    callback=_at_most_one,
    help="Report only conflicts with the events of this file, such as an invitation. It is read"
    " too, and its events take every calendar of the other FILEs.",
)
@params.conflict_options
@click.option("--explain", is_flag=True, help="Show when each overlap is, and its events.")
@click.option(
    "--each",
    is_flag=True,
    help="Show each conflict by itself. By default, text and page show repeated conflicts once.",
)
@params.zone_option
@click.option(
    "--suggest",
    "suggestions",
    metavar="NUMBER",
    type=click.IntRange(0, 100),
    default=0,
    help="Propose so many free times for each event of a clash but the first booked.",
)
@click.option(
    "--hours",
    metavar="FROM-TO",
    type=params.HoursType(),
    default="0-24",
    show_default=True,
    help="The hours of the day for --suggest, like 9-18.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["any", "none"]),
    default="any",
    show_default=True,
    help="Which conflicts make the exit code 1.",
)
def check(  # noqa: PLR0917 - click passes them by name
    files: tuple[str, ...],
    server: str | None,
    tls: "CallerTls | None",
    output_format: str,
    wanted: reading_options.Input,
    only: str | None,
    min_gap: int,
    capacity: tuple[tuple[str, int], ...],
    explain: bool,  # noqa: FBT001 - as above
    each: bool,  # noqa: FBT001 - as above
    zone: "ZoneInfo | None",
    suggestions: int,
    hours: tuple[int, int],
    fail_on: str,
) -> None:
    """Tell which events of the FILEs conflict.

    A FILE is a calendar (.ics, jCal) or its https:// or webcal:// address, a folder of
    FILEs, CSV whose first line names the columns, an array of events in JSON, the JSON
    form of a Scheduling.EventList, {"events": [...]}, or JSON lines: that of a
    Scheduling.Event on each. Several FILEs are one list. Without a FILE, or where it
    is -, standard input is read.

    What cannot be used is named on standard error, and the rest is checked.

    The exit code is 0 without a conflict, 1 with one, and 2 after an error, or if
    something cannot be used.
    """
    if tls and server is None:
        raise click.UsageError("TLS needs --server too.")
    try:
        from double_booked.commands import check

        options = check.make_options(min_gap, dict(capacity), explain=explain)
        fails = fail_on == "any"
        output = check.Output(output_format, zone, fails, suggestions, hours, each)
        sys.exit(
            check.run(files or ("-",), options, server, output, tls, replace(wanted, only=only))
        )
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@main.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option(
    "--length",
    metavar="DURATION",
    type=params.LengthType(),
    required=True,
    help="How long the time must be, like 30m, 1h30m or 2d; a number alone is minutes.",
)
@click.option(
    "--hours",
    metavar="FROM-TO",
    type=params.HoursType(),
    default="0-24",
    show_default=True,
    help="The hours of the day in which the time must lie, like 9-18.",
)
@click.option(
    "--count",
    metavar="NUMBER",
    type=click.IntRange(1, 1_000),
    default=5,
    show_default=True,
    help="How many times to find.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "ics"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for programs, or a calendar of the free times.",
)
@reading_options.options
@params.conflict_options
@params.zone_option
def free(  # noqa: PLR0917 - click passes them by name
    files: tuple[str, ...],
    length: int,
    hours: tuple[int, int],
    count: int,
    output_format: str,
    wanted: reading_options.Input,
    min_gap: int,
    capacity: tuple[tuple[str, int], ...],
    zone: "ZoneInfo | None",
) -> None:
    """Find the next times at which everybody is free.

    FILEs are read as check reads them. At a time that is found, each calendar, or
    what --by chooses, has room for one more event. Without --from, times are looked
    for from now on.

    The exit code is 0 with at least one time, 1 without, and 2 after an error.
    """
    try:
        from double_booked.commands import check
        from double_booked.commands import free as free_command

        options = check.make_options(min_gap, dict(capacity), explain=False)
        chosen = free_command.Wanted(length, count, hours, output_format, zone)
        sys.exit(free_command.run(files or ("-",), options, chosen, wanted))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@main.command()
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
    start: "date | None",
    end: "date | None",
    zone: "ZoneInfo | None",
) -> None:
    """Tell who has what this week: a cluster's Bookings, and which of them conflict.

    The cluster is asked through kubectl, with your kubeconfig, and nothing in it is
    changed. Conflicts are found here, whether or not the operator runs.

    The exit code is 0, with conflicts too, and 2 after an error.
    """
    if namespace and all_namespaces:
        raise click.UsageError("--namespace and --all-namespaces exclude each other.")
    try:
        from double_booked.commands.bookings import Wanted, run

        run(Wanted(calendars, namespace, all_namespaces, output_format, start, end, zone))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@main.command()
@click.option(
    "--server",
    metavar="HOST:PORT",
    envvar="SERVICE_HOST",
    default=":7070",
    show_default=True,
    show_envvar=True,
    help="Ask this service; without a host, the one on this machine.",
)
@tls_options
def healthcheck(server: str, tls: "CallerTls | None") -> None:
    """Ask a service for its health, by grpc.health.v1.

    The exit code is 0 if it is serving, otherwise 1, for a container's probe.
    """
    from double_booked import client

    try:
        click.echo(f"{server} is {client.check_health(server, tls)}")
    except client.ServerError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        sys.exit(1)


@main.command()
def version() -> None:
    """Print the version, and the commit that it was built from."""
    from double_booked.runtime.version import VERSION, commit

    click.echo(f"double-booked {VERSION}, commit {commit()}")
