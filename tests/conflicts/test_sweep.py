"""A feed has the groups of the whole list, each sent as soon as it is closed."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflicts import wire
from conflicts.test_kernel import joined, options, resources
from double_booked.api.scheduling_pb2 import ConflictList, EventList
from double_booked.conflicts import definition, kernel
from double_booked.conflicts.instants import nanoseconds
from double_booked.conflicts.limits import LimitExceededError, Limits
from double_booked.conflicts.sweep import Sweep
from double_booked.conflicts.validation import InvalidRequestError

events = st.tuples(st.integers(0, 60), st.integers(0, 12), resources)


def names(chunks: list[bytes]) -> list[list[str]]:
    return [[member.id for member in group.conflict_group] for group in joined(chunks).conflicts]


def named(name: str, start: int, end: int, *names: str) -> bytes:
    more = b"".join(wire.delimited(6, resource.encode()) for resource in names)
    return wire.event(start, end, wire.delimited(1, name.encode()), more)


def feed(*messages: bytes, limits: Limits = Limits()) -> list[list[list[str]]]:  # noqa: B008 - frozen
    """Return the groups that each message closes, and those that the end closes."""
    sweep = Sweep(limits)
    return [
        *(names(list(sweep.push(message))) for message in messages),
        names(list(sweep.finish())),
    ]


@given(
    st.lists(events, max_size=40), options, st.lists(st.integers(0, 4), min_size=41, max_size=41)
)
def test_feed_cut_anywhere_has_the_groups_of_the_whole_list(
    some: list[tuple[int, int, bytes]], options: bytes, cuts: list[int]
) -> None:
    rest = [
        wire.event(start, start + length, more)
        for start, length, more in sorted(some, key=lambda event: event[0])
    ]
    whole = wire.event_list(*rest) + options
    sweep = Sweep(Limits())
    chunks = list(sweep.push(options))
    for cut in cuts:
        chunks += sweep.push(wire.event_list(*rest[:cut]))
        del rest[:cut]
    chunks += sweep.push(wire.event_list(*rest))
    chunks += sweep.finish()
    expected = definition.get_conflicts(EventList.FromString(whole))
    found = sorted(
        joined(chunks).conflicts,
        key=lambda group: (
            nanoseconds(group.conflict_group[0].start),
            group.resource.encode(),
        ),
    )
    assert ConflictList(conflicts=found) == expected
    assert (sweep.events, sweep.groups) == (len(some), len(expected.conflicts))


def test_group_is_sent_when_an_event_starts_at_its_end() -> None:
    assert feed(
        wire.event_list(named("a", 1, 5), named("b", 2, 4)),
        wire.event_list(named("c", 4, 5)),
        wire.event_list(named("d", 5, 6)),
    ) == [[], [], [["a", "b", "c"]], []]


def test_group_is_closed_by_an_event_on_another_resource() -> None:
    assert feed(
        wire.event_list(named("a", 1, 5, "x"), named("b", 2, 4, "x")),
        wire.event_list(named("c", 9, 10, "y")),
    ) == [[], [["a", "b"]], []]


def test_group_that_ends_with_an_instant_is_open_at_that_instant() -> None:
    assert feed(
        wire.event_list(named("a", 5, 5), named("b", 5, 5)),
        wire.event_list(named("c", 5, 6)),
        wire.event_list(named("d", 6, 7)),
    ) == [[], [], [["a", "b", "c"]], []]


def test_groups_are_sent_in_the_order_in_which_they_close() -> None:
    assert feed(
        wire.event_list(
            named("a", 1, 20, "x"),
            named("b", 2, 20, "x"),
            named("c", 3, 5, "y"),
            named("d", 4, 5, "y"),
            named("e", 6, 7, "z"),
            named("f", 20, 21, "z"),
        )
    ) == [[["c", "d"], ["a", "b"]], []]


def test_end_of_a_feed_closes_open_groups() -> None:
    assert feed(wire.event_list(named("a", 1, 5), named("b", 2, 4))) == [[], [["a", "b"]]]


def refusal(*messages: bytes) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        feed(*messages)
    return str(refused.value)


def test_event_out_of_order_is_named_by_its_position_in_the_whole_feed() -> None:
    back = "events[3].start: the start is before that of the event before it"
    later = wire.event_list(named("a", 1, 2), named("b", 5, 6))
    assert refusal(later, wire.event_list(named("c", 5, 6), named("d", 4, 9))) == back
    assert (
        refusal(later, wire.event_list(named("c", 9, 9)), wire.event_list(named("d", 8, 9))) == back
    )


def test_options_after_the_first_message_are_rejected() -> None:
    option = wire.delimited(2, wire.number(3, 1))
    assert refusal(b"", option).startswith("options: only the first message")
    assert refusal(wire.event_list(named("a", 1, 5)), option).startswith("options: only the first")


def test_ended_events_are_not_kept() -> None:
    sweep = Sweep(replace(Limits(), max_events_per_list=2, max_message_bytes=100))
    for start in range(1000):
        list(sweep.push(wire.event_list(named("a", start, start + 1, f"resource {start}"))))
    assert sweep.events == 1000


ENDLESS = [wire.event_list(named("a", start, 1000)) for start in range(20)]


def test_endless_group_meets_the_limit_of_events() -> None:
    with pytest.raises(LimitExceededError, match=r"11 events .* MAX_EVENTS_PER_LIST = 10"):
        feed(*ENDLESS, limits=replace(Limits(), max_events_per_list=10))


def test_endless_group_meets_the_limit_of_bytes() -> None:
    with pytest.raises(LimitExceededError, match="MAX_MESSAGE_BYTES = 100"):
        feed(*ENDLESS, limits=replace(Limits(), max_message_bytes=100))


def random_feed(seed: int, count: int) -> list[bytes]:
    """Return events by start: most are short, some last for long, on none to three resources."""
    random = Random(seed)  # noqa: S311 - for tests
    start, feed_events = 0, []
    for number in range(count):
        start += random.choice([0, 0, 1, 1, 2, 5])
        length = random.choice([0, 1, 1, 3, 20, 300 if number % 50 == 0 else 2])
        rooms = random.sample(["a", "b", "c", f"once-{number}"], random.choice([0, 1, 1, 3]))
        feed_events.append(named(str(number), start, start + length, *rooms))
    return feed_events


@pytest.mark.parametrize("seed", range(4))
def test_long_feed_has_the_groups_of_the_whole_list(seed: int) -> None:
    """The feed is long enough to drop ended events many times while it keeps others."""
    random = Random(seed)  # noqa: S311 - for tests
    some = random_feed(seed, 20_000)
    options_message = wire.delimited(
        2, wire.capacity(b"a", 3) + wire.capacity(b"", 2) + wire.number(3, 1)
    )
    sweep, first, chunks = Sweep(Limits()), 0, list[bytes]()
    chunks += sweep.push(options_message)
    while first < len(some):
        more = random.choice([1, 1, 2, 50, 2_000])
        chunks += sweep.push(wire.event_list(*some[first : first + more]))
        first += more
    chunks += sweep.finish()
    whole = kernel.get_conflicts(wire.event_list(*some) + options_message)
    assert sorted(group.SerializeToString() for group in joined(chunks).conflicts) == sorted(
        group.SerializeToString() for group in ConflictList.FromString(whole.content).conflicts
    )


def test_memory_of_ended_events_is_released() -> None:
    sweep = Sweep(Limits())
    list(sweep.push(wire.event_list(*(named(str(n), 1, 9) for n in range(50_000)))))
    kept = sweep.held_bytes
    list(sweep.push(wire.event_list(named("late", 10, 11))))
    assert sweep.held_bytes < kept / 20


def test_capacities_of_the_first_message_apply_to_later_resources() -> None:
    options_message = wire.delimited(2, wire.capacity(b"a", 2))
    pair = [wire.event_list(named(str(n), n, 9, "a")) for n in range(2)]
    assert feed(options_message, *pair) == [[], [], [], []]
    third = wire.event_list(named("2", 2, 9, "a"))
    assert feed(options_message, *pair, third)[-1] == [["0", "1", "2"]]


@pytest.mark.parametrize("message", [b"", wire.event_list(named("a", 1, 2))])
def test_cancelled_feed_raises_cancelled(message: bytes) -> None:
    cancellation = kernel.Cancellation()
    sweep = Sweep(Limits(), cancellation)
    cancellation.cancel()
    with pytest.raises(kernel.Cancelled):
        list(sweep.push(message))
    with pytest.raises(kernel.Cancelled):
        list(sweep.finish())
