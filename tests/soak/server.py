"""The server under soak; it answers each line on standard input with its figures as JSON."""

import asyncio
import json
import sys

from double_booked.runtime import logs
from double_booked.runtime.address import Address
from double_booked.server import malloc
from double_booked.server.lifecycle import Server
from double_booked.settings import Settings

FREE = Address("127.0.0.1", 0)
SETTINGS = Settings(
    service_host=FREE,
    health_check_host=FREE,
    log_level="error",
    log_format="json",
    max_message_bytes=8 * 1024 * 1024,
    max_connection_age=5.0,
    max_connection_age_grace=5.0,
)


async def main() -> None:
    """Serve until standard input ends."""
    server = Server(SETTINGS)
    await server.start()
    reading = asyncio.get_running_loop()
    while await reading.run_in_executor(None, sys.stdin.readline):
        figures = {
            "port": server.port,
            "tasks": len(asyncio.all_tasks()),
            "calls": server.open_calls,
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    logs.configure(SETTINGS.log_level, SETTINGS.log_format)
    malloc.limit_malloc_arenas()
    asyncio.run(main())
