"""iCalendar's physical lines in, components out, each property with the line it is on."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field

from icalendar.parser import Contentline

from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.notes import Notes
from double_booked.calendars.odd_lines import (
    NotContentLineError,
    decode_line,
    is_left_over,
    is_nesting,
    is_of_time,
    is_quoted_printable,
    split_loosely,
    trim,
    unquote_printable,
)
from double_booked.calendars.plain_lines import MAX_ODD_HEAD, has_long_head, split_plain
from double_booked.calendars.skipped import Skipped

MAX_LINE_BYTES = 16 * 2**20
"""Longer content lines are refused; the longest in use are pictures within a line."""

TOP_COMPONENTS = {"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE", "VAVAILABILITY"}
"""The components of a calendar; none of them stands in another (section 3.6)."""

_NAMED = {*TOP_COMPONENTS, "VCALENDAR"}
"""The components whose missing END costs themselves, and not what they are in."""

_MAX_DEPTH = 8
"""How many open components an END is compared with; section 3.6 nests three."""

_MAX_HEAD = 200
"""Within how many bytes a line says that it is QUOTED-PRINTABLE."""


@dataclass(frozen=True, slots=True)
class Property:
    """A content line, in its parts.

    Attributes:
        name: In capitals.
        parameters: By name, in capitals; several values are joined by commas.
        value: As it stands there, still escaped.
        line: The first physical line of it, from 1.
    """

    name: str
    parameters: dict[str, str]
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Component:
    """What stands between BEGIN and END.

    Attributes:
        name: In capitals, such as "VEVENT".
        line: Where it begins, from 1.
        properties: Its own, in their order.
        components: Those in it.
        faults: Its lines that cannot be used.
    """

    name: str
    line: int
    properties: list[Property] = field(default_factory=list)
    components: list["Component"] = field(default_factory=list)
    faults: list[Skipped] = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        """Its properties of a name."""
        return [each for each in self.properties if each.name == name]

    def first(self, name: str) -> Property | None:
        """The first of a name, or None."""
        for each in self.properties:  # asked for dozens of names, so no generator
            if each.name == name:
                return each
        return None


def parse_components(content: bytes, notes: Notes | None = None) -> Component:
    """Return a component without a name that holds the outermost ones of a file.

    A line that cannot be used is a fault of the innermost component that it is in. A component
    without END ends where its parent does.

    Args:
        content: Of the file.
        notes: Receives a note about each line that is not as it should be, but is read.

    Raises:
        InvalidCalendarError: A line is too long.
    """
    notes = Notes() if notes is None else notes
    top = Component("", 0)
    stack = [top]
    for number, line in unfold(content):
        try:
            _take_line(line, number, stack, notes)
        except ValueError as error:
            stack[-1].faults.append(Skipped(number, str(error)))
    _close(stack, 1)
    return top


def unfold(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields the content lines, put together again (section 3.1), and the number of the first.

    Raises:
        InvalidCalendarError: One is longer than MAX_LINE_BYTES.
    """
    first, parts, size = 0, [b""], 0
    for number, text in enumerate(_physical_lines(content), start=1):
        if _is_soft_break(parts):
            parts[-1] = parts[-1][:-1]
            parts.append(text)
        elif text[:1] in {b" ", b"\t"} and first:
            parts.append(text[1:])
        elif text:  # a blank line does not end the line before it: some programs double line ends
            if any(parts):
                yield first, b"".join(parts)
            first, parts, size = number, [text], 0
        size += len(text)
        if size > MAX_LINE_BYTES:
            raise InvalidCalendarError([f"line {first}: longer than {MAX_LINE_BYTES} bytes"])
    if any(parts):
        yield first, b"".join(parts)


def _physical_lines(content: bytes) -> Iterator[bytes]:
    """Yield the lines of a file, also where they end with CR as on old Macs, or with CR CR LF."""
    end = b"\n" if b"\n" in content else b"\r"
    for line in content.removeprefix(codecs.BOM_UTF8).split(end):
        yield line.rstrip(b"\r")


def _is_soft_break(parts: list[bytes]) -> bool:
    """Tell whether a line goes on with the next one because it is QUOTED-PRINTABLE."""
    return parts[-1][-1:] == b"=" and b"QUOTED-PRINTABLE" in parts[0][:_MAX_HEAD].upper()


def _take_line(line: bytes, number: int, stack: list[Component], notes: Notes) -> None:
    """Take a content line; pass over one that is left over from a text.

    Raises:
        ValueError: It cannot be used.
    """
    text, is_latin = decode_line(line)
    if is_latin:
        notes.add(number, "a text that is not UTF-8 is read as Windows-1252")
    try:
        each = _property(text, number, notes)
    except NotContentLineError:
        if stack[0].components and is_left_over(text):
            notes.add(number, "a line that is not NAME:VALUE is passed over")
            return
        raise
    if not each.value:
        if is_of_time(each.name):
            notes.add(number, f"{each.name} without a value is passed over")
    elif len(stack) > 1 or not stack[0].components or each.name in {"BEGIN", "END"}:
        _take(each, stack)
    else:
        notes.add(number, "a line behind END:VCALENDAR is passed over")


def _property(text: str, number: int, notes: Notes) -> Property:
    plain = split_plain(text)
    each = Property(*plain, number) if plain else _odd(text, number, notes)
    if each.name in {"BEGIN", "END"} and not is_nesting(each.value):
        raise NotContentLineError
    if each.parameters and is_quoted_printable(each.parameters):
        value = unquote_printable(each.value, each.parameters)
        return Property(each.name, each.parameters, value, number)
    value = trim(each.name, each.value)
    if value == each.value:
        return each
    notes.add(number, "blanks around a value are passed over")
    return Property(each.name, each.parameters, value, number)


def _odd(text: str, number: int, notes: Notes) -> Property:
    """Read a line with escapes or doubtful characters."""
    if has_long_head(text):
        raise ValueError(f"name and parameters are longer than {MAX_ODD_HEAD:,} characters")
    try:
        name, parameters, value = Contentline(text).raw_parts()  # type: ignore[no-untyped-call]
    except ValueError:
        found = Property(*split_loosely(text), number)
        notes.add(number, "odd parameters or characters of a line are read as they stand")
        return found
    merged = {
        key.upper(): ",".join(each) if isinstance(each, list) else str(each)
        for key, each in parameters.items()
    }
    return Property(name.upper(), merged, value, number)


def _take(each: Property, stack: list[Component]) -> None:
    """Adds a property to the component it is in, which it may begin or end."""
    if each.name == "BEGIN":
        _begin(Component(each.value.upper(), each.line), stack)
    elif each.name == "END":
        _end(each.value, stack)
    elif len(stack) == 1:
        raise ValueError(f"{each.name} is outside of BEGIN:VCALENDAR and END:VCALENDAR")
    else:
        stack[-1].properties.append(each)


def _begin(component: Component, stack: list[Component]) -> None:
    """Open a component; one that stands apart in a calendar ends what is open there."""
    calendar = _depth_of({"VCALENDAR"}, stack)
    if component.name in TOP_COMPONENTS:
        _close(stack, calendar + 1)
    elif component.name == "VCALENDAR":
        _close(stack, calendar or 1)
    stack[-1].components.append(component)
    stack.append(component)


def _end(name: str, stack: list[Component]) -> None:
    depth = _depth_of({name.upper()}, stack)
    if not depth:
        begun = f"BEGIN:{stack[-1].name} of line {stack[-1].line}" if len(stack) > 1 else "nothing"
        raise ValueError(f"END:{name} ends {begun}")
    _close(stack, depth + 1)
    stack.pop()


def _depth_of(names: set[str], stack: list[Component]) -> int:
    """Where the innermost open component of these names is; 0 if none is open."""
    lowest = max(len(stack) - _MAX_DEPTH, 1)
    depths = range(len(stack) - 1, lowest - 1, -1)
    return next((depth for depth in depths if stack[depth].name in names), 0)


def _close(stack: list[Component], depth: int) -> None:
    """Closes components that have no END; a fault of an alarm is one of its event."""
    while len(stack) > depth:
        component = stack.pop()
        cut = "; the file may be cut off" if component.name == "VCALENDAR" else ""
        fault = Skipped(component.line, f"BEGIN:{component.name} has no END{cut}")
        named = component if component.name in _NAMED else stack[-1]
        named.faults.append(fault)
