"""Messages that callers compress, which are decompressed within limits and out of others' way.

gRPC's core would do it as soon as a message is there, for any number of calls at once: twenty
messages of 61 KB took 1,283 MiB and held up others for 2 seconds. So it passes them on as they came
(`grpc.per_message_decompression` is off), without a word of how. Their first bytes say it: a
message of ours that began with them would have field 3 of a type that there is not, or a number as
its field 15, which none has.
"""

import zlib

import grpc

from double_booked.conflicts.limits import LimitExceededError
from double_booked.server.errors import RefusalError

_GZIP = b"\x1f\x8b"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""What gRPC calls "deflate" (RFC 1950, section 2.2, with a window of 32 KiB)."""

_STARTS = frozenset({_GZIP, *_ZLIB})

_EITHER = zlib.MAX_WBITS | 32
"""Lets zlib tell the two formats apart."""

_MAX_RATIO = 1032
"""How many times as large zlib's data can become."""

_ISIZE_BYTES = 4


def is_compressed(message: bytes) -> bool:
    """Return whether a message is compressed."""
    return message[:2] in _STARTS


def decompressed_size(message: bytes, maximum: int) -> int:
    """Return how large a compressed message becomes, or may become where it does not say.

    Raises:
        LimitExceededError: It becomes larger than the maximum, MAX_MESSAGE_BYTES.
    """
    if not message.startswith(_GZIP):
        return min(maximum, _MAX_RATIO * len(message))
    # RFC 1952, section 2.3.1.
    size = int.from_bytes(message[-_ISIZE_BYTES:], "little")
    if size > maximum:
        raise LimitExceededError(
            f"the message has {size} bytes, more than MAX_MESSAGE_BYTES = {maximum}"
        )
    return size


def decompress(message: bytes, maximum: int) -> bytes | None:
    """Return what a compressed message says; None if that is larger than a number of bytes.

    Raises:
        RefusalError: It cannot be decompressed, or is not whole.
    """
    decompressor = zlib.decompressobj(_EITHER)
    try:
        # One byte more tells apart what just fits; zero would be no limit at all.
        content = decompressor.decompress(message, maximum + 1)
    except zlib.error as error:
        raise _broken() from error
    if len(content) > maximum:
        return None
    if not decompressor.eof or decompressor.unused_data:
        raise _broken()
    return content


def decompress_to(message: bytes, size: int) -> bytes:
    """Return what a compressed message says, which is to have at most so many bytes.

    Raises:
        RefusalError: It has more, cannot be decompressed, or is not whole.
    """
    content = decompress(message, size)
    if content is None:
        raise RefusalError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"the message has more than {size} bytes: than it says, or than MAX_MESSAGE_BYTES",
        )
    return content


def _broken() -> RefusalError:
    return RefusalError(grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be decompressed")
