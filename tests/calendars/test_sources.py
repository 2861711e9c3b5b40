"""Files are read by name, and several make one list."""

from pathlib import Path

import pytest

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.calendars.sources import Source, join, locate, read

TWO = Source("a.json", EventList(events=[Event(id="1"), Event(id="2")]))
NONE = Source("none.json", EventList())
ONE = Source("b.json", EventList(events=[Event(id="3")]))


def test_a_source_bears_the_name_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "week.json"
    file.write_text('{"events": [{"id": "1"}]}')
    assert read(str(file)) == Source(str(file), EventList(events=[Event(id="1")]))


def test_a_file_that_cannot_be_opened_raises_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(str(tmp_path / "missing.json"))


def test_sources_are_joined_in_order() -> None:
    joined = join([TWO, NONE, ONE], ConflictOptions())
    assert [event.id for event in joined.events] == ["1", "2", "3"]


def test_the_callers_options_go_before_those_of_the_sources() -> None:
    source = Source("a", EventList(options=ConflictOptions(capacity={"a": 2, "b": 2})))
    joined = join([source], ConflictOptions(capacity={"b": 3}, explain=True))
    assert joined.options == ConflictOptions(capacity={"a": 2, "b": 3}, explain=True)


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("events[0].start", "a.json: events[0].start"),
        ("events[1]", "a.json: events[1]"),
        ("events[2].end", "b.json: events[0].end"),
        ("events[3].end", "events[3].end"),
        ("options.min_gap", "options.min_gap"),
        ("", ""),
    ],
)
def test_a_field_of_the_joined_list_is_found_in_its_source(field: str, place: str) -> None:
    assert locate(field, [TWO, NONE, ONE]) == place
