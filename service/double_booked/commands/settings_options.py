"""Options and environment variables of commands, from the settings."""

import functools
import math
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any, get_type_hints

import click

from double_booked.runtime.address import Address
from double_booked.settings import Setting


class AddressType(click.ParamType[Address]):
    """An Address, parsed by `Address.parse`."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Return the address, or fail with one line that says what is wrong."""
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(str(value))
        except ValueError as error:
            self.fail(f"'{value}' is not an address to listen on: {error}.", param, ctx)


class SecondsType(click.ParamType[float]):
    """A finite duration in seconds, zero or more; click's FloatRange accepts NaN and infinity."""

    name = "seconds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds, or fail with one line that says what is valid."""
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds >= 0):
            self.fail(f"'{value}' is not a number of seconds, zero or more.", param, ctx)
        return seconds


def settings_options(kind: type[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a click command an option for each setting of `kind`, and pass it the settings first.

    Args:
        kind: `Settings` or `OperatorSettings`.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_settings(*arguments: Any, **values: Any) -> Any:  # noqa: ANN401 - click passes any
            chosen = {field.name: values.pop(field.name) for field in fields(kind)}
            try:
                settings = kind(**chosen)
            except ValueError as error:
                raise click.UsageError(str(error)) from error
            return command(settings, *arguments, **values)

        decorated: Callable[..., Any] = with_settings
        hints = get_type_hints(kind, include_extras=True)
        for field in reversed(fields(kind)):
            decorated = _option(field, hints[field.name])(decorated)
        return decorated

    return decorate


def _option(field: Field[Any], hint: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: ANN401 - an Annotated
    [setting] = hint.__metadata__
    flag = "--" + field.name.replace("_", "-")
    switch = f"{flag}/--no-{flag[2:]}" if hint.__origin__ is bool else flag
    return click.option(
        switch,
        type=_click_type(hint.__origin__, setting),
        default=field.default,
        envvar=field.name.upper(),
        help=setting.help,
        show_default=setting.default_text or True,
        show_envvar=True,
    )


def _click_type(kind: type, setting: Setting) -> click.ParamType[Any]:
    if setting.choices:
        return click.Choice(setting.choices, case_sensitive=False)
    if setting.is_path:
        return click.Path(readable=False)
    if kind is int:
        return click.IntRange(setting.minimum, setting.maximum)
    types = {Address: AddressType(), float: SecondsType(), bool: click.BOOL, str: click.STRING}
    return types[kind]
