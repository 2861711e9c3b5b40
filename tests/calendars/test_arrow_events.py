"""The rows of Parquet and Arrow tables are read as those of CSV."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, tzinfo

import pyarrow as pa
import pytest

from calendars.arrow_tables import TIMES, WRITERS, parquet
from calendars.ics_cases import BERLIN
from double_booked.api.scheduling_pb2 import Event
from double_booked.calendars.allowance import Allowance
from double_booked.calendars.arrow_events import parse
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.row_events import ParsedTable
from double_booked.calendars.rows import TableOptions

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def read(
    table: pa.Table, zone: tzinfo = BERLIN, columns: dict[str, str] | None = None
) -> ParsedTable:
    return parse(parquet(table), TableOptions(zone, columns=columns or {}), Allowance())


def events(columns: dict[str, object]) -> Sequence[Event]:
    parsed = read(pa.table(columns))
    assert not parsed.skipped
    return [event for _, event in parsed.events]


def times(start: object, end: object, **others: object) -> list[str]:
    [event] = events({"start": start, "end": end, **others})
    return [event.start.ToJsonString(), event.end.ToJsonString()]


def refusal(columns: dict[str, object], chosen: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidCalendarError) as refused:
        read(pa.table(columns), columns=chosen)
    [fault] = refused.value.faults
    return fault


def skipped(columns: dict[str, object]) -> list[str]:
    return [str(row) for row in read(pa.table(columns)).skipped]


def moments(*counts: int | None, unit: str = "us", zone: str | None = "UTC") -> pa.Array:
    return pa.array(counts, pa.timestamp(unit, zone))


@pytest.mark.parametrize("kind", WRITERS)
def test_rows_are_numbered_from_1_in_every_kind_of_file(kind: str) -> None:
    content = WRITERS[kind](pa.table({**TIMES, "title": ["a", None], "room": ["x", "y;z"]}))
    parsed = parse(content, TableOptions(BERLIN), Allowance())
    assert [number for number, _ in parsed.events] == [1, 2]
    assert [event.title for _, event in parsed.events] == ["a", ""]
    assert [list(event.resources) for _, event in parsed.events] == [["x"], ["y", "z"]]
    assert parsed.names_resources


@pytest.mark.parametrize(
    "rooms",
    [
        pa.array(["a", "b"], pa.large_string()),
        pa.array(["a", "b"], pa.string_view()),
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([["a"], ["b"]]),
        pa.array([["a"], ["b"]], pa.large_list(pa.string())),
    ],
    ids=lambda rooms: str(rooms.type),
)
def test_resources_are_texts_codes_or_lists(rooms: pa.Array) -> None:
    columns = {**TIMES, "rooms": rooms}
    assert [list(event.resources) for event in events(columns)] == [["a"], ["b"]]


def test_numbers_and_lists_are_read_as_texts() -> None:
    columns = {**TIMES, "id": [7, 8], "resource": [["a", "b"], None], "title": [True, None]}
    first, second = events(columns)
    assert (first.id, list(first.resources), first.title) == ("7", ["a", "b"], "true")
    assert (second.id, list(second.resources), second.title) == ("8", [], "")


@pytest.mark.parametrize(
    ("unit", "second"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]
)
def test_timestamps_of_every_unit_are_exact(unit: str, second: int) -> None:
    start, end = moments(-1, unit=unit), moments(90 * second + 1, unit=unit)
    digits = len(str(second)) - 1
    before = "." + "9" * digits if digits else ""
    after = "." + "1".rjust(digits, "0") if digits else ""
    # 1 s before 1970 is 59, every fraction of it is 59.9...
    assert times(start, end) == [
        f"1969-12-31T23:59:59{before}Z",
        f"1970-01-01T00:01:3{0 if digits else 1}{after}Z",
    ]


def test_a_timestamp_without_a_zone_is_in_the_zone_of_the_reader() -> None:
    summer = 1_782_900_000 * 10**9 + 123_456_789  # 2026-07-01 10:00
    columns = moments(summer, unit="ns", zone=None), moments(summer + 1, unit="ns", zone=None)
    assert times(*columns) == ["2026-07-01T08:00:00.123456789Z", "2026-07-01T08:00:00.123456790Z"]


def test_a_timestamp_with_a_zone_is_an_instant() -> None:
    columns = pa.array([NINE], pa.timestamp("ms", "Asia/Tokyo")), pa.array([TEN])
    assert times(*columns) == ["2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"]


def test_the_years_1_and_9999_are_read() -> None:
    first, last = -62_135_596_800, 253_402_300_799
    assert times(moments(first, unit="s"), moments(last, unit="s")) == [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ]
    columns = {"start": moments(first - 1, unit="s"), "end": moments(last + 1, unit="s")}
    assert len(skipped(columns)) == 1


def test_structs_of_seconds_and_nanos_are_instants() -> None:
    structs = pa.array([{"seconds": -1, "nanos": 999_999_999}])
    assert times(structs, structs) == ["1969-12-31T23:59:59.999999999Z"] * 2


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_integers_are_instants_in_the_unit_of_their_metadata(unit: str) -> None:
    fields = [
        pa.field(name, pa.int64(), metadata={"unit": unit, "comment": "x"})
        for name in ("start", "end")
    ]
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    table = pa.table([[second], [2 * second]], schema=pa.schema(fields))
    [(_, event)] = read(table).events
    assert (event.start.ToJsonString(), event.end.seconds) == ("1970-01-01T00:00:01Z", 2)


def test_integers_without_a_unit_are_refused() -> None:
    fault = refusal({"start": [0], "end": [1]})
    assert fault.startswith("the column start is of type int64, and its metadata has no unit")
    assert "s, ms, us or ns" in fault


def test_days_are_read_as_in_csv() -> None:
    days = pa.array([date(2026, 3, 2)])
    assert times(days, days) == ["2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"]
    assert times(days.cast(pa.date64()), days) == times(days, days)


def test_days_and_times_of_day_may_be_in_two_columns() -> None:
    columns = {
        "date": pa.array([date(2026, 3, 2)]),
        "start time": pa.array([time(9)]),
        "end time": pa.array([time(10, 30)], pa.time32("s")),
    }
    [event] = events(columns)
    assert event.start.ToJsonString() == "2026-03-02T08:00:00Z"
    assert event.end.ToJsonString() == "2026-03-02T09:30:00Z"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_whole_days_are_those_of_the_reader(unit: str) -> None:
    midnight = datetime(2026, 3, 1, 23, tzinfo=UTC)  # 2 March in Berlin
    instants = pa.array([midnight], pa.timestamp(unit, "UTC"))
    assert times(instants, instants, all_day=[True]) == [
        "2026-03-01T23:00:00Z",
        "2026-03-02T23:00:00Z",
    ]
    tokyo = pa.array([NINE], pa.timestamp(unit, "UTC"))
    assert times(tokyo, pa.array([TEN]), all_day=[False]) == [
        "2026-03-02T09:00:00Z",
        "2026-03-02T10:00:00Z",
    ]


def test_texts_are_times_as_in_csv() -> None:
    assert times(pa.array(["2.3.2026 9:00"]).dictionary_encode(), ["2026-03-02 10:00"]) == [
        "2026-03-02T08:00:00Z",
        "2026-03-02T09:00:00Z",
    ]


def test_nulls_are_skipped_with_their_row() -> None:
    columns = {"start": moments(0, None, None), "end": moments(None, 1, None)}
    faults = skipped({**columns, "title": ["a", "b", None]})
    assert [fault.partition(" is not")[0] for fault in faults] == [
        "row 1: end: ''",
        "row 2: start: ''",
        "row 3: start: ''",
    ]
    assert faults[0].endswith('(event "a", 1970-01-01T00:00:00.000000Z)')


def test_a_null_in_a_struct_is_skipped() -> None:
    structs = pa.array([{"seconds": 1, "nanos": None}, None, {"seconds": None, "nanos": 1}])
    assert len(skipped({"start": structs, "end": structs})) == 3


def test_columns_are_chosen_by_name() -> None:
    table = pa.table({"Von": [NINE], "Bis": [TEN], "a.b": ["Blau"], "room": ["x"]})
    chosen = {"start": "Von", "end": "Bis", "resources": "a.b"}
    [(_, event)] = read(table, columns=chosen).events
    assert list(event.resources) == ["Blau"]


def test_columns_of_other_types_are_named_and_not_read() -> None:
    parsed = read(pa.table({**TIMES, "location": [{"lat": 1.5}] * 2, "other": [b"x"] * 2}))
    notes = " ".join(parsed.assumptions)
    assert "the column location is of type struct<lat: double>, which is not read" in notes
    assert "other" not in notes


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"start": [NINE]}, "the table has no column end; it has start; --columns end=NAME"),
        ({"owner": ["x"]}, "the table has no column start; it has owner"),
        ({"start": [NINE], "end": [b"x"]}, "the column end is of type binary, which is not read"),
        ({"start": [1.5], "end": [TEN]}, "the column start is of type double; store timestamps"),
        ({"start": [[NINE]], "end": [TEN]}, "the column start is of type list<"),
        ({"start": [[1]], "end": [TEN]}, "the column start is of type list<"),
    ],
)
def test_a_table_without_usable_times_is_refused(columns: dict[str, object], fault: str) -> None:
    assert refusal(columns).startswith(fault)


def test_a_chosen_column_of_another_type_is_refused() -> None:
    fault = refusal({**TIMES, "room": [b"x", b"y"]}, {"resources": "room"})
    assert fault == "the column room is of type binary, which is not read"


def test_a_chosen_column_that_is_missing_is_refused() -> None:
    assert "has no column Raum; it has start, end" in refusal(TIMES, {"resources": "Raum"})


def test_a_table_without_rows_has_no_events() -> None:
    assert not events({"start": moments(), "end": moments()})


@pytest.mark.parametrize("kind", WRITERS)
def test_damage_is_refused_without_a_crash(kind: str) -> None:
    rooms = pa.array(["a", "b"]).dictionary_encode()
    content = WRITERS[kind](pa.table({**TIMES, "room": rooms, "title": ["x", "y"]}))
    refused = 0
    for position in range(8, len(content), 3):
        damaged = content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
        try:
            parse(damaged, TableOptions(BERLIN), Allowance())
        except InvalidCalendarError as error:
            assert "\n" not in error.faults[0]  # noqa: PT017 - some damage changes a value only
            refused += 1
    assert refused
