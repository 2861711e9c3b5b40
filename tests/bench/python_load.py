"""Replace peer/load on machines without Go: same arguments, same output.

It uses more CPU than the server, so the measured rates are limited by it; the CPU time per call of
the server is not.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import grpc
from servers import METHOD, SWEEP, UNLIMITED


async def main() -> None:
    """Make a run for each line on standard input."""
    options = parsed_arguments()
    messages = list(read_messages(options.file.read_bytes()))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{options.port}", UNLIMITED) as channel:
        while await asyncio.to_thread(sys.stdin.readline):
            if options.feed:
                run = await send_feed(channel, messages)
            else:
                run = await call(channel, messages, options.in_flight, options.seconds)
            print(json.dumps(run), flush=True)


def parsed_arguments() -> argparse.Namespace:
    """Return the arguments, with the names and defaults of peer/load."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--feed", action="store_true")
    parser.add_argument("file", type=Path)
    return parser.parse_args()


def read_messages(content: bytes) -> Iterator[bytes]:
    """Yield messages that each follow their length as four bytes."""
    at = 0
    while at < len(content):
        end = at + 4 + int.from_bytes(content[at : at + 4])
        yield content[at + 4 : end]
        at = end


async def call(
    channel: grpc.aio.Channel, messages: list[bytes], in_flight: int, seconds: float
) -> dict[str, object]:
    """Make calls for `seconds`, `in_flight` at a time, and wait for all of them."""
    unary = channel.unary_unary(METHOD)
    times = []
    begin = perf_counter()

    async def call_in_turn(number: int) -> None:
        sent = begin
        while sent - begin <= seconds:
            sent = perf_counter()
            await unary(messages[number % len(messages)])
            times.append(perf_counter() - sent)
            number += 1

    await asyncio.gather(*map(call_in_turn, range(in_flight)))
    run = results(len(times), begin)
    times.sort()
    for percent, name in ((50, "p50_ms"), (99, "p99_ms"), (100, "max_ms")):
        run[name] = 1e3 * times[(len(times) * percent + 99) // 100 - 1]
    return run


async def send_feed(channel: grpc.aio.Channel, messages: list[bytes]) -> dict[str, object]:
    """Send the messages as one feed, and read all answers."""
    begin = perf_counter()
    async for _ in channel.stream_stream(SWEEP)(iter(messages)):
        pass
    return results(len(messages), begin)


def results(calls: int, begin: float) -> dict[str, object]:
    """Return the results of a run; exit if a call failed."""
    return {"calls": calls, "seconds": perf_counter() - begin, "errors": 0, "error": ""}


if __name__ == "__main__":
    asyncio.run(main())
