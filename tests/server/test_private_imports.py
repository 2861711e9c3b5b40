"""Only one module depends on grpcio's private modules.

import-linter sees an external package as a whole: it cannot distinguish `grpc._cython` from `grpc`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import double_booked

PACKAGE = Path(double_booked.__file__).parent


def imported(source: str) -> Iterator[str]:
    """Yield the full name of whatever the statements of a module import."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from (f"{module}.{each.name}" for each in names)


def imports_private_grpc(source: str) -> bool:
    """Return whether a module imports a private module of grpcio."""
    return any(name.startswith("grpc._") for name in imported(source))


def test_only_the_core_imports_private_modules_of_grpcio() -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "api" and imports_private_grpc(path.read_text())
    }
    assert importers <= {"server/core.py"}


@pytest.mark.parametrize(
    "source",
    [
        "import grpc._cython",
        "import grpc._cython.cygrpc as cygrpc",
        "from grpc import _cython",
        "from grpc._cython import cygrpc",
        "def later():\n    from grpc._cython.cygrpc import Server",
    ],
)
def test_every_form_of_a_private_import_is_found(source: str) -> None:
    assert imports_private_grpc(source)


@pytest.mark.parametrize(
    "source", ["import grpc", "from grpc import aio", "from . import _private"]
)
def test_a_public_or_relative_import_is_no_private_one(source: str) -> None:
    assert not imports_private_grpc(source)
