"""Stop servers in the middle of calls: `python tests/soak/stops.py [TIMES]`.

Prints how the calls ended. Fails if an answer of a server did not reach its caller, or if a stop
took too long.
"""

import asyncio
import random
import sys
from collections import Counter
from time import perf_counter

import grpc

from double_booked.api.scheduling_pb2 import EventList
from double_booked.conflicts import kernel
from double_booked.runtime import logs
from double_booked.runtime.address import Address
from double_booked.server.lifecycle import Server
from double_booked.server.service import CONFLICT_SERVICE, MAX_INLINE_BYTES
from double_booked.settings import Settings

GRACE_SECONDS = 5.0
CLIENTS = 8
FREE = Address("127.0.0.1", 0)
SETTINGS = Settings(
    service_host=FREE,
    health_check_host=FREE,
    drain_delay=0.0,
    shutdown_grace=GRACE_SECONDS,
    log_level="error",
)


def make_request(count: int) -> bytes:
    """Return a list of `count` events that all conflict."""
    events = EventList()
    for number in range(count):
        event = events.events.add(id=str(number))
        event.start.seconds, event.end.seconds = number, number + count
    return events.SerializeToString()


REQUESTS = (make_request(3), make_request(4_000))
assert len(REQUESTS[1]) > MAX_INLINE_BYTES, "the large one is for a worker"


async def race(chance: random.Random) -> tuple[Counter[str], int, float]:
    """Stop a server at a random moment of its clients' calls.

    Returns:
        The number of calls by code, the number of answers that the server made, and the seconds
        that the stop took.
    """
    answers = 0

    def engine(*arguments: object) -> kernel.Answer:
        nonlocal answers
        answer = kernel.get_conflicts(*arguments)  # type: ignore[arg-type]
        answers += 1
        return answer

    server = Server(SETTINGS, engine)
    await server.start()
    codes: Counter[str] = Counter()
    clients = [asyncio.create_task(call_until_refused(server.port, codes)) for _ in range(CLIENTS)]
    moment = chance.randrange(200)
    while codes["OK"] < moment:
        await asyncio.sleep(0)
    begin = perf_counter()
    await server.stop()
    seconds = perf_counter() - begin
    await asyncio.gather(*clients)
    return codes, answers, seconds


async def call_until_refused(port: int, codes: Counter[str]) -> None:
    """Call with a small and a large list in turn, and record how each call ends."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call = channel.unary_unary(f"/{CONFLICT_SERVICE}/GetConflicts")
        while True:
            for request in REQUESTS:
                try:
                    await call(request, timeout=2 * GRACE_SECONDS)
                except grpc.aio.AioRpcError as refused:
                    codes[refused.code().name] += 1
                    return
                codes["OK"] += 1


async def main(times: int) -> None:
    """Run that many races, and print the results."""
    chance = random.Random(times)  # noqa: S311 - the same moments each time, not a secret
    codes: Counter[str] = Counter()
    longest = 0.0
    for number in range(times):
        ended, answers, seconds = await race(chance)
        codes += ended
        longest = max(longest, seconds)
        if ended["OK"] != answers:
            sys.exit(f"stop {number}: {answers} answers were made, {ended['OK']} arrived")
        if seconds > GRACE_SECONDS + 2:
            sys.exit(f"stop {number}: it took {seconds:.1f} s")
        if unknown := ended.keys() - {"OK", "UNAVAILABLE", "CANCELLED"}:
            sys.exit(f"stop {number}: calls ended with {', '.join(sorted(unknown))}")
    print(f"{times} stops, the longest of {longest:.2f} s; calls: {dict(codes)}")


if __name__ == "__main__":
    logs.configure(SETTINGS.log_level, SETTINGS.log_format)
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
