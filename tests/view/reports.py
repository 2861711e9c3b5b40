"""Reports for tests, with times in hours after Monday, 16 November 2026, 00:00 UTC."""

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.conflicts.definition import get_conflicts
from double_booked.view.conflict_report import ConflictReport, SourceLocation, build_report

HOUR = 3_600
MIDNIGHT = 1_794_787_200


def event(start: float, end: float, title: str = "", *resources: str) -> Event:
    return Event(
        title=title,
        start=Timestamp(seconds=MIDNIGHT + int(start * HOUR)),
        end=Timestamp(seconds=MIDNIGHT + int(end * HOUR)),
        resources=resources,
    )


def report_of(*events: Event, gap: int = 0) -> ConflictReport:
    request = EventList(events=events)
    request.options.explain = True
    request.options.min_gap.seconds = gap
    return build_report(
        get_conflicts(request), request, lambda position: SourceLocation("a.ics", position + 1)
    )
