"""`double-booked operator`: the operator of Calendars and Bookings."""

import click

from double_booked.commands.settings_options import settings_options
from double_booked.settings import OperatorSettings


@click.command()
@settings_options(OperatorSettings)
def operator(settings: OperatorSettings) -> None:
    """Run the Kubernetes operator until SIGTERM or Ctrl-C.

    The operator rejects double bookings in a cluster.
    """
    from double_booked.operator.main import operate

    operate(settings)
