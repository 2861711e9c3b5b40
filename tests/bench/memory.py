"""Peak memory for a list that is one group, beside a server that answers as many bytes."""

from lists import make_list
from servers import METHOD, running
from tables import show

CALLS = 3
MALLOC = {
    "and MALLOC_TRIM_THRESHOLD_=33554432": {"MALLOC_TRIM_THRESHOLD_": "33554432"},
    "and MALLOC_MMAP_THRESHOLD_=4194304": {"MALLOC_MMAP_THRESHOLD_": "4194304"},
}


def measure(count: int = 1_000_000) -> None:
    """Prints VmHWM after three calls, as multiples of the request's size."""
    request = make_list(count, all_overlap=True)
    size = len(request)
    bare = peak("fresh", request)
    rows = [("bare grpc.aio, as many bytes", f"{bare >> 20} MiB", f"{bare / size:.1f}x", "")]
    for name, variables in {"double-booked": {}, **MALLOC}.items():
        whole = peak("whole", request, **variables)
        more = f"{(whole - bare) / size:+.2f}x"
        rows.append((name, f"{whole >> 20} MiB", f"{whole / size:.1f}x", more))
    head = ("server", "peak", "of the request", "above the bare one (goal 1.5x)")
    show(f"{count:,} events, one group, {size >> 20} MiB, after {CALLS} calls", head, rows)


def peak(kind: str, request: bytes, **variables: str) -> int:
    """The peak of a new server after some calls."""
    with running(kind, **variables) as server, server.channel() as channel:
        for _ in range(CALLS):
            channel.unary_unary(METHOD)(request)
        return server.peak_bytes()
