"""The `double-booked` command: one module for each of its commands, and what they share."""

import os

import click

from double_booked.commands.group import LazyGroup

SUMMARIES = {
    "bookings": "Show the Bookings of a cluster in a week, and which of them conflict.",
    "check": "Report which events of the FILEs conflict.",
    "free": "Find the next times at which everybody is free.",
    "healthcheck": "Check the health of a service, by grpc.health.v1.",
    "operator": "Run the Kubernetes operator until SIGTERM or Ctrl-C.",
    "serve": "Serve over gRPC until SIGTERM or Ctrl-C.",
    "version": "Print the version, and the commit that it was built from.",
}
"""The commands, each with the first sentence of its help."""


@click.group(
    cls=LazyGroup,
    summaries=SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def main() -> None:
    """Find events that conflict."""
    # Without this, gRPC's core writes a line of its own for each failed handshake.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
