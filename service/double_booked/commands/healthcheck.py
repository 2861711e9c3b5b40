"""`double-booked healthcheck`: the health of a service, for probes."""

import sys
from typing import TYPE_CHECKING

import click

from double_booked.commands.tls_options import tls_options
from double_booked.view.printable import printable

if TYPE_CHECKING:
    from double_booked.client import ClientTls


@click.command()
@click.option(
    "--server",
    metavar="HOST:PORT",
    envvar="SERVICE_HOST",
    default=":7070",
    show_default=True,
    show_envvar=True,
    help="Service to check; without a host, the one on this machine.",
)
@tls_options
def healthcheck(server: str, tls: "ClientTls | None") -> None:
    """Check the health of a service, by grpc.health.v1.

    The exit code is 0 if the service is serving, and 1 if it is not, as probes of
    containers expect; 2 is a wrong option.
    """
    from double_booked import client  # gRPC reads GRPC_VERBOSITY, which main sets, on import

    try:
        click.echo(f"{server} is {client.check_health(server, tls)}")
    except client.ServerError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        sys.exit(1)
