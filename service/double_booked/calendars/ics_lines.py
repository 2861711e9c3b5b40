"""Lines of iCalendar in, components out, with the line of each property (RFC 5545, section 3.1)."""

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
"""Maximum number of bytes of a content line; the longest in use are inline pictures."""

TOP_COMPONENTS = {"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE", "VAVAILABILITY"}
"""The components of a calendar that are never inside of one another (section 3.6)."""

_NAMED = {*TOP_COMPONENTS, "VCALENDAR"}
"""The components whose missing END is a fault of themselves, not of their parent."""

_MAX_DEPTH = 8
"""Maximum number of open components that an END is compared with; section 3.6 nests three."""

_MAX_HEAD = 200
"""Maximum number of bytes in which a line is searched for ENCODING=QUOTED-PRINTABLE."""


@dataclass(frozen=True, slots=True)
class Property:
    """A content line, split into its parts.

    Attributes:
        name: The name in capitals.
        parameters: The parameters by name in capitals; several values are joined by commas.
        value: The value as it is written, still escaped.
        line: The number of its first physical line, from 1.
    """

    name: str
    parameters: dict[str, str]
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Component:
    """The lines between a BEGIN and its END.

    Attributes:
        name: The name in capitals, such as "VEVENT".
        line: The number of its BEGIN line, from 1.
        properties: Its own properties, in their order.
        components: The components directly inside of it.
        faults: The lines that cannot be used.
    """

    name: str
    line: int
    properties: list[Property] = field(default_factory=list)
    components: list["Component"] = field(default_factory=list)
    faults: list[Skipped] = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        """Return its properties of a name."""
        return [line for line in self.properties if line.name == name]

    def first(self, name: str) -> Property | None:
        """Return its first property of a name, or None."""
        for line in self.properties:  # a loop is faster than a generator, which counts here
            if line.name == name:
                return line
        return None


def parse_components(content: bytes, notes: Notes | None = None) -> Component:
    """Return a component without a name that contains the outermost components of a file.

    A line that cannot be used becomes a fault of the innermost component around it. A component
    without END ends where its parent ends.

    Args:
        content: The file.
        notes: Receives a note about each line that is read despite an oddity.

    Raises:
        InvalidCalendarError: A line is too long.
    """
    notes = Notes() if notes is None else notes
    top = Component("", 0)
    stack = [top]
    for number, line in unfold(content):
        try:
            _add_line(line, number, stack, notes)
        except ValueError as error:
            stack[-1].faults.append(Skipped(number, str(error)))
    _close(stack, 1)
    return top


def unfold(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each unfolded content line with the number of its first physical line (section 3.1).

    Raises:
        InvalidCalendarError: A line is longer than MAX_LINE_BYTES.
    """
    first, parts, size = 0, [b""], 0
    for number, text in enumerate(_physical_lines(content), start=1):
        if _is_soft_break(parts):
            parts[-1] = parts[-1][:-1]
            parts.append(text)
        elif text[:1] in {b" ", b"\t"} and first:
            parts.append(text[1:])
        elif text:  # blank lines are ignored: some programs double line ends
            if any(parts):
                yield first, b"".join(parts)
            first, parts, size = number, [text], 0
        size += len(text)
        if size > MAX_LINE_BYTES:
            raise InvalidCalendarError([f"line {first}: longer than {MAX_LINE_BYTES} bytes"])
    if any(parts):
        yield first, b"".join(parts)


def _physical_lines(content: bytes) -> Iterator[bytes]:
    """Yield the physical lines of a file, which may end with CR LF, LF, CR or CR CR LF."""
    end = b"\n" if b"\n" in content else b"\r"
    for line in content.removeprefix(codecs.BOM_UTF8).split(end):
        yield line.rstrip(b"\r")


def _is_soft_break(parts: list[bytes]) -> bool:
    """Return whether a QUOTED-PRINTABLE line continues on the next one."""
    return parts[-1][-1:] == b"=" and b"QUOTED-PRINTABLE" in parts[0][:_MAX_HEAD].upper()


def _add_line(line: bytes, number: int, stack: list[Component], notes: Notes) -> None:
    """Add a content line to the open components, or ignore it with a note.

    Raises:
        ValueError: It cannot be used.
    """
    text, is_latin = decode_line(line)
    if is_latin:
        notes.add(number, "a text that is not UTF-8 is read as Windows-1252")
    try:
        parsed = _property(text, number, notes)
    except NotContentLineError:
        if stack[0].components and is_left_over(text):
            notes.add(number, "a line that is not NAME:VALUE is ignored")
            return
        raise
    if not parsed.value:
        if is_of_time(parsed.name):
            notes.add(number, f"{parsed.name} without a value is ignored")
    elif len(stack) > 1 or not stack[0].components or parsed.name in {"BEGIN", "END"}:
        _add(parsed, stack)
    else:
        notes.add(number, "a line after END:VCALENDAR is ignored")


def _property(text: str, number: int, notes: Notes) -> Property:
    plain = split_plain(text)
    parsed = Property(*plain, number) if plain else _parse_odd(text, number, notes)
    if parsed.name in {"BEGIN", "END"} and not is_nesting(parsed.value):
        raise NotContentLineError
    if parsed.parameters and is_quoted_printable(parsed.parameters):
        value = unquote_printable(parsed.value, parsed.parameters)
        return Property(parsed.name, parsed.parameters, value, number)
    value = trim(parsed.name, parsed.value)
    if value == parsed.value:
        return parsed
    notes.add(number, "blanks around a value are ignored")
    return Property(parsed.name, parsed.parameters, value, number)


def _parse_odd(text: str, number: int, notes: Notes) -> Property:
    """Parse a line with escapes or unusual characters.

    Raises:
        ValueError: Its name and parameters are too long.
        NotContentLineError: It is not NAME:VALUE.
    """
    if has_long_head(text):
        raise ValueError(f"name and parameters are longer than {MAX_ODD_HEAD:,} characters")
    try:
        name, parameters, value = Contentline(text).raw_parts()  # type: ignore[no-untyped-call]
    except ValueError:
        parsed = Property(*split_loosely(text), number)
        notes.add(number, "odd parameters or characters of a line are read as they stand")
        return parsed
    merged = {
        key.upper(): ",".join(values) if isinstance(values, list) else str(values)
        for key, values in parameters.items()
    }
    return Property(name.upper(), merged, value, number)


def _add(parsed: Property, stack: list[Component]) -> None:
    """Add a property to the innermost open component, or begin or end one.

    Raises:
        ValueError: No component is open, or END matches none.
    """
    if parsed.name == "BEGIN":
        _begin(Component(parsed.value.upper(), parsed.line), stack)
    elif parsed.name == "END":
        _end(parsed.value, stack)
    elif len(stack) == 1:
        raise ValueError(f"{parsed.name} is outside of BEGIN:VCALENDAR and END:VCALENDAR")
    else:
        stack[-1].properties.append(parsed)


def _begin(component: Component, stack: list[Component]) -> None:
    """Begin a component; one of TOP_COMPONENTS ends those that are open in its calendar."""
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
    """Return the depth of the innermost open component with one of the names; 0 if none is open."""
    lowest = max(len(stack) - _MAX_DEPTH, 1)
    depths = range(len(stack) - 1, lowest - 1, -1)
    return next((depth for depth in depths if stack[depth].name in names), 0)


def _close(stack: list[Component], depth: int) -> None:
    """Close components without END down to a depth, with a fault for each.

    The fault of a small component, such as an alarm, is added to its parent.
    """
    while len(stack) > depth:
        component = stack.pop()
        cut = "; the file may be cut off" if component.name == "VCALENDAR" else ""
        fault = Skipped(component.line, f"BEGIN:{component.name} has no END{cut}")
        owner = component if component.name in _NAMED else stack[-1]
        owner.faults.append(fault)
