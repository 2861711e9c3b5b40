"""Unexpected errors are one line; exceptions of click are left to click."""

import click
import pytest
from click.testing import CliRunner

from double_booked.commands.errors import describe, doing
from double_booked.commands.group import LazyGroup


def run(error: Exception, activity: str | None = None) -> tuple[int, str]:
    """Return the exit code and standard error of a command that raises an error."""

    @click.group(cls=LazyGroup, summaries={})
    def main() -> None:
        pass

    @main.command()
    def fail() -> None:
        if activity is None:
            raise error
        with doing(activity):
            raise error

    ran = CliRunner().invoke(main, ["fail"])
    assert not ran.stdout
    return ran.exit_code, ran.stderr


def test_unexpected_error_is_one_line_with_exit_code_2() -> None:
    code, text = run(TypeError("no\x07\nnumber"), "reading anna.ics")
    assert code == 2
    assert text.startswith(
        "Error: unexpected error while reading anna.ics: TypeError: no\\x07 number at "
    )
    assert text.endswith("; please report it\n")
    assert len(text.splitlines()) == 1


def test_unexpected_error_names_its_place_in_the_code() -> None:
    _, text = run(TypeError("no number"))
    assert " at test_errors.py:" in text


def test_unexpected_error_names_the_innermost_activity() -> None:
    with pytest.raises(KeyError) as raised, doing("checking"), doing("reading a.ics"):
        raise KeyError("x")
    assert describe(raised.value).startswith("unexpected error while reading a.ics: KeyError: 'x'")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (click.UsageError("no"), 2, "Error: no"),
        (click.exceptions.Exit(5), 5, ""),
        (click.Abort(), 1, "Aborted!"),
        (BrokenPipeError(32, "x"), 1, ""),
    ],
)
def test_exceptions_of_click_are_left_to_click(error: Exception, code: int, message: str) -> None:
    ended, text = run(error)
    assert ended == code
    assert text.strip().endswith(message)
    assert "unexpected" not in text


def test_system_error_has_exit_code_2() -> None:
    assert run(PermissionError(13, "Permission denied"))[0] == 2
