"""An invitation is compared with every calendar before it is part of one."""

from pathlib import Path

import pytest

from double_booked.api.scheduling_pb2 import ConflictOptions, Event
from double_booked.calendars.invitation import Invitation
from double_booked.calendars.merging import merge_files
from double_booked.calendars.parsed_events import ParsedEvent
from double_booked.calendars.parsed_files import ParsedFile


def source(
    name: str | Path, *resources: str, uid: str = "", takes_itself: bool = True
) -> ParsedFile:
    event = Event(id=uid or str(name), resources=resources)
    event.start.seconds = event.end.seconds = 1
    events = [ParsedEvent(event, is_shared=bool(uid))]
    calendar = resources[0] if takes_itself and resources else ""
    return ParsedFile(str(name), events, ConflictOptions(), calendar=calendar)


def resources_of(sources: list[ParsedFile]) -> list[list[str]]:
    return [list(parsed.event.resources) for source in sources for parsed in source.events]


CALENDARS = source("anna.ics", "anna"), source("bruno.ics", "bruno")


def test_an_invitation_occupies_every_calendar() -> None:
    addressed = Invitation("in.ics").apply_to([*CALENDARS, source("in.ics", "in")])
    assert [file.name for file in addressed] == ["in.ics", "anna.ics", "bruno.ics"]
    assert resources_of(addressed) == [["anna", "bruno"], ["anna"], ["bruno"]]


def test_an_invitation_keeps_the_resources_that_it_names() -> None:
    table = source("in.csv", "red", takes_itself=False)
    assert resources_of(Invitation("in.csv").apply_to([table, *CALENDARS]))[0] == ["red"]
    unnamed = source("in.csv", takes_itself=False)
    assert resources_of(Invitation("in.csv").apply_to([unnamed, *CALENDARS]))[0] == [
        "anna",
        "bruno",
    ]


def test_an_invitation_occupies_the_unnamed_resource() -> None:
    addressed = Invitation("in.ics").apply_to([source("in.ics", "in"), source("events.json")])
    assert resources_of(addressed)[0] == [""]


def test_an_invitation_without_calendars_keeps_its_resource() -> None:
    assert resources_of(Invitation("in.ics").apply_to([source("in.ics", "in")])) == [["in"]]


def test_a_repeated_file_is_used_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = [source(name, "in") for name in ("in.ics", "./in.ics", tmp_path / "in.ics")]
    assert len(Invitation("in.ics").apply_to(sources)) == 1


def test_an_invitation_can_be_a_folder() -> None:
    sources = [source("mail/a.ics", "a"), source("mail/b.ics", "b"), *CALENDARS]
    addressed = Invitation("mail").apply_to(sources)
    assert resources_of(addressed)[:2] == [["anna", "bruno"], ["anna", "bruno"]]


def test_standard_input_is_not_in_a_folder() -> None:
    sources = [source("standard input", "standard input"), *CALENDARS]
    assert resources_of(Invitation("-").apply_to(sources))[0] == ["anna", "bruno"]
    assert resources_of(Invitation(".").apply_to(sources))[0] == ["standard input"]


def test_an_invitation_replaces_the_event_that_a_calendar_has() -> None:
    sources = [source("anna.ics", "anna", uid="talk"), source("in.ics", "in", uid="talk")]
    invitation = Invitation("in.ics")
    merged = merge_files(invitation.apply_to(sources), ConflictOptions())
    assert len(merged.request.events) == 1
    assert invitation.positions(merged) == {0}
