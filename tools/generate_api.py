"""Generate the Python API from proto/ into a folder: `generate_api.py service`."""

import sys
import sysconfig
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).parent.parent / "proto"
SCRIPTS = Path(sysconfig.get_path("scripts"))


def generate(target: Path) -> None:
    """Write modules and type stubs for every .proto below proto/ under `target`."""
    plugins = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    status = protoc.main(
        [
            "protoc",
            *(f"--plugin={plugin}={SCRIPTS / plugin}" for plugin in plugins),
            *(f"--{out}_out={target}" for out in ("python", "grpc_python", "mypy", "mypy_grpc")),
            f"--proto_path={PROTO}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            *map(str, sorted(PROTO.rglob("*.proto"))),
        ]
    )
    if status:
        sys.exit(status)


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
