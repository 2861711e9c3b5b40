"""Check that kernel and definition read the options of a list alike."""

from conflicts import wire
from conflicts.differential import assert_kernel_equals_definition

EVENTS = wire.event_list(
    wire.event(0, 10, wire.delimited(6, b"a"), wire.delimited(6, b"b")),
    wire.event(5, 15, wire.delimited(6, b"a")),
    wire.event(5, 5, wire.delimited(6, b"a")),
    wire.event(15, 20, wire.delimited(6, b"b")),
    wire.event(12, 18),
    wire.event(17, 19),
)
SEEDS = (
    b"",
    wire.capacity(b"a", 2),
    wire.capacity(b"a", 0) + wire.capacity(b"", 1),
    wire.delimited(2, wire.timestamp(5, 1)),
    wire.number(3, 1),
    wire.capacity(b"b", 1) + wire.delimited(2, wire.timestamp(60)) + wire.number(3, 1),
)


def check(data: bytes) -> None:
    half = len(data) // 2
    assert_kernel_equals_definition(wire.delimited(2, data) + EVENTS)
    # Options in two parts are merged.
    parts = wire.delimited(2, data[:half]) + EVENTS + wire.delimited(2, data[half:])
    assert_kernel_equals_definition(parts)
