"""`double-booked serve`: the gRPC service."""

import sys

import click

from double_booked.commands.settings_options import settings_options
from double_booked.settings import Settings


@click.command()
@settings_options(Settings)
def serve(settings: Settings) -> None:
    """Serve over gRPC until SIGTERM or Ctrl-C."""
    try:
        from double_booked.server import lifecycle
    except ImportError as error:  # server.core needs internals that this grpcio lacks
        sys.exit(f"double-booked: {error}")
    lifecycle.serve(settings)
