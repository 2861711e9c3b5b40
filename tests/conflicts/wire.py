"""An encoder of the protobuf wire format, also for unusual encodings."""


def varint(value: int, width: int = 0) -> bytes:
    """Return a varint of at least `width` bytes."""
    encoded = bytearray()
    while value >= 0x80 or len(encoded) + 1 < width:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)


def number(field: int, value: int) -> bytes:
    """Return a varint field; a negative value has 10 bytes, as in int32 and int64."""
    return tag(field, 0) + varint(value % 2**64)


def delimited(field: int, content: bytes) -> bytes:
    return tag(field, 2) + varint(len(content)) + content


def group(field: int, content: bytes = b"") -> bytes:
    return tag(field, 3) + content + tag(field, 4)


def nested_groups(depth: int) -> bytes:
    return tag(9, 3) * depth + tag(9, 4) * depth


def timestamp(seconds: int, nanos: int = 0) -> bytes:
    return number(1, seconds) + number(2, nanos)


def event(start: int, end: int, *more: bytes) -> bytes:
    """Return the content of an Event."""
    return delimited(4, timestamp(start)) + delimited(5, timestamp(end)) + b"".join(more)


def event_list(*events: bytes) -> bytes:
    return b"".join(delimited(1, event) for event in events)


def capacity(resource: bytes, number_of_events: int) -> bytes:
    """Return an entry of ConflictOptions.capacity."""
    return delimited(1, delimited(1, resource) + number(2, number_of_events))
