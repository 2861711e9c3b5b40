"""The `traceparent` header of W3C Trace Context, section 3.2."""

import re
from dataclasses import dataclass

_SAMPLED = 0x01

# Version ff and identifiers of zeros are invalid (sections 3.2.2.1, 3.2.2.3 and 3.2.2.4).
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)


@dataclass(frozen=True, slots=True)
class TraceParent:
    """The span of a client.

    Attributes:
        trace_id: 32 hexadecimal digits, lower case, not all zero.
        span_id: 16 hexadecimal digits, lower case, not all zero.
        is_sampled: Whether the client may have recorded the span.
    """

    trace_id: str
    span_id: str
    is_sampled: bool


def parse_traceparent(value: str) -> TraceParent | None:
    """Return the client's span from a `traceparent` header.

    Versions after 00 are parsed as section 3.2.4 requires: the first four fields are those of
    version 00, and everything after a further dash is ignored.

    Returns:
        The span; None if the header is invalid, and the receiver must start a new trace.
    """
    match = _TRACEPARENT.fullmatch(value)
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "00" and rest is not None:
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))
