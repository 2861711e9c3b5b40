"""Files that the tests of commands read, and services that they call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.fake_kubectl import FakeKubectl
from commands.programs import WITH_CONFLICT, WITH_FAULTS, WITHOUT_CONFLICT, serving
from server.certificate_authority import Authority


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Create a folder with valid and invalid files."""
    (tmp_path / "conflict.json").write_bytes(WITH_CONFLICT)
    (tmp_path / "free.json").write_bytes(WITHOUT_CONFLICT)
    (tmp_path / "faults.json").write_bytes(WITH_FAULTS)
    (tmp_path / "broken.json").write_bytes(b'{"events": [\n{"id" 5}]}')
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "latin.json").write_bytes('{"events": [{"title": "Zoë"}]}'.encode("latin-1"))
    (tmp_path / "field.json").write_bytes(b'{"events": [{"begin": "2026-11-16T12:00:00Z"}]}')
    return tmp_path


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKubectl:
    """Return the only program on PATH; a test installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GRPC_VERBOSITY", "ERROR")
    monkeypatch.setenv("COLUMNS", "80")
    return FakeKubectl(tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as (_, address):
        yield address


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """Run a service with mutual TLS; yield its address and the TLS options of a client."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority("authority")
    ca = folder / "ca.crt"
    ca.write_bytes(authority.pem())
    server, client = (authority.issue(folder / name, name) for name in ("server", "client"))
    server_files = ["--tls-cert-file", str(server.certificate), "--tls-key-file", str(server.key)]
    with serving(*server_files, "--tls-client-ca-file", str(ca)) as (_, address):
        pair = ["--cert-file", str(client.certificate), "--key-file", str(client.key)]
        yield address, ["--ca-file", str(ca), *pair]
