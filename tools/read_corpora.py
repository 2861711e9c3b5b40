"""Read the calendars of other projects' tests: `read_corpora.py FOLDER [SECONDS]`.

Each calendar file below the folder is read as `double-booked check` reads it. Each recurrence rule
in any file is read as the rule of an event. The output is a table of rejected inputs by reason. The
exit code is 1 if an input raised an unexpected exception, or took longer than SECONDS (default 2).
"""

import re
import signal
import sys
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType

from double_booked.calendars import ics_files
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_files import ReadOptions
from double_booked.recurrence.calendar_times import Window

CALENDARS = {".ics", ".ical", ".icalendar", ".ifb"}
WINDOW = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 3, 31, tzinfo=UTC))
READING = ReadOptions(CalendarOptions(WINDOW, UTC))
RULE = re.compile(rb"FREQ=[A-Z]+(?:;[A-Z-]+=[A-Z0-9,+-]+)*")
EVENT = (
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20200102T090000\nRRULE:{}\nEND:VEVENT\n"
    "END:VCALENDAR\n"
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Outcomes of the inputs of a kind.

    Attributes:
        kind: The name of the kind in the table.
        outcomes: Number of inputs "read", "refused in part", "refused" and "broken".
        reasons: Inputs by reason; the reasons are without names and numbers.
        broken: A line for each input that took too long or raised an unexpected exception.
    """

    kind: str
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    broken: list[str] = field(default_factory=list)

    def add(self, name: str, faults: list[str], *, is_read: bool) -> None:
        """Count an input that was read, rejected, or partly read."""
        self.outcomes[("refused in part" if faults else "read") if is_read else "refused"] += 1
        for reason in sorted(set(map(without_names, faults))):
            self.reasons[reason].append(name)

    def add_broken(self, name: str, error: Exception) -> None:
        """Count an input that took too long or raised an unexpected exception."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        self.outcomes["broken"] += 1
        self.broken.append(f"{name}: {type(error).__name__} at {where}: {error}")


def without_names(fault: str) -> str:
    """Return a fault without its line, quoted texts and numbers, so that faults can be counted."""
    reason = re.sub(r"^(line \d+: |events\[\d+\]: )", "", fault)
    reason = re.sub(r"'[^']*'", "'...'", reason)
    return re.sub(r"\d+", "N", reason)[:100]


def calendar_files(folder: Path) -> list[Path]:
    """Return the calendar files below a folder, sorted."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in CALENDARS)
    return sorted(path for path in files if path.is_file())


def rules(folder: Path) -> list[str]:
    """Return the distinct recurrence rules in all files below a folder, sorted."""
    found: set[bytes] = set()
    for path in folder.rglob("*"):
        if path.is_file():
            found.update(RULE.findall(path.read_bytes()))
    return sorted(rule.decode() for rule in found)


def faults_within(seconds: float, read_it: Callable[[], list[str]]) -> tuple[list[str], bool]:
    """Return the faults of an input, and whether any of it was read.

    Raises:
        TimeoutError: Reading took longer than `seconds`.
    """
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return read_it(), True
    except InvalidCalendarError as error:
        return list(error.faults), False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def tally(kind: str, inputs: Mapping[str, Callable[[], list[str]]], seconds: float) -> Tally:
    """Call the reader of each input, keyed by its name; each may take `seconds`."""
    result = Tally(kind)
    for name, read_it in inputs.items():
        try:
            faults, is_read = faults_within(seconds, read_it)
        except Exception as error:  # noqa: BLE001 - finding these is what it is for
            result.add_broken(name, error)
        else:
            result.add(name, faults, is_read=is_read)
    return result


def read_faults(path: Path) -> list[str]:
    """Read a calendar file; return its faults."""
    return [event.fault for event in read_file(str(path), path.stem, READING).skipped]


def read_rule(rule: str) -> list[str]:
    """Read an event with a rule; return its faults."""
    calendar = ics_files.parse(EVENT.format(rule).encode(), READING.calendar)
    return [event.fault for event in calendar.skipped]


def show(result: Tally) -> None:
    """Print the outcomes of the inputs of a kind."""
    total = result.outcomes.total()
    print(f"\n{total} {result.kind}: ", end="")
    print(", ".join(f"{number} {outcome}" for outcome, number in result.outcomes.most_common()))
    for reason, names in sorted(result.reasons.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):5}  {reason}  (for example {names[0]})")
    for line in result.broken:
        print(f"BROKEN {line}")


def stop(_: int, __: FrameType | None) -> None:
    """Raise TimeoutError; the handler of SIGALRM."""
    raise TimeoutError


def main(folder: Path, seconds: float = 2) -> int:
    """Read the corpora and print the tables; return the exit code."""
    signal.signal(signal.SIGALRM, stop)
    files = {str(path.relative_to(folder)): path for path in calendar_files(folder)}
    results = [
        tally(
            "files of calendars",
            {name: partial(read_faults, files[name]) for name in files},
            seconds,
        ),
        tally(
            "recurrence rules", {rule: partial(read_rule, rule) for rule in rules(folder)}, seconds
        ),
    ]
    for result in results:
        show(result)
    return int(any(result.broken for result in results))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(float, sys.argv[2:3])))
