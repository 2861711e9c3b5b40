"""The kernel answers any bytes as the definition does."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conflicts import wire
from conflicts.differential import assert_kernel_equals_definition, fields
from double_booked.api.scheduling_pb2 import ConflictList, EventList
from double_booked.conflicts import kernel
from double_booked.conflicts.limits import MAX_CAPACITIES, LimitExceededError, Limits
from double_booked.conflicts.sweep import Sweep
from double_booked.conflicts.validation import InvalidRequestError, Violation

EVENT = wire.event(10, 20)
ALONE = wire.event_list(EVENT)
PAIR = wire.event_list(EVENT, wire.event(15, 25))

unknown_fields = {
    "varint": wire.number(99, 5),
    "fixed64": wire.tag(99, 1) + bytes(8),
    "delimited": wire.delimited(99, b"\xff text"),
    "group": wire.group(99, wire.number(1, 1) + wire.group(3)),
    "fixed32": wire.tag(99, 5) + bytes(4),
    "known number, other type": wire.number(1, 5),
    "a start that is a group": wire.group(4, wire.number(1, 77)),
    "highest field number": wire.number(2**29 - 1, 1),
    "long tag": b"\x98\x86\x80\x80\x00\x01",
}

cases = {
    "empty": b"",
    "one event": wire.event_list(EVENT),
    "two events that conflict": PAIR,
    "an empty event": wire.event_list(b""),
    "present but empty times": wire.event_list(b"\x22\x00\x2a\x00", b"\x22\x00\x2a\x00"),
    "negative seconds": wire.event_list(wire.event(-20, -10), wire.event(-15, 5)),
    "a split start, merged": wire.event_list(
        wire.delimited(4, wire.number(1, 15))
        + wire.delimited(5, wire.timestamp(30))
        + wire.delimited(4, wire.number(2, 7)),
        EVENT,
    ),
    "a repeated start, the last counts": wire.event_list(
        wire.event(900, 1000, wire.delimited(4, wire.timestamp(12))), EVENT
    ),
    "fields in reverse": wire.event_list(
        wire.delimited(5, wire.number(2, 3) + wire.number(1, 20))
        + wire.delimited(4, wire.timestamp(1))
        + wire.delimited(1, b"id"),
        EVENT,
    ),
    "non-minimal varint": wire.event_list(
        wire.delimited(4, wire.tag(1, 0) + wire.varint(12, 9)) + wire.delimited(5, b"\x08\x0d"),
        EVENT,
    ),
    "non-minimal tag and length": b"\x8a\x80\x00"
    + wire.varint(len(EVENT), 5)
    + EVENT
    + PAIR,
    "tag of six bytes": b"\x8a\x80\x80\x80\x80\x00" + PAIR,
    "tag over 32 bits": b"\x8a\x80\x80\x80\x10\x00" + PAIR,
    "length of six bytes": b"\x0a" + wire.varint(0, 6),
    "length over 31 bits": b"\x0a" + wire.varint(2**31) + PAIR,
    "seconds of ten bytes, the top bits dropped": wire.event_list(
        wire.delimited(4, b"\x08" + b"\x8f" + b"\x80" * 8 + b"\x7e")
        + wire.delimited(5, wire.timestamp(16)),
        EVENT,
    ),
    "seconds of eleven bytes": wire.event_list(wire.delimited(4, b"\x08" + b"\x80" * 10 + b"\x01")),
    "nanos over 32 bits, the top bits dropped": wire.event_list(
        wire.delimited(4, wire.number(2, 2**32 + 5)) + wire.delimited(5, wire.timestamp(1))
    ),
    "nanos -1": wire.event_list(
        wire.delimited(4, wire.timestamp(0, -1)) + wire.delimited(5, wire.timestamp(1))
    ),
    "nanos 1e9": wire.event_list(
        wire.delimited(4, wire.timestamp(0)) + wire.delimited(5, wire.timestamp(0, 10**9))
    ),
    "year 0": wire.event_list(wire.event(-62135596801, 0)),
    "year 10000": wire.event_list(wire.event(0, 253402300800)),
    "seconds near the ends of 64 bits": wire.event_list(wire.event(-(2**63), 2**63 - 1)),
    "end before start": wire.event_list(wire.event(5, 4)),
    "field number 0": wire.event_list(EVENT + b"\x02\x00"),
    "field number 0 in the list": b"\x00\x01",
    "field number 0 in an unknown group": wire.group(2, b"\x00\x05") + PAIR,
    "a group of number 0 in an unknown group": wire.group(2, b"\x03\x04") + PAIR,
    "a resource twice, and another": wire.event_list(
        *[wire.event(1, 5, *(wire.delimited(6, name) for name in (b"a", b"b", b"a")))] * 2
    ),
    "a resource not UTF-8": wire.event_list(wire.event(1, 2, wire.delimited(6, b"\xff"))),
    "a resource that is a number": wire.event_list(wire.event(1, 2, wire.number(6, 1)), EVENT),
    "the unnamed resource, explicit": wire.event_list(
        wire.event(10, 20, wire.delimited(6, b"")), EVENT
    ),
    "options after the events": PAIR + wire.delimited(2, wire.capacity(b"", 2)),
    "options in two parts, merged": wire.delimited(2, wire.capacity(b"", 2))
    + PAIR
    + wire.delimited(2, wire.number(3, 1)),
    "a capacity given twice, the last counts": PAIR
    + wire.delimited(2, wire.capacity(b"", 2) + wire.capacity(b"", 1)),
    "a capacity without a name": PAIR + wire.delimited(2, wire.delimited(1, wire.number(2, 2))),
    "a capacity without a number": PAIR + wire.delimited(2, wire.delimited(1, b"")),
    "a capacity over 32 bits": PAIR + wire.delimited(2, wire.capacity(b"", 2**32)),
    "a capacity not UTF-8": PAIR + wire.delimited(2, wire.capacity(b"\xff", 2)),
    "a capacity of a name twice in its entry": PAIR
    + wire.delimited(
        2, wire.delimited(1, wire.delimited(1, b"a") + wire.delimited(1, b"") + wire.number(2, 2))
    ),
    "a capacity not UTF-8, then given again": PAIR
    + wire.delimited(2, wire.delimited(1, wire.delimited(1, b"\xff") + wire.delimited(1, b"a"))),
    "a capacity whose number is text": PAIR
    + wire.delimited(2, wire.delimited(1, wire.delimited(1, b"") + wire.delimited(2, b"2"))),
    "a capacity whose name is a number": PAIR
    + wire.delimited(2, wire.delimited(1, wire.number(1, 1) + wire.number(2, 2))),
    "capacities of 0, more than are named, out of order": PAIR
    + wire.delimited(
        2, b"".join(wire.capacity(b"%d" % (number % 150), 0) for number in range(200, 0, -1))
    ),
    "a capacity of 0, then one that can be used": PAIR
    + wire.delimited(2, wire.capacity(b"", 0))
    + wire.delimited(2, wire.capacity(b"", 1)),
    "options that are empty": b"\x12\x00" * 1000 + PAIR + b"\x12\x00" * 1000,
    "options that are a number": PAIR + wire.number(2, 1),
    "explained, then not": PAIR + wire.delimited(2, wire.number(3, 1) + wire.number(3, 0)),
    "a gap in two parts, merged": PAIR
    + wire.delimited(2, wire.delimited(2, wire.number(1, 4)))
    + wire.delimited(2, wire.delimited(2, wire.number(2, 5)) + wire.delimited(2, b"")),
    "the longest gap": PAIR
    + wire.delimited(2, wire.delimited(2, wire.timestamp(9999 * 31_556_952))),
    "a longer gap": PAIR
    + wire.delimited(2, wire.delimited(2, wire.timestamp(9999 * 31_556_952, 1))),
    "a gap that is negative": PAIR + wire.delimited(2, wire.delimited(2, wire.timestamp(-1, -1))),
    "a gap of two signs": PAIR + wire.delimited(2, wire.delimited(2, wire.timestamp(1, -1))),
    "a gap of a second in nanos": PAIR
    + wire.delimited(2, wire.delimited(2, wire.timestamp(0, 10**9))),
    **{f"unknown in the options: {name}": PAIR
       + wire.delimited(2, wire.capacity(b"", 2) + field + wire.number(3, 1))
       for name, field in unknown_fields.items()},
    **{f"unknown in a capacity: {name}": PAIR
       + wire.delimited(2, wire.delimited(1, wire.number(2, 2) + field) + wire.number(3, 1))
       for name, field in unknown_fields.items()},
    **{f"unknown in the gap: {name}": PAIR
       + wire.delimited(2, wire.delimited(2, field + wire.number(2, 7)))
       for name, field in unknown_fields.items()},
    **{f"groups {depth} deep in a capacity": PAIR
       + wire.delimited(2, wire.delimited(1, wire.nested_groups(depth) + wire.number(2, 2)))
       for depth in (97, 98, 99)},
    **{f"groups {depth} deep in the gap": PAIR
       + wire.delimited(2, wire.delimited(2, wire.nested_groups(depth)))
       for depth in (97, 98, 99)},
    "a gap": PAIR + wire.delimited(2, wire.delimited(2, wire.number(1, 100))),
    "a gap of negative nanos": PAIR + wire.delimited(2, wire.delimited(2, wire.number(2, -1))),
    "explained": PAIR + wire.delimited(2, wire.number(3, 1)),
    "explained by a number over 1": PAIR + wire.delimited(2, wire.number(3, 2**63)),
    "options cut short": PAIR + wire.delimited(2, b"\x0a\x05"),
    "groups 98 deep in the options": PAIR + wire.delimited(2, wire.nested_groups(98)),
    "groups 99 deep in the options": PAIR + wire.delimited(2, wire.nested_groups(99)),
    "groups 100 deep in the options": PAIR + wire.delimited(2, wire.nested_groups(100)),
    "wire type 6": wire.event_list(EVENT + b"\x0e"),
    "wire type 7": b"\x0f",
    "a lone end of a group": wire.event_list(EVENT + wire.tag(9, 4)),
    "a group that ends as another": wire.event_list(EVENT + wire.tag(9, 3) + wire.tag(8, 4)),
    "a group that does not end": wire.event_list(EVENT + wire.tag(9, 3)),
    "a length past the end of the event": wire.event_list(EVENT + b"\x0a\x05abcd"),
    "a time past the end of the event": wire.event_list(b"\x22\x05\x08\x01"),
    "id not UTF-8": wire.event_list(wire.event(1, 2, wire.delimited(1, b"\xff"))),
    "title not UTF-8": wire.event_list(wire.event(1, 2, wire.delimited(2, b"ok \xc3"))),
    "description not UTF-8": wire.event_list(wire.event(1, 2, wire.delimited(3, b"\xed\xa0\x80"))),
    **{f"unknown in an event: {name}": wire.event_list(EVENT + field, EVENT)
       for name, field in unknown_fields.items()},
    **{f"unknown in a time: {name}": wire.event_list(
        wire.delimited(4, field + wire.timestamp(12)) + wire.delimited(5, wire.timestamp(15)),
        EVENT)
       for name, field in unknown_fields.items()},
    **{f"unknown in the list: {name}": wire.delimited(77, field) + field + PAIR
       for name, field in unknown_fields.items() if "known number" not in name},
    **{f"groups {depth} deep in the list": wire.nested_groups(depth) + PAIR
       for depth in (99, 100, 101)},
    **{f"groups {depth} deep in an event": wire.event_list(EVENT + wire.nested_groups(depth))
       for depth in (98, 99, 100)},
    **{f"groups {depth} deep in a time": wire.event_list(
        wire.event(1, 2, wire.delimited(4, wire.nested_groups(depth))))
       for depth in (97, 98, 99)},
}  # fmt: skip


@pytest.mark.parametrize(
    "request_bytes", [pytest.param(case, id=name) for name, case in cases.items()]
)
def test_kernel_answers_each_case_as_the_definition(request_bytes: bytes) -> None:
    assert_kernel_equals_definition(request_bytes)


@pytest.mark.parametrize("name", cases)
def test_kernel_answers_truncated_cases_as_the_definition(
    name: str,
) -> None:
    for end in range(len(cases[name])):
        assert_kernel_equals_definition(cases[name][:end])


texts = st.binary(max_size=6).map(lambda content: wire.delimited(2, content)) | st.sampled_from(
    [b"", *unknown_fields.values(), wire.delimited(1, "Jour fixe, ça va, 会議, 🎉".encode())]
)
times = st.integers(0, 40) | st.sampled_from([-62135596801, -62135596800, 253402300799])
timestamps = st.builds(wire.timestamp, times, st.sampled_from([0, 0, 1, 999999999, 10**9, -1]))
any_events = st.builds(
    lambda start, end, text: wire.delimited(4, start) + text + wire.delimited(5, end),
    timestamps,
    timestamps,
    texts,
)
resources = st.lists(st.sampled_from(["", "a", "b", "ä"]), max_size=3).map(
    lambda names: b"".join(wire.delimited(6, name.encode()) for name in names)
)
ordered_events = st.builds(
    lambda start, length, text, resources: wire.event(start, start + length, text, resources),
    st.integers(0, 400),
    st.integers(0, 20),
    st.text(max_size=6).map(lambda text: wire.delimited(2, text.encode())),
    st.just(b"") | resources,
)
option_parts = st.lists(
    st.one_of(
        st.builds(wire.capacity, st.sampled_from([b"", b"a", b"\xc3\xa4"]), st.integers(0, 3)),
        st.builds(
            lambda content: wire.delimited(1, content),
            st.sampled_from([b"", wire.number(2, 2), *unknown_fields.values()]),
        ),
        st.integers(-1, 3).map(lambda gap: wire.delimited(2, wire.number(1, gap))),
        st.integers(-1, 3).map(lambda gap: wire.delimited(2, wire.number(2, gap))),
        st.booleans().map(lambda explain: wire.number(3, explain)),
        st.sampled_from(list(unknown_fields.values())),
    ),
    max_size=4,
).map(lambda parts: wire.delimited(2, b"".join(parts)))
options = st.builds(
    lambda *parts: wire.delimited(2, b"".join(parts)),
    st.lists(
        st.builds(wire.capacity, st.sampled_from([b"", b"a", b"c"]), st.integers(1, 4)), max_size=3
    ).map(b"".join),
    st.integers(0, 3).map(lambda gap: wire.delimited(2, wire.timestamp(gap))),
    st.booleans().map(lambda explain: wire.number(3, explain)),
)


@given(st.lists(ordered_events, max_size=120))
def test_kernel_answers_valid_lists_as_the_definition(event_fields: list[bytes]) -> None:
    assert_kernel_equals_definition(wire.event_list(*event_fields))


@given(st.lists(ordered_events, max_size=60), options)
def test_kernel_applies_options_as_the_definition(
    event_fields: list[bytes], options: bytes
) -> None:
    assert_kernel_equals_definition(wire.event_list(*event_fields) + options)


@given(st.lists(st.one_of(ordered_events.map(wire.event_list), option_parts)))
def test_kernel_merges_parts_of_options_as_the_definition(parts: list[bytes]) -> None:
    assert_kernel_equals_definition(b"".join(parts))


@given(st.lists(option_parts, min_size=1, max_size=4), st.data())
def test_kernel_reads_mutated_options_as_the_definition(
    parts: list[bytes], data: st.DataObject
) -> None:
    mutated = bytearray(b"".join(parts))
    mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    assert_kernel_equals_definition(PAIR + bytes(mutated))


@given(st.lists(any_events, max_size=8))
def test_kernel_answers_invalid_lists_as_the_definition(
    event_fields: list[bytes],
) -> None:
    assert_kernel_equals_definition(wire.event_list(*event_fields))


@given(st.lists(any_events | ordered_events, min_size=1, max_size=4), st.data())
def test_kernel_answers_mutated_lists_as_the_definition(
    event_fields: list[bytes], data: st.DataObject
) -> None:
    mutated = bytearray(wire.event_list(*event_fields))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at] = data.draw(st.integers(0, 255))
    assert_kernel_equals_definition(bytes(mutated))


@given(st.binary(max_size=40))
@example(b"\xf0\x90\x80")
def test_kernel_accepts_the_utf8_that_protobuf_accepts(text: bytes) -> None:
    assert_kernel_equals_definition(wire.event_list(wire.event(1, 2, wire.delimited(2, text))))


def test_kernel_accepts_the_two_byte_sequences_that_protobuf_accepts() -> None:
    for lead in range(0xC0, 0x100):
        for second in range(0x70, 0xD0):
            for rest in (b"", b"\x80", b"\x80\x80", b"\xbf\xc0"):
                text = bytes([lead, second]) + rest
                event = wire.event(1, 2, wire.delimited(2, text))
                assert_kernel_equals_definition(wire.event_list(event))


@pytest.mark.parametrize("nanos", [0, 1], ids=["whole seconds", "nanoseconds"])
def test_kernel_answers_a_long_list_in_random_order_as_the_definition(nanos: int) -> None:
    chance = random.Random(20261123)  # noqa: S311 - a list, not a secret
    request = EventList()
    for _ in range(3000):
        added = request.events.add()
        added.start.seconds = chance.randrange(-(10**10), 10**10, 10**6)
        added.start.nanos = chance.randrange(10**9) * nanos
        added.end.seconds = added.start.seconds + chance.randrange(1, 10**7)
    assert_kernel_equals_definition(request.SerializeToString())


def test_million_overlapping_events_are_one_group() -> None:
    answer = kernel.get_conflicts(PAIR * 500_000)
    assert (answer.events, answer.groups) == (1_000_000, 1)
    assert len(ConflictList.FromString(answer.content).conflicts[0].conflict_group) == 1_000_000


def test_answer_counts_events_and_groups() -> None:
    answer = kernel.get_conflicts(PAIR + wire.event_list(wire.event(90, 91), wire.event(80, 81)))
    assert (answer.events, answer.groups) == (4, 1)


def test_malformed_list_is_a_single_violation() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        kernel.get_conflicts(wire.event_list(b"", b"\x0f"))
    assert str(caught.value) == "the bytes are not a Scheduling.EventList"


@pytest.mark.parametrize("request_object", [None, "text", bytearray(PAIR), 5])
def test_request_that_is_not_bytes_is_a_type_error(request_object: object) -> None:
    with pytest.raises(TypeError):
        kernel.get_conflicts(request_object)  # type: ignore[arg-type] # the type is wrong on purpose


def test_other_threads_run_during_a_query() -> None:
    large = PAIR * 500_000
    answering = threading.Event()
    done = threading.Event()

    def answer() -> None:
        answering.set()
        kernel.get_conflicts(large)
        done.set()

    thread = threading.Thread(target=answer)
    thread.start()
    answering.wait(timeout=10)
    steps = 0
    while not done.is_set():
        steps += 1
    thread.join()
    assert steps > 1000, "the other thread hardly ran: the GIL was held"


def limits(**changed: int) -> Limits:
    return replace(Limits(), **changed)


def test_events_over_the_limit_are_rejected() -> None:
    with pytest.raises(LimitExceededError, match="2 events, more than MAX_EVENTS_PER_LIST = 1"):
        kernel.get_conflicts(PAIR, limits(max_events_per_list=1))


def test_resources_of_an_event_over_the_limit_are_rejected() -> None:
    request = wire.event_list(EVENT, wire.event(1, 2, wire.delimited(6, b"a") * 3))
    with pytest.raises(
        LimitExceededError, match=r"events\[1\].resources: .*MAX_RESOURCES_PER_EVENT = 2"
    ):
        kernel.get_conflicts(request, limits(max_resources_per_event=2))


def test_overlap_members_over_the_limit_are_rejected() -> None:
    request = PAIR + wire.delimited(2, wire.number(3, 1))
    with pytest.raises(LimitExceededError, match="MAX_EXPLAINED_MEMBERS = 1"):
        kernel.get_conflicts(request, limits(max_explained_members=1))
    kernel.get_conflicts(request, limits(max_explained_members=2))


def test_lists_of_a_batch_share_the_limit_of_overlap_members() -> None:
    explained = PAIR + wire.delimited(2, wire.number(3, 1))
    batch = wire.event_list(*[explained] * 3)
    kernel.batch_get_conflicts(batch, limits(max_explained_members=6))
    with pytest.raises(LimitExceededError, match="MAX_EXPLAINED_MEMBERS = 5"):
        kernel.batch_get_conflicts(batch, limits(max_explained_members=5))


def test_lists_of_a_batch_share_the_limit_of_answer_bytes() -> None:
    batch = wire.event_list(*[PAIR + wire.delimited(2, wire.number(3, 1))] * 3)
    size = len(kernel.batch_get_conflicts(batch).content)
    kernel.batch_get_conflicts(batch, limits(max_answer_bytes=size))
    with pytest.raises(LimitExceededError, match=f"MAX_ANSWER_BYTES = {size - 1}"):
        kernel.batch_get_conflicts(batch, limits(max_answer_bytes=size - 1))


def feed(request: bytes, limits: Limits) -> None:
    for _ in Sweep(limits).push(request):
        pass


calls = {
    "unary": kernel.get_conflicts,
    "stream": kernel.stream_conflicts,
    "batch": lambda request, limits: kernel.batch_get_conflicts(wire.event_list(request), limits),
    "feed": feed,
}
in_every_call = pytest.mark.parametrize("call", calls.values(), ids=calls)


@in_every_call
def test_option_bytes_over_the_limit_are_rejected(call: Callable[..., object]) -> None:
    request = (wire.delimited(2, wire.capacity(b"a", 2)) + wire.number(9, 1) + ALONE) * 3
    size = 3 * len(wire.delimited(2, wire.capacity(b"a", 2)))
    call(request, limits(max_options_bytes=size))
    with pytest.raises(
        LimitExceededError, match=rf"^(lists\[0\]: )?options: .*MAX_OPTIONS_BYTES = {size - 1}$"
    ):
        call(request, limits(max_options_bytes=size - 1))


@in_every_call
def test_capacities_over_the_limit_are_rejected(
    call: Callable[..., object],
) -> None:
    most = b"".join(wire.capacity(b"%d" % number, 2) for number in range(MAX_CAPACITIES))
    call(wire.delimited(2, most) + wire.delimited(2, most), Limits())
    with pytest.raises(LimitExceededError, match=r"options\.capacity: more than 10000 entries"):
        call(wire.delimited(2, most) + wire.delimited(2, wire.capacity(b"more", 2)), Limits())


def test_reason_of_a_rejection_does_not_depend_on_the_order_of_fields() -> None:
    option = wire.delimited(2, wire.capacity(b"a", 2))
    tight = limits(max_events_per_list=1, max_options_bytes=1, max_resources_per_event=0)
    named = wire.event_list(wire.event(1, 2, wire.delimited(6, b"a")))
    for request in (named + PAIR + option, option + PAIR + named, PAIR + option + named):
        with pytest.raises(InvalidRequestError, match=r"not a Scheduling\.EventList"):
            kernel.get_conflicts(request + b"\x0f", tight)
        with pytest.raises(LimitExceededError, match="MAX_OPTIONS_BYTES"):
            kernel.get_conflicts(request, tight)
    for request in (named + PAIR, PAIR + named):
        with pytest.raises(LimitExceededError, match="3 events, more than MAX_EVENTS_PER_LIST"):
            kernel.get_conflicts(request, tight)


@pytest.mark.parametrize("named_from", [0, 63, 64, 65, 299], ids=lambda first: f"from {first}")
def test_kernel_answers_lists_whose_events_grow_as_the_definition(named_from: int) -> None:
    """Room is made by the size of the events before; the first resource may come late."""
    events = []
    for number in range(300):
        resource = wire.delimited(6, b"room %d" % (number % 3)) if number >= named_from else b""
        title = wire.delimited(2, b"x" * (300 - number if number % 2 else number))
        events.append(wire.event(number * 7 % 50, number * 7 % 50 + 3, title, resource))
    assert_kernel_equals_definition(wire.event_list(*events))


def test_answer_over_the_limit_is_rejected_and_can_be_streamed() -> None:
    size = len(kernel.get_conflicts(PAIR).content)
    kernel.get_conflicts(PAIR, limits(max_answer_bytes=size))
    with pytest.raises(LimitExceededError, match=r"MAX_ANSWER_BYTES = .*StreamConflicts"):
        kernel.get_conflicts(PAIR, limits(max_answer_bytes=size - 1))
    assert kernel.stream_conflicts(PAIR, limits(max_answer_bytes=1)).next(1000) is not None


def test_query_cancelled_at_any_moment_has_a_whole_answer_or_none() -> None:
    request = wire.event_list(*[wire.event(5, 7), wire.event(4, 7)] * 50_000)
    whole = kernel.get_conflicts(request).content
    for moment in range(30):
        cancellation = kernel.Cancellation()
        timer = threading.Timer(moment / 1_000, cancellation.cancel)
        timer.start()
        with suppress(kernel.Cancelled):
            assert kernel.get_conflicts(request, Limits(), cancellation).content == whole
        timer.join()


def test_cancelled_query_ends() -> None:
    cancellation = kernel.Cancellation()
    cancellation.cancel()
    with pytest.raises(kernel.Cancelled):
        kernel.get_conflicts(PAIR, Limits(), cancellation)


def joined(chunks: list[bytes]) -> ConflictList:
    """Return the groups of a stream, with their pieces joined."""
    whole = ConflictList()
    is_continued = False
    for piece in (piece for chunk in chunks for piece in ConflictList.FromString(chunk).conflicts):
        if is_continued:
            assert not piece.overlaps
            assert not piece.resource
            whole.conflicts[-1].conflict_group.extend(piece.conflict_group)
        else:
            whole.conflicts.append(piece)
        is_continued = piece.continued
        whole.conflicts[-1].ClearField("continued")
    assert not is_continued
    return whole


@given(st.lists(ordered_events, max_size=60), options, st.integers(1, 3000))
def test_chunks_make_up_the_answer_and_have_the_size_asked_for(
    event_fields: list[bytes], options: bytes, size: int
) -> None:
    request = wire.event_list(*event_fields) + options
    answer = kernel.stream_conflicts(request)
    chunks = list(iter(lambda: answer.next(size), None))
    assert joined(chunks) == ConflictList.FromString(kernel.get_conflicts(request).content)
    assert answer.next(size) is None
    for chunk in chunks:
        groups = ConflictList.FromString(chunk).conflicts
        is_single = len(groups) == 1 and len(groups[0].conflict_group) == 1
        assert len(chunk) <= size or is_single or groups[0].overlaps


@given(
    st.lists(
        st.tuples(
            st.lists(any_events | ordered_events, max_size=5), st.just(b"") | options | option_parts
        ),
        max_size=5,
    )
)
def test_batch_has_the_answers_to_its_lists(
    lists: list[tuple[list[bytes], bytes]],
) -> None:
    requests = [wire.event_list(*event_fields) + options for event_fields, options in lists]
    batch = wire.event_list(*requests)
    faults: list[Violation] = []
    results = []
    for number, request in enumerate(requests):
        try:
            results.append(kernel.get_conflicts(request).content)
        except InvalidRequestError as error:
            faults += [violation.within(f"lists[{number}]") for violation in error.violations]
    if faults:
        with pytest.raises(InvalidRequestError) as caught:
            kernel.batch_get_conflicts(batch)
        is_malformed = not caught.value.violations[0].field
        assert is_malformed or list(caught.value.violations) == faults
        return
    answer = kernel.batch_get_conflicts(batch)
    assert fields(answer.content) == results
    assert answer.events == sum(len(event_fields) for event_fields, _ in lists)


def test_fault_in_a_batch_has_the_path_of_its_list() -> None:
    batch = wire.event_list(PAIR, wire.event_list(EVENT, wire.event(5, 4)))
    with pytest.raises(InvalidRequestError, match=r"^lists\[1\].events\[1\].end: "):
        kernel.batch_get_conflicts(batch)


@pytest.mark.parametrize("batch", [b"\x0f", b"\x0a\x05", b"\x00", wire.event_list(b"\x0f")])
def test_malformed_batch_is_rejected(batch: bytes) -> None:
    with pytest.raises(InvalidRequestError, match=r"not a Scheduling\.BatchGetConflictsRequest"):
        kernel.batch_get_conflicts(batch)


def test_batch_counts_all_faults_and_names_the_first() -> None:
    faulty = wire.event_list(b"") + wire.delimited(2, wire.capacity(b"a", 0))
    with pytest.raises(InvalidRequestError, match="the first of 6000 faults") as caught:
        kernel.batch_get_conflicts(wire.event_list(*[faulty] * 2000))
    named = [violation.field for violation in caught.value.violations]
    assert named[:3] == [
        'lists[0].options.capacity["a"]',
        "lists[0].events[0].start",
        "lists[0].events[0].end",
    ]
    assert len(named) == 100


def test_lists_over_the_limit_are_rejected() -> None:
    with pytest.raises(LimitExceededError, match="MAX_LISTS_PER_BATCH = 1"):
        kernel.batch_get_conflicts(wire.event_list(PAIR, PAIR), limits(max_lists_per_batch=1))


NESTED = wire.event_list(*[wire.event(1000 + number, 9000 - number) for number in range(700)])
EXPLAINED = wire.delimited(2, wire.number(3, 1))


@pytest.mark.parametrize(
    "events",
    [b"", EXPLAINED, NESTED[:500], NESTED, NESTED + wire.delimited(2, wire.number(3, 0))],
    ids=["empty", "options alone", "cut short", "kilobytes", "explicitly unexplained"],
)
def test_cheap_requests_are_small(events: bytes) -> None:
    assert kernel.is_small(events, is_batch=False)
    assert kernel.is_small(wire.event_list(events), is_batch=True)


@pytest.mark.parametrize(
    "events",
    [NESTED * 9, NESTED + EXPLAINED, EXPLAINED + NESTED],
    ids=["over 64 KiB", "explained after the events", "explained before the events"],
)
def test_costly_requests_are_not_small(events: bytes) -> None:
    assert not kernel.is_small(events, is_batch=False)
    assert not kernel.is_small(wire.event_list(b"", events), is_batch=True)


def test_batch_of_many_lists_is_not_small() -> None:
    assert kernel.is_small(wire.event_list(*[b""] * 2000), is_batch=True)
    assert not kernel.is_small(wire.event_list(*[b""] * 2001), is_batch=True)
    assert kernel.is_small(wire.event_list(*[b""] * 2001), is_batch=False)


def test_stream_reports_the_memory_that_it_holds() -> None:
    assert kernel.stream_conflicts(b"").held_bytes == 0
    events = kernel.stream_conflicts(PAIR * 1000)
    # Each event takes an interval of 32 bytes and a position of 4.
    assert 36 * 2000 < events.held_bytes - len(PAIR * 1000) < 37 * 2000
    explained = kernel.stream_conflicts(PAIR * 1000 + EXPLAINED)
    # And each member that is present in an overlap takes 4 more.
    assert explained.held_bytes - events.held_bytes > 4 * 4000


@pytest.mark.parametrize("size", [2, 3, 50, 300])
def test_groups_with_the_same_start_are_ordered_by_resource(size: int) -> None:
    chance = random.Random(size)  # noqa: S311 - a list, not a secret
    names = [b"%d" % number for number in range(size)]
    names += [b"the room %d" % number for number in range(size)] + [
        b"the room ",
        b"the room",
        b"9\0",
    ]
    requests = []
    for seconds in (7, 5, 7):
        chance.shuffle(names)
        requests += [wire.event(seconds, seconds + 1, wire.delimited(6, name)) for name in names]
    requests.append(wire.event(5, 8))
    requests.append(wire.event(5, 8, wire.delimited(6, b"shared"), wire.delimited(6, b"")))
    assert_kernel_equals_definition(wire.event_list(*requests, *requests[::3]))
