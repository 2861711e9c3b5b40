"""The JSON is that of protobuf."""

import json

from google.protobuf import json_format

from double_booked.api.scheduling_pb2 import ConflictGroup, ConflictList, Event
from double_booked.report.json_conflicts import render

CONFLICTS = ConflictList(
    conflicts=[ConflictGroup(conflict_group=[Event(id="a"), Event(title="Zoë\x9b31m")])]
)


def test_the_json_form_reads_back_as_the_same_conflicts() -> None:
    assert json_format.Parse(render(CONFLICTS), ConflictList()) == CONFLICTS


def test_the_json_form_is_ascii_so_that_no_title_reaches_a_terminal_raw() -> None:
    assert render(CONFLICTS).isascii()


def test_no_conflicts_are_an_empty_object() -> None:
    assert json.loads(render(ConflictList())) == {}
