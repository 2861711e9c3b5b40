"""What tests of the development server share: a copy of the sources, and server reflection."""

import shutil
import threading
from itertools import chain
from pathlib import Path

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

ROOT = Path(__file__).parents[2]
SOURCES = ("service", "proto", "tools", "setup.py", "pyproject.toml")
SECONDS = 120.0
"""More than a restart takes on a busy machine, including a build of a kernel."""


def copy_sources(folder: Path) -> None:
    """Copy the sources that the development server needs into a folder."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=leave_out)
        else:
            shutil.copy(source, folder / name)


def fields_of_event(channel: grpc.Channel) -> list[str]:
    """Return the fields of Event that server reflection reports."""
    request = ServerReflectionRequest(file_containing_symbol="Scheduling.Event")
    call = ServerReflectionStub(channel).ServerReflectionInfo(iter([request]), timeout=SECONDS)
    # gRPC core has once ignored the deadline when the server restarted during the call.
    guard = threading.Timer(SECONDS + 5, call.cancel)
    guard.start()
    try:
        [answer] = call
    finally:
        guard.cancel()
    found = answer.file_descriptor_response.file_descriptor_proto
    files = map(FileDescriptorProto.FromString, found)
    messages = chain.from_iterable(file.message_type for file in files)
    [event] = [message for message in messages if message.name == "Event"]
    return [field.name for field in event.field]
