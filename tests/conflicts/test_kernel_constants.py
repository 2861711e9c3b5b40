"""The numbers that the kernel repeats are those of the proto, the rules and the limits."""

import re
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api import scheduling_pb2
from double_booked.conflicts import instants, limits, validation
from double_booked.conflicts.validation import FaultKind

SOURCES = Path(__file__).parents[2] / "service/double_booked/conflicts"


def numbers(source: str) -> dict[str, int]:
    """Return the enumerators and the constants that a .pxd file gives a number."""
    text = (SOURCES / source).read_text()
    pattern = r'^    (?:const int64_t )?([A-Z0-9_]+)(?: =)? "?\(?(-?[0-9_]+)'
    found = re.findall(pattern, text, re.MULTILINE)
    return {name: int(number) for name, number in found}


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def field_numbers() -> dict[str, int]:
    """Return the number of each field, by its message and its name in capitals."""
    conflict_options = scheduling_pb2.ConflictOptions.DESCRIPTOR
    messages = [
        Timestamp.DESCRIPTOR,
        Duration.DESCRIPTOR,
        conflict_options.nested_types_by_name["CapacityEntry"],
        *scheduling_pb2.DESCRIPTOR.message_types_by_name.values(),
    ]
    return {
        f"{snake_case(message.name)}_{field.name.upper()}": field.number
        for message in messages
        for field in message.fields
    }


def test_kernel_knows_the_number_of_every_field() -> None:
    faults = {kind.name for kind in FaultKind}
    fields = {name: at for name, at in numbers("fields.pxd").items() if name not in faults}
    assert fields == field_numbers()


def test_kernel_knows_the_number_of_every_kind_of_fault() -> None:
    kinds = {kind.name: kind.value for kind in FaultKind}
    kernel_kinds = {name: at for name, at in numbers("fields.pxd").items() if name in kinds}
    assert kernel_kinds == kinds


def test_kinds_of_faults_are_in_the_order_of_the_fields() -> None:
    """The kernel counts on from the first kind of the texts, of the start and of the end."""
    fields = field_numbers()
    for text in ("TITLE", "DESCRIPTION"):
        kind = FaultKind[f"{text}_NOT_UTF8"]
        assert kind - FaultKind.ID_NOT_UTF8 == fields[f"EVENT_{text}"] - fields["EVENT_ID"]
    for fault in ("SECONDS", "NANOS"):
        offset = FaultKind[f"START_{fault}"] - FaultKind.START_MISSING
        assert FaultKind[f"END_{fault}"] - FaultKind.END_MISSING == offset


def test_kernel_has_the_ranges_and_limits_of_the_definition() -> None:
    kernel = numbers("instants.pxd") | numbers("options.pxd") | numbers("events.pxd")
    expected = vars(instants) | vars(validation) | vars(limits)
    shared = {
        "NANOS_PER_SECOND", "MAX_NANOS", "MIN_SECONDS", "MAX_SECONDS", "MAX_GAP_SECONDS",
        "MAX_CAPACITIES", "MAX_VIOLATIONS",
    }  # fmt: skip
    assert {name: kernel[name] for name in shared} == {name: expected[name] for name in shared}
