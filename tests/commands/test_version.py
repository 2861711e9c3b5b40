"""`version`."""

from importlib.metadata import version

from commands.programs import run


def test_version_is_that_of_the_package() -> None:
    assert run("version").stdout == f"double-booked {version('double-booked')}, commit unknown\n"
