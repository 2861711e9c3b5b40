"""Decompression of requests within limits, in a worker thread if they are large.

gRPC's core would decompress each message on arrival, for any number of calls at once: twenty
messages of 61 KB took 1,283 MiB and delayed other calls by 2 seconds. So that is turned off
(`grpc.per_message_decompression`), and the core passes messages on as they came, without their
encoding. Their first bytes show it: no valid request begins with the bytes of gzip (field 3 of an
unknown wire type) or of zlib (field 15, which no request has).
"""

import zlib

import grpc

from double_booked.conflicts.limits import LimitExceededError
from double_booked.server.errors import RejectionError

_GZIP = b"\x1f\x8b"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""First bytes of what gRPC calls "deflate" (RFC 1950, section 2.2, a window of 32 KiB)."""

_STARTS = frozenset({_GZIP, *_ZLIB})

_EITHER = zlib.MAX_WBITS | 32
"""Makes zlib detect which of the two formats it reads."""

_MAX_RATIO = 1032
"""Maximum ratio of decompressed to compressed size in zlib's format."""

_ISIZE_BYTES = 4


def is_compressed(message: bytes) -> bool:
    """Return whether a message is compressed."""
    return message[:2] in _STARTS


def decompressed_size(message: bytes, maximum: int) -> int:
    """Return the size of a message after decompression, in bytes.

    The gzip format contains it. For the zlib format this is an upper bound.

    Args:
        message: The compressed message.
        maximum: MAX_MESSAGE_BYTES.

    Raises:
        LimitExceededError: The size is over the maximum.
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
    """Return the decompressed message; None if it has more than `maximum` bytes.

    Raises:
        RejectionError: The message cannot be decompressed, or is incomplete.
    """
    decompressor = zlib.decompressobj(_EITHER)
    try:
        # One byte more shows whether the content ends here; to zlib, 0 would mean no limit.
        content = decompressor.decompress(message, maximum + 1)
    except zlib.error as error:
        raise _broken() from error
    if len(content) > maximum:
        return None
    if not decompressor.eof or decompressor.unused_data:
        raise _broken()
    return content


def decompress_to(message: bytes, size: int) -> bytes:
    """Return the decompressed message, which has at most `size` bytes.

    Raises:
        RejectionError: It has more bytes, cannot be decompressed, or is incomplete.
    """
    content = decompress(message, size)
    if content is None:
        raise RejectionError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"the message has more than {size} bytes: than it says, or than MAX_MESSAGE_BYTES",
        )
    return content


def _broken() -> RejectionError:
    return RejectionError(grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be decompressed")
