"""Compressed messages are answered like others, within the same limits."""

import gzip
import zlib

import grpc
import pytest

from double_booked.api.scheduling_pb2 import EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.conflicts.limits import LimitExceededError
from double_booked.server import compression
from double_booked.server.errors import RejectionError
from server.conftest import Served, serve
from server.test_service import LARGE, PAIR

TEXT = b"what a message says, " * 100
FORMATS = pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
ENCODINGS = pytest.mark.parametrize("encoding", [grpc.Compression.Gzip, grpc.Compression.Deflate])


@ENCODINGS
@pytest.mark.parametrize("request_message", [PAIR, LARGE], ids=["small", "large"])
async def test_compressed_requests_are_answered(
    served: Served, encoding: grpc.Compression, request_message: EventList
) -> None:
    stub = ConflictServiceStub(served.channel)
    expected = await stub.GetConflicts(request_message)
    assert await stub.GetConflicts(request_message, compression=encoding) == expected
    stream = stub.StreamConflicts(request_message, compression=encoding)
    assert [chunk async for chunk in stream] == [expected]


@ENCODINGS
async def test_feed_of_compressed_messages_is_answered(
    served: Served, encoding: grpc.Compression
) -> None:
    sizes = []
    message = EventList(events=[PAIR.events[0]] * 10_000)
    call = ConflictServiceStub(served.channel).SweepConflicts(
        iter([message, message]), compression=encoding
    )
    async for answer in call:
        sizes += [len(group.conflict_group) for group in answer.conflicts]
    assert sum(sizes) == 20_000


@ENCODINGS
@pytest.mark.parametrize("method", ["GetConflicts", "StreamConflicts"])
async def test_message_over_the_limit_after_decompression_is_refused(
    encoding: grpc.Compression, method: str
) -> None:
    async with serve(max_message_bytes=100_000) as served:
        call = served.channel.unary_stream(f"/Scheduling.ConflictService/{method}")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(LARGE.SerializeToString(), compression=encoding).read()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "MAX_MESSAGE_BYTES" in refused.value.details()


@FORMATS
def test_decompress_returns_the_original(compress: type[bytes]) -> None:
    message = compress(TEXT)
    assert compression.is_compressed(message)
    assert compression.decompressed_size(message, 10**6) >= len(TEXT)
    assert compression.decompress(message, len(TEXT)) == TEXT
    assert compression.decompress(message, len(TEXT) - 1) is None


def test_uncompressed_message_is_recognised() -> None:
    for message in (b"", b"\x0a", PAIR.SerializeToString()):
        assert not compression.is_compressed(message)


def test_decompressed_size_is_exact_for_gzip_and_a_bound_for_zlib() -> None:
    assert compression.decompressed_size(gzip.compress(TEXT), len(TEXT)) == len(TEXT)
    with pytest.raises(LimitExceededError, match="2100 bytes, more than MAX_MESSAGE_BYTES = 2099"):
        compression.decompressed_size(gzip.compress(TEXT), len(TEXT) - 1)
    assert compression.decompressed_size(zlib.compress(bytes(10**6)), 1000) == 1000


def test_message_with_a_false_size_is_refused() -> None:
    forged = gzip.compress(TEXT)[:-4] + (10).to_bytes(4, "little")
    with pytest.raises(RejectionError, match="more than 10 bytes"):
        compression.decompress_to(forged, compression.decompressed_size(forged, 10**6))


@FORMATS
def test_broken_message_is_refused(compress: type[bytes]) -> None:
    message = compress(TEXT)
    for broken in (
        message[:-5],
        message[:2],
        message + b"more",
        message[:3] + b"?" + message[4:-4] + b"????",
    ):
        with pytest.raises(RejectionError, match="cannot be decompressed"):
            compression.decompress_to(broken, len(TEXT))
