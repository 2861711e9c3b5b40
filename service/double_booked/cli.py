"""The `double-booked` command.

Each command imports what it alone needs, so that all start quickly.
"""

import functools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from double_booked import conflict_options, report_options, settings
from double_booked.report.printable import printable

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from double_booked.client import CallerTls

INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


def tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a click command the options of who asks with TLS, and passes it them as `tls`."""

    @click.option("--ca-file", metavar="PEM", help="Ask with TLS; this proves the service.")
    @click.option("--insecure", is_flag=True, help="Ask with TLS, and believe whoever answers.")
    @click.option(
        "--server-name", metavar="NAME", help="Whom its certificate names, if not the host asked."
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
    from double_booked.certificates import PemFile
    from double_booked.client import CallerTls

    return CallerTls(
        PemFile(ca, "--ca-file") if ca else None,
        name,
        PemFile(certificate, "--cert-file") if certificate else None,
        PemFile(key, "--key-file") if key else None,
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Tells which events of a list conflict."""
    # Else gRPC's core writes a line of its own for each handshake that fails, whoever tries.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


@main.command()
@settings.options
def serve(chosen: settings.Settings) -> None:
    """Serve over gRPC until SIGTERM or Ctrl-C."""
    from double_booked.server import lifecycle

    lifecycle.serve(chosen)


@main.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option(
    "--server", metavar="HOST:PORT", help="Ask this service; without it, the answer is found here."
)
@tls_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="Text for people, or the JSON form of a Scheduling.ConflictList.",
)
@click.option(
    "--min-gap",
    type=conflict_options.DurationType(),
    default="0s",
    show_default=True,
    help="How long an event occupies its resources after its end, like 15m.",
)
@click.option(
    "--capacity",
    metavar="RESOURCE=NUMBER",
    type=conflict_options.CapacityType(),
    multiple=True,
    help="How many events may overlap on a resource; =NUMBER is for events that name none.",
)
@click.option("--explain", is_flag=True, help="Tell who overlaps when, all of it.")
@click.option(
    "--timezone",
    "zone",
    type=report_options.ZoneType(),
    help="The zone to tell times in, like Europe/Berlin; by default that of this machine.",
)
def check(  # noqa: PLR0917 - click passes them by name
    files: tuple[str, ...],
    server: str | None,
    tls: "CallerTls | None",
    output_format: str,
    min_gap: int,
    capacity: tuple[tuple[str, int], ...],
    explain: bool,  # noqa: FBT001 - as above
    zone: "ZoneInfo | None",
) -> None:
    """Tell which events of the FILEs conflict.

    A FILE holds the JSON form of a Scheduling.EventList, {"events": [...]}, or JSON
    lines: that of a Scheduling.Event on each. Several FILEs are one list. Without a
    FILE, or where it is -, standard input is read.

    The exit code is 0 without a conflict, 1 with one, and 2 after an error.
    """
    if tls and server is None:
        raise click.UsageError("TLS needs --server too.")
    try:
        from double_booked import check

        options = check.make_options(min_gap, dict(capacity), explain=explain)
        output = check.Output(output_format, zone)
        sys.exit(check.run(files or ("-",), options, server, output, tls))
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
    from double_booked.version import VERSION, commit

    click.echo(f"double-booked {VERSION}, commit {commit()}")
