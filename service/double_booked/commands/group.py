"""A click group that imports a command when it runs."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import click

from double_booked.commands import errors
from double_booked.view.printable import printable


class LazyGroup(click.Group):
    """A group of commands with one module each, which is imported when its command runs.

    A command that fails ends as `guarded` says.
    """

    def __init__(self, *, summaries: Mapping[str, str], **settings: Any) -> None:  # noqa: ANN401 - click passes any
        super().__init__(**settings)
        self._summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """Return the names of all commands, sorted."""
        return sorted(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, after importing its module; None if there is none."""
        if cmd_name not in self._summaries:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"double_booked.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their summaries, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._summaries[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click returns any
        """Run the command, and end the process with ERROR after an unexpected error."""
        return guarded(super().invoke, ctx)


class GuardedCommand(click.Command):
    """A command that is in no group; it fails as those of a LazyGroup."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click returns any
        """Run the command, and end the process with ERROR after an unexpected error."""
        return guarded(super().invoke, ctx)


def guarded(invoke: Callable[[click.Context], Any], ctx: click.Context) -> Any:  # noqa: ANN401 - click returns any
    """Run a command.

    If it runs out of memory, or raises an unexpected error, the process ends with one line on
    standard error and exit code ERROR.
    """
    try:
        return invoke(ctx)
    except errors.EXPECTED:
        raise
    except KeyboardInterrupt:
        sys.exit(errors.INTERRUPTED)
    except MemoryError:
        pass  # the traceback still holds the objects that filled the memory
    except Exception as error:
        if sys.flags.dev_mode:  # python -X dev shows the whole traceback
            raise
        click.echo(f"Error: {printable(errors.describe(error))}", err=True)
        sys.exit(errors.ERROR)
    click.echo("Error: out of memory; pass fewer events, or allow more memory", err=True)
    sys.exit(errors.ERROR)
