"""Peers of the server: a plain service in Go, and the first release."""

import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
GO_SOURCES = Path(__file__).parent / "peer"
FIRST_RELEASE = "b11fc9385b4828be5a4ee0caa69d4040652fbcd1"
"""The last commit with a server on grpc.aio."""


@cache
def build_peer() -> Path | None:
    """Build the Go programs `server` and `load`.

    Returns:
        Their folder, or None if Go is not on PATH.
    """
    go = shutil.which("go")
    if go is None:
        return None
    target = BUILD / "peer"
    plugins = {
        "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go",
        "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
    }
    build = [go, "build", "-buildvcs=false", "-o", f"{target}/"]
    subprocess.run([*build, *plugins.values()], cwd=GO_SOURCES, check=True)
    generate([target / plugin for plugin in plugins])
    subprocess.run([*build, "./server", "./load"], cwd=GO_SOURCES, check=True)
    return target


def peer_versions(peer: Path) -> str:
    """Return the versions of Go and its modules in the programs."""
    shown = subprocess.run(
        ["go", "version", "-m", peer / "server"],  # noqa: S607 - build_peer has found it
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    go, grpc = re.search(r": go(\S+)", shown), re.search(r"google.golang.org/grpc\tv(\S+)", shown)
    assert go
    assert grpc
    return f"Go {go[1]}, grpc-go {grpc[1]}"


def generate(plugins: list[Path]) -> None:
    """Generate the Go package of the contract, which is not committed."""
    contract = "double_booked/api/scheduling.proto"
    status = protoc.main(
        [
            "protoc",
            *(f"--plugin={plugin.name}={plugin}" for plugin in plugins),
            *(
                f"--{kind}_{flag}"
                for kind in ("go", "go-grpc")
                for flag in (
                    f"out={GO_SOURCES}",
                    "opt=module=double-booked/peer",
                    f"opt=M{contract}=double-booked/peer/scheduling",
                )
            ),
            f"--proto_path={ROOT / 'proto'}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            contract,
        ]
    )
    assert status == 0, "protoc failed"


def build_first_release() -> Path | None:
    """Extract the first release and compile its kernel with this Python.

    Returns:
        Its folder, or None if its commit is not available.
    """
    return build_commit(FIRST_RELEASE, "first-release")


@cache
def build_commit(commit: str, name: str) -> Path | None:
    """Extract a commit into build/NAME, and compile its kernel with this Python.

    Returns:
        Its folder, or None if the commit is not available.
    """
    sources = archive(commit)
    if sources is None:
        return None
    target = BUILD / name
    kernel = f"kernel{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not (target / "service/double_booked/conflicts" / kernel).exists():
        with tarfile.open(fileobj=io.BytesIO(sources)) as packed:
            packed.extractall(target, filter="data")
        compile_kernel = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        subprocess.run(compile_kernel, cwd=target, check=True)
    return target


def archive(commit: str) -> bytes | None:
    """Return a commit as a tar file, or None if Git or the commit is not available."""
    git = shutil.which("git")
    if git is None:
        return None
    packed = subprocess.run([git, "archive", commit], cwd=ROOT, capture_output=True, check=False)
    return packed.stdout if packed.returncode == 0 else None
