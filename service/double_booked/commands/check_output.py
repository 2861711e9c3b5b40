"""The output formats of `double-booked check`."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import click

from double_booked.api.scheduling_pb2 import ConflictList, EventList
from double_booked.commands.output import make_console, replace_unwritable, writing
from double_booked.report import github, html, ics_feed, json_conflicts, json_report, text
from double_booked.view.conflict_report import ConflictReport, SourceLocation
from double_booked.view.coverage import Coverage
from double_booked.view.report_document import make_document

FORMATS = ("text", "json", "report", "ics", "html", "github")


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What to write, and how.

    Attributes:
        format: One of FORMATS.
        zone: The zone of the output, and of times without a zone; None for that of this machine.
        fail_on: One of `params.FAIL_ON`.
        suggestions: How many free times to suggest for an event.
        hours: The first hour of a day for suggestions, and the hour at which it ends.
        each: Whether to write each repeated conflict by itself.
        all_conflicts: Whether text lists all conflicts, no matter how many they are.
    """

    format: str = "text"
    zone: tzinfo | None = None
    fail_on: str = "any"
    suggestions: int = 0
    hours: tuple[int, int] = (0, 24)
    each: bool = False
    all_conflicts: bool = False


def write_conflicts(
    conflicts: ConflictList,
    report: ConflictReport,
    request: EventList,
    coverage: Coverage,
    options: OutputOptions,
    *,
    all_overlaps: bool,
) -> None:
    """Write conflicts on standard output.

    Args:
        conflicts: The conflicts as the engine or the service returns them.
        report: The same conflicts, with what people need.
        request: The events.
        coverage: What the report covers.
        options: The format and its options.
        all_overlaps: Whether text has every overlap and the events in it.
    """
    if options.format == "json":
        click.echo(json_conflicts.render(conflicts))
    elif options.format == "ics":
        click.echo(ics_feed.render(report, datetime.now(UTC), options.zone), nl=False)
    elif options.format == "report":
        document = make_document(report, request, options.zone, coverage)
        click.echo(json_report.render(document))
    else:
        replace_unwritable()
        _write_for_people(report, coverage, options, all_overlaps=all_overlaps)


def _write_for_people(
    report: ConflictReport, coverage: Coverage, options: OutputOptions, *, all_overlaps: bool
) -> None:
    if options.format == "html":
        click.echo(html.render(report, coverage), nl=False)
    elif options.format == "github":
        for line in github.render(report, coverage, is_error=options.fail_on != "none"):
            click.echo(line)
    else:
        text.write(
            make_console(),
            report,
            coverage,
            all_overlaps=all_overlaps,
            all_conflicts=options.all_conflicts,
        )


def annotate_unread(location: SourceLocation, reason: str, is_error: bool) -> None:  # noqa: FBT001
    """Write the annotation of a file or an entry that cannot be read.

    Args:
        location: Where it is written.
        reason: Why it cannot be read.
        is_error: Whether that is an error; else it is a warning.
    """
    with writing():
        click.echo(github.render_unread(location, reason, is_error=is_error))
