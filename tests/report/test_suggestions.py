"""Suggestions are the nearest free times in the hours and the known span."""

from dataclasses import replace
from datetime import UTC
from random import Random
from time import process_time
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, Event, EventList
from double_booked.conflicts import definition, kernel
from double_booked.conflicts.instants import LAST_INSTANT, Span
from double_booked.report.suggestions import Suggester, SuggestionOptions
from double_booked.view.conflict_report import SourceLocation, build_report
from double_booked.view.repeats import find_repeats
from report.events import event, hour_of, instant

ANY_TIME = SuggestionOptions(3, (0, 24), None, UTC)


def ask(request: EventList) -> ConflictList:
    return ConflictList.FromString(kernel.get_conflicts(request.SerializeToString()).content)


def suggest(
    *events: Event,
    wanted: SuggestionOptions = ANY_TIME,
    booked: list[str] | None = None,
    options: ConflictOptions | None = None,
) -> dict[int, list[Span]]:
    request = EventList(events=events, options=options or ConflictOptions())
    request.options.explain = True
    report = build_report(ask(request), request, lambda _: SourceLocation("file"))
    report = replace(report, repeats=find_repeats(report, wanted.zone))
    return Suggester(report, request, booked or [""] * len(events), wanted).suggest()


def hours(spans: list[Span]) -> list[tuple[float, float]]:
    return [(hour_of(start), hour_of(end)) for start, end in spans]


def test_suggestions_are_the_nearest_free_times_and_do_not_overlap() -> None:
    found = suggest(event(9, 10, "a"), event(9.5, 10.5, "a"))
    assert {position: hours(spans) for position, spans in found.items()} == {
        1: [(10, 11), (11, 12), (8, 9)]
    }


def test_no_event_must_move_without_conflicts() -> None:
    assert suggest(event(9, 10, "a"), event(10, 11, "a"), event(9, 10, "b")) == {}


def test_event_that_was_booked_first_stays() -> None:
    pair = event(9, 10, "a"), event(9, 10, "a")
    assert list(suggest(*pair, booked=["20260102", "20260101"])) == [0]
    assert list(suggest(*pair, booked=["", "20260101"])) == [0]
    assert list(suggest(*pair, booked=["", ""])) == [1]


def test_event_that_conflicts_only_with_moving_events_stays() -> None:
    chain = event(9, 11, "a"), event(10, 13, "a"), event(12, 14, "a")
    assert list(suggest(*chain)) == [1]


def test_events_up_to_the_capacity_stay() -> None:
    three = [event(9, 10, "a") for _ in range(3)]
    assert list(suggest(*three, options=ConflictOptions(capacity={"a": 2}))) == [2]


def test_suggestions_keep_the_gap() -> None:
    options = ConflictOptions()
    options.min_gap.seconds = 1_800
    found = suggest(event(9, 10, "a"), event(9.5, 10.5, "a"), options=options)
    assert hours(found[1]) == [(10.5, 11.5), (11.5, 12.5), (7.5, 8.5)]


def test_suggestions_are_free_on_all_resources() -> None:
    found = suggest(event(9, 10, "a"), event(10, 12, "b"), event(9, 10, "a", "b"))
    assert hours(found[2]) == [(8, 9), (7, 8), (12, 13)]


def test_suggestions_are_within_the_hours() -> None:
    wanted = SuggestionOptions(4, (9, 12), None, UTC)
    found = suggest(event(9, 11, "a"), event(10, 11.5, "a"), wanted=wanted)
    assert hours(found[1]) == [(33, 34.5), (-13.5, -12), (34.5, 36), (-15, -13.5)]


def test_suggestions_use_hours_of_the_readers_zone() -> None:
    wanted = SuggestionOptions(1, (9, 17), None, ZoneInfo("America/New_York"))
    assert hours(suggest(event(9, 10), event(9, 10), wanted=wanted)[1]) == [(14, 15)]


def test_suggestions_are_within_the_known_span() -> None:
    wanted = SuggestionOptions(9, (0, 24), (instant(9), instant(12)), UTC)
    assert hours(suggest(event(9, 10), event(9, 10), wanted=wanted)[1]) == [
        (10, 11),
        (11, 12),
    ]


def test_event_of_whole_days_moves_by_days() -> None:
    wanted = SuggestionOptions(3, (9, 18), None, UTC)
    assert hours(suggest(event(0, 24), event(0, 24), wanted=wanted)[1]) == [
        (24, 48),
        (-24, 0),
        (48, 72),
    ]


def test_no_suggestion_without_free_time() -> None:
    assert suggest(event(-2_000, 2_000, "a"), event(9, 10, "a"), booked=["1", "2"]) == {1: []}


def weekly(start: float, end: float) -> list[Event]:
    """Return an event on three Mondays."""
    return [event(start + 7 * 24 * week, end + 7 * 24 * week, "a") for week in range(3)]


def test_conflict_that_recurs_has_suggestions_free_on_all_days() -> None:
    busy = event(10, 11, "a"), event(7 * 24 + 8, 7 * 24 + 9, "a")
    found = suggest(*weekly(9, 10), *weekly(9, 10), *busy)
    assert [hours(found[position])[:2] for position in (3, 4, 5)] == [
        [(11 + 168 * week, 12 + 168 * week), (7 + 168 * week, 8 + 168 * week)] for week in range(3)
    ]


def test_conflict_that_recurs_has_suggestions_of_its_own_if_no_time_is_free_on_all_days() -> None:
    wanted = SuggestionOptions(1, (0, 24), (instant(9), instant(347)), UTC)
    busy = event(10, 177, "a"), event(179, 345, "a")
    found = suggest(*weekly(9, 10), *weekly(9, 10), *busy, wanted=wanted)
    assert [hours(found[position]) for position in (3, 4, 5)] == [
        [(178, 179)],
        [(178, 179)],
        [(346, 347)],
    ]


def test_conflict_that_recurs_keeps_its_local_time_across_a_clock_change() -> None:
    """Clocks in New York change between the first and the second of these Mondays."""
    wanted = SuggestionOptions(1, (9, 17), None, ZoneInfo("America/New_York"))
    events = [event(start, start + 1, "a") for start in (14, 181, 349) for _ in range(2)]
    found = suggest(*events, wanted=wanted)
    assert [hours(found[position]) for position in (1, 3, 5)] == [
        [(15, 16)],
        [(182, 183)],
        [(350, 351)],
    ]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40), st.integers(0, 12), st.sets(st.sampled_from("ab"), min_size=1)
        ),
        max_size=8,
    ),
    st.integers(1, 2),
    st.sampled_from([0, 1_200]),
)
@example(  # an instant exactly at the end of another event
    [
        (18, 6, {"a"}),
        (18, 2, {"a", "b"}),
        (18, 12, {"a", "b"}),
        (34, 1, {"a", "b"}),
        (1, 2, {"a", "b"}),
        (35, 0, {"a", "b"}),
        (8, 1, {"a", "b"}),
        (5, 2, {"a"}),
    ],
    2,
    0,
)
def test_event_moved_to_a_suggestion_has_no_conflict(
    drawn: list[tuple[int, int, set[str]]], capacity: int, gap: int
) -> None:
    options = ConflictOptions(capacity={"a": capacity})
    options.min_gap.seconds = gap
    events = [event(start / 4, (start + length) / 4, *names) for start, length, names in drawn]
    for position, spans in suggest(*events, options=options).items():
        for start, end in spans:
            moved = EventList(events=events, options=options)
            moved.events[position].start.FromNanoseconds(start)
            moved.events[position].end.FromNanoseconds(end)
            groups = definition.find_groups(moved.events, moved.options)
            assert all(position not in group.members for group in groups)


def test_suggestions_keep_a_gap_of_weeks() -> None:
    options = ConflictOptions()
    options.min_gap.seconds = 20 * 86_400
    events = event(-480, -479, "a"), event(0, 24, "a"), event(0, 24, "a")
    assert suggest(*events, options=options) == {1: [], 2: []}


def test_no_suggestion_in_an_empty_range_of_hours() -> None:
    wanted = SuggestionOptions(3, (9, 9), None, UTC)
    assert suggest(event(9, 10), event(9, 10), wanted=wanted) == {1: []}


def test_no_suggestion_is_after_the_year_9999() -> None:
    pair = [Event(id=name) for name in "ab"]
    for last in pair:
        last.start.FromJsonString("9999-12-31T10:00:00Z")
        last.end.FromJsonString("9999-12-31T23:00:00Z")
    spans = suggest(*pair)[1]
    assert spans
    assert all(end <= LAST_INSTANT for _, end in spans)


def test_full_year_has_suggestions_only_outside() -> None:
    days = [event(24 * day, 24 * day + 24, "a") for day in range(366) for _ in range(2)]
    found = suggest(*days)
    assert list(found) == list(range(1, 732, 2))
    # There is room only before the first and after the last day.
    assert hours(found[1]) == [(-24, 0), (-48, -24), (-72, -48)]
    assert found[365] == []


def test_suggestions_for_5000_events_are_fast() -> None:
    """They took 0.2 s of processor time for 1,600 events that move, of 30 people in 90 days."""
    chance = Random(7)  # noqa: S311 - it draws events
    starts = [24 * chance.randrange(90) + chance.randrange(32, 70) / 4 for _ in range(5_000)]
    people = [f"{number}" for number in range(30)]
    events = [event(start, start + 1, chance.choice(people)) for start in starts]
    begin = process_time()
    found = suggest(*events)
    assert process_time() - begin < 2
    assert len(found) > 500
    assert all(len(spans) == 3 for spans in found.values())


def test_event_that_covers_a_chain_moves_or_stays_as_booked() -> None:
    days = [event(24 * day, 24 * day + 24, "a") for day in range(300)]
    assert list(suggest(event(0, 7_200, "a"), *days, booked=["2", *["1"] * 300])) == [0]
    assert list(suggest(event(0, 7_200, "a"), *days, booked=["1", *["2"] * 300])) == list(
        range(1, 301)
    )
