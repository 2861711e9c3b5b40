"""`double-booked version`: the version and its commit."""

import click

from double_booked.runtime.version import VERSION, commit


@click.command()
def version() -> None:
    """Print the version, and the commit that it was built from."""
    click.echo(f"double-booked {VERSION}, commit {commit()}")
