"""Measure the peak memory for a list of one group, beside a server with as large answers."""

from statistics import median

from lists import make_list
from servers import METHOD, running
from tables import show

CALLS = 3
SERVERS: dict[str, tuple[str, dict[str, str]]] = {
    "bare grpc.aio, as many bytes": ("fresh", {}),
    "double-booked": ("whole", {}),
    "with as many arenas as malloc likes": ("many arenas", {}),
    "with MALLOC_TRIM_THRESHOLD_=131072": ("whole", {"MALLOC_TRIM_THRESHOLD_": "131072"}),
    "with MALLOC_MMAP_THRESHOLD_=131072": ("whole", {"MALLOC_MMAP_THRESHOLD_": "131072"}),
}


def measure(count: int = 1_000_000, rounds: int = 5) -> None:
    """Print VmHWM of new servers as multiples of the request size, in alternating rounds."""
    request = make_list(count, all_overlap=True)
    size = len(request)
    samples = [[peak(*server, request) for server in SERVERS.values()] for _ in range(rounds)]
    columns = [sorted(column) for column in zip(*samples, strict=True)]
    bare = median(columns[0])
    rows = []
    for name, peaks in zip(SERVERS, columns, strict=True):
        middle = median(peaks)
        spread = f"{peaks[0] / size:.1f} to {peaks[-1] / size:.1f}"
        more = f"{(middle - bare) / size:+.2f}x"
        rows.append((name, f"{middle / 2**20:.0f} MiB", f"{middle / size:.1f}x", spread, more))
    head = (
        "server",
        "peak",
        "of the request",
        "lowest to highest",
        "above the bare one (goal 1.5x)",
    )
    show(f"{count:,} events, one group, {size >> 20} MiB, after {CALLS} calls", head, rows)


def peak(kind: str, variables: dict[str, str], request: bytes) -> int:
    """Return the peak memory of a new server after some calls, in bytes."""
    with running(kind, **variables) as server, server.channel() as channel:
        for _ in range(CALLS):
            channel.unary_unary(METHOD)(request)
        return server.peak_bytes()
