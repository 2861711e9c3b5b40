"""The JSON of conflicts is protobuf JSON."""

import json

from google.protobuf import json_format

from double_booked.api.scheduling_pb2 import ConflictGroup, ConflictList, Event
from double_booked.report.json_conflicts import render

CONFLICTS = ConflictList(
    conflicts=[ConflictGroup(conflict_group=[Event(id="a"), Event(title="Zoë\x9b31m")])]
)


def test_json_parses_back_to_the_same_conflicts() -> None:
    assert json_format.Parse(render(CONFLICTS), ConflictList()) == CONFLICTS


def test_json_is_ascii_so_that_no_title_controls_a_terminal() -> None:
    assert render(CONFLICTS).isascii()


def test_json_without_conflicts_is_an_empty_object() -> None:
    assert json.loads(render(ConflictList())) == {}
