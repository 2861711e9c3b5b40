"""Conflicts as JSON, for programs."""

from google.protobuf import json_format

from double_booked.api.scheduling_pb2 import ConflictList


def render(conflicts: ConflictList) -> str:
    """Return the protobuf JSON of a ConflictList, in ASCII; equal lists give equal text."""
    return json_format.MessageToJson(conflicts)
