"""Each setting is a flag and an environment variable; errors are one line."""

import click
import pytest
from click.testing import CliRunner, Result

from double_booked.commands.settings_options import settings_options
from double_booked.runtime.address import Address
from double_booked.settings import Settings


def run(*arguments: str, **variables: str) -> Result:
    """Run a command that prints its settings."""

    @click.command()
    @settings_options(Settings)
    def show(settings: Settings) -> None:
        click.echo(repr(settings))

    return CliRunner().invoke(show, list(arguments), env=dict(variables))


def test_settings_have_defaults_without_flags_and_variables() -> None:
    assert run().output.strip() == repr(Settings())


def test_flag_takes_precedence_over_variable() -> None:
    settings = run("--service-host=[::1]:7071", SERVICE_HOST=":1", DRAIN_DELAY="0.5").output
    assert settings.strip() == repr(Settings(service_host=Address("::1", 7071), drain_delay=0.5))


def test_switch_can_be_turned_off_by_flag_and_variable() -> None:
    off = repr(Settings(reflection=False))
    assert run("--no-reflection").output.strip() == off
    assert run(REFLECTION="false").output.strip() == off


def test_help_shows_flag_variable_and_default_of_each_setting() -> None:
    text = " ".join(run("--help").output.split())
    for name in Settings.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in text
        assert f"env var: {name.upper()}; default:" in text
    assert "default: :7070" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_HOST", "nonsense"),
        ("HEALTH_CHECK_HOST", ":70000"),
        ("DRAIN_DELAY", "-1"),
        ("DRAIN_DELAY", "nan"),
        ("SHUTDOWN_GRACE", "inf"),
        ("SHUTDOWN_GRACE", "soon"),
        ("MAX_MESSAGE_BYTES", "0"),
        ("MAX_MESSAGE_BYTES", "64MiB"),
        ("WORKER_THREADS", "0"),
        ("REFLECTION", "maybe"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_invalid_value_is_reported_in_one_line_with_flag_and_variable(
    name: str, value: str
) -> None:
    result = run(**{name: value})
    flag = "--" + name.lower().replace("_", "-")
    assert result.exit_code == 2
    last = result.output.strip().splitlines()[-1]
    assert last.startswith("Error: Invalid value for")
    assert flag in last
    assert f"(env var: '{name}')" in last
    assert value in last


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":7070", Address("", 7070)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:7070", Address("::1", 7070)),
        ("example.org:65535", Address("example.org", 65535)),
    ],
)
def test_address_is_parsed_in_the_notation_of_go(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "no port"),
        ("host:", "the port is not a number"),
        ("host:+1", "the port is not a number"),
        ("host:\u0667", "the port is not a number"),
        ("::1:7070", "in brackets"),
        ("[::g]:7070", "not an IPv6 address"),
        ("two words:7070", "neither a name nor an IP address"),
        ("http://host:7070", "in brackets"),
    ],
)
def test_invalid_address_is_rejected_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Address.parse(text)
