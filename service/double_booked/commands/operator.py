"""`double-booked operator`: the operator of Calendars and Bookings."""

import click

from double_booked.commands.settings_options import settings_options
from double_booked.settings import OperatorSettings


@click.command()
@settings_options(OperatorSettings)
def operator(chosen: OperatorSettings) -> None:
    """Refuse double bookings in a Kubernetes cluster, until SIGTERM or Ctrl-C."""
    from double_booked.operator.main import operate

    operate(chosen)
