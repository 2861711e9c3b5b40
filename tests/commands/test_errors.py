"""An error that nobody foresaw is one line; what click handles is left to it."""

import click
import pytest
from click.testing import CliRunner

from double_booked.commands.errors import describe, doing
from double_booked.commands.group import LazyGroup


def run(error: Exception, what: str | None = None) -> tuple[int, str]:
    """The exit code and standard error of a command that raises."""

    @click.group(cls=LazyGroup, summaries={})
    def main() -> None:
        pass

    @main.command()
    def fail() -> None:
        if what is None:
            raise error
        with doing(what):
            raise error

    ran = CliRunner().invoke(main, ["fail"])
    assert not ran.stdout
    return ran.exit_code, ran.stderr


def test_an_unexpected_error_is_one_line_and_no_exit_code_of_conflicts() -> None:
    code, told = run(TypeError("no\x07\nnumber"), "reading anna.ics")
    assert code == 2
    assert told.startswith(
        "Error: unexpected error while reading anna.ics: TypeError: no\\x07 number at "
    )
    assert told.endswith("; please report it\n")
    assert len(told.splitlines()) == 1


def test_an_unexpected_error_names_its_place_in_the_code() -> None:
    _, told = run(TypeError("no number"))
    assert " at test_errors.py:" in told


def test_of_what_is_done_within_each_other_the_innermost_is_named() -> None:
    with pytest.raises(KeyError) as raised, doing("checking"), doing("reading a.ics"):
        raise KeyError("x")
    assert describe(raised.value).startswith("unexpected error while reading a.ics: KeyError: 'x'")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (click.UsageError("no"), 2, "Error: no"),
        (click.exceptions.Exit(5), 5, ""),
        (click.Abort(), 1, "Aborted!"),
        (BrokenPipeError(32, "x"), 1, ""),
    ],
)
def test_what_click_ends_a_command_with_is_left_to_it(
    error: Exception, code: int, told: str
) -> None:
    ended, said = run(error)
    assert ended == code
    assert said.strip().endswith(told)
    assert "unexpected" not in said


def test_an_error_of_the_system_is_not_taken_for_conflicts() -> None:
    assert run(PermissionError(13, "Permission denied"))[0] == 2
