"""Requests that cost a server far more than their caller."""

import functools
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, product
from string import ascii_letters, digits

from conflicts.wire import capacity, delimited, event, number

GET = "/Scheduling.ConflictService/GetConflicts"
STREAM = "/Scheduling.ConflictService/StreamConflicts"
SWEEP = "/Scheduling.ConflictService/SweepConflicts"
BATCH = "/Scheduling.ConflictService/BatchGetConflicts"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

MIB = 1024 * 1024
MAX_MESSAGE = 64 * MIB
MAX_EVENTS = 2_000_000
MAX_RESOURCES = 100
"""The default limits."""

_MAX_CAPACITIES = 10_000
"""Allowed number of entries in options."""

_TINY = delimited(1, delimited(4, b"") + delimited(5, b""))
"""The smallest event: an instant at 1970-01-01."""

LATER = delimited(1, delimited(4, number(1, 1)) + delimited(5, number(1, 1)))
"""An instant one second later, in 10 bytes."""

_EXPLAIN = delimited(2, number(3, 1))
_LAST = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """A request that must stay cheap to answer; built only when needed.

    Attributes:
        name: What it is, for the table.
        method: Its full name.
        make: Builds the message; its argument is the share (0 to 1) of the full size.
    """

    name: str
    method: str
    make: Callable[[float], bytes]


def framed(message: bytes, *, zipped: bool = True) -> bytes:
    """Return a message with its gRPC frame, optionally compressed with gzip."""
    content = gzip.compress(message, 1) if zipped else message
    return bytes([zipped]) + len(content).to_bytes(4) + content


@functools.cache
def built(make: Callable[[float], bytes], share: float) -> bytes:
    """Return a framed request, cached because building one takes seconds."""
    return framed(make(share))


def small(events: int = 10) -> bytes:
    """Return a list of a few events that overlap in pairs."""
    return b"".join(delimited(1, event(number, number + 2)) for number in range(events))


def empty_options(share: float) -> bytes:
    """Return 64 MiB of empty options."""
    return delimited(2, b"") * round(share * MAX_MESSAGE / 2)


def empty_options_in_batch(share: float) -> bytes:
    """Return 64 MiB of empty options in the lists of a batch, 32 KiB each."""
    return delimited(1, delimited(2, b"") * 16_384) * round(share * 2_000)


def options_in_batch(share: float) -> bytes:
    """Return a batch of 64 lists with the largest allowed options."""
    return delimited(1, allowed_options(1)) * round(share * 64)


def capacities(entries: int, length: int = 4, value: int = 2) -> bytes:
    """Return options with `entries` equal capacities of resources with names of `length`."""
    placeholder = bytes(length)
    before, after = capacity(placeholder, value).split(placeholder)
    # Joined, because one call per entry takes seconds.
    return delimited(2, before + (after + before).join(_names(entries, length)) + after)


def feed_options(share: float) -> bytes:
    """Return options of 9.4 MB."""
    return capacities(round(share * 940_000))


def allowed_options(_share: float) -> bytes:
    """Return the largest options that MAX_OPTIONS_BYTES allows: 10,000 capacities in 1 MB."""
    return capacities(_MAX_CAPACITIES, 96)


def many_capacities(share: float) -> bytes:
    """Return options of 66 MB: 6,600,000 entries."""
    return capacities(round(share * 6_600_000))


def crowds(share: float) -> bytes:
    """Return 2,000,000 events and 1,900,000 resources of capacity 2, each with 3 events."""
    resources = round(share * 1_900_000) // MAX_RESOURCES * MAX_RESOURCES
    names = _names(resources)
    users = []
    for begin in range(0, resources, MAX_RESOURCES):
        listed = _listed(names[begin : begin + MAX_RESOURCES])
        users += [delimited(1, event(number, number + 1, listed)) for number in range(3)]
    rest = _TINY * max(0, round(share * MAX_EVENTS) - len(users))
    return b"".join(users) + rest + capacities(resources)


def busy(share: float) -> bytes:
    """Return 2,000,000 events that overlap, on 3 of 10,000 resources each, none of them full."""
    names = _names(round(share * _MAX_CAPACITIES))
    times = delimited(4, b"") + delimited(5, number(1, _LAST))
    users = (
        times + _listed([names[index], names[index - 1], names[index - 2]])
        for index in range(len(names))
    )
    block = b"".join(delimited(1, user) for user in users)
    return block * (MAX_EVENTS // _MAX_CAPACITIES) + capacities(len(names), value=1_000)


def crowded(share: float) -> bytes:
    """Return events that all overlap on the same 100 resources of capacity 2."""
    names = _names(MAX_RESOURCES)
    listed = _listed(names)
    return delimited(1, event(0, _LAST, listed)) * round(share * 100_000) + capacities(
        MAX_RESOURCES
    )


def many_names(share: float) -> bytes:
    """Return 64 MiB of events with 100 uniquely named resources each."""
    names = _names(round(share * 10_900_000))
    events = []
    for begin in range(0, len(names), MAX_RESOURCES):
        listed = _listed(names[begin : begin + MAX_RESOURCES])
        events.append(delimited(1, event(0, 1, listed)))
    return b"".join(events)


def explained_list(titles: int = 0) -> bytes:
    """Return 999 nested events to explain: overlaps that list 998,001 members."""
    title = delimited(2, b"x" * titles)
    events = (delimited(1, event(number, 1998 - number, title)) for number in range(999))
    return b"".join(events) + _EXPLAIN


def explained_batch(share: float) -> bytes:
    """Return a batch of 2,500 explained lists: 45 MB, with an answer of 10 GiB."""
    return delimited(1, explained_list()) * round(share * 2_500)


def explained_titles(share: float) -> bytes:
    """Return one explained list with 60 MiB of titles."""
    return explained_list(round(share * 60 * MIB / 999))


def one_group(share: float) -> bytes:
    """Return 1,990,000 events that all overlap, of 12 bytes each."""
    lasting = delimited(1, delimited(4, b"") + delimited(5, number(1, _LAST)))
    return lasting * round(share * 1_990_000)


def faulty_lists(share: float) -> bytes:
    """Return 8,192 lists with a capacity of 0 for "": 64 KiB, with one fault each."""
    return delimited(1, delimited(2, delimited(1, delimited(1, b"")))) * round(share * 8_192)


def empty_lists(share: float) -> bytes:
    """Return a batch of 64 MiB of lists without events."""
    return delimited(1, b"") * round(share * MAX_MESSAGE / 2)


def title(share: float) -> bytes:
    """Return one event with a title of nearly 64 MiB, 65 KB as gzip."""
    return delimited(1, event(0, 1, delimited(2, b"x" * round(share * (MAX_MESSAGE - 100)))))


def empty_titles(share: float) -> bytes:
    """Return one event with 32 million titles, of which only the last counts."""
    titles = delimited(2, b"") * round(share * (MAX_MESSAGE - 100) / 2)
    return delimited(1, event(0, 1, titles))


def title_in_batch(share: float) -> bytes:
    """Return a batch whose only list is that of `title`."""
    return delimited(1, title(share * 0.999))


def _listed(names: list[bytes]) -> bytes:
    """Return the encoded resources of an event; all names have four bytes."""
    head = delimited(6, bytes(4))[:2]
    return head + head.join(names)


def _names(count: int, length: int = 4) -> list[bytes]:
    """Return distinct names of a length of at least four."""
    letters = (ascii_letters + digits + "_.").encode()
    tail = b"x" * (length - 4)
    return [bytes(head) + tail for head in islice(product(letters, repeat=4), count)]


COSTLY = (
    Request("2,000,000 events, 1,900,000 resources", GET, crowds),
    Request("2,000,000 events, on 3 of 10,000 resources each", GET, busy),
    Request("100,000 events, each on the same 100 resources", GET, crowded),
    Request("6,600,000 capacities", GET, many_capacities),
    Request("64 MiB of empty options", GET, empty_options),
    Request("64 lists with 1 MB of options each", BATCH, options_in_batch),
    Request("one event with 32 million titles", GET, empty_titles),
    Request("64 MiB of resource names", GET, many_names),
    Request("one explained list with 60 MiB of titles", GET, explained_titles),
    Request("2,500 explained lists", BATCH, explained_batch),
    Request("64 MiB of empty lists", BATCH, empty_lists),
    Request("8,192 faulty lists in 64 KiB", BATCH, faulty_lists),
    Request("1,990,000 events in one group", STREAM, one_group),
)
"""Requests within the default limits of message size and number of events."""
