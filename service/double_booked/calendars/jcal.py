"""jCal (RFC 7265) in, the components of an .ics file out."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.ics_lines import Component, Property
from double_booked.calendars.skipped import Skipped

_MAX_DEPTH = 8
"""How deep components may nest; RFC 5545 nests three."""

_BEGIN = re.compile(
    r'\[\s*"(vcalendar|vevent|vtodo|vjournal|vfreebusy|vtimezone|standard|daylight|vavailability'
    r'|available|valarm)"\s*,\s*\[',
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"[\\;,]")
_WITHOUT_VALUE = {"text", "unknown", "recur", "date-time", "utc-offset", "cal-address", "uri"}
_TIMES = {"date", "date-time", "time"}
_PARTS_OF_COMPONENT = 3
_PARTS_OF_PROPERTY = 4
_PARTS_OF_PERIOD = 2


def is_jcal(document: object) -> bool:
    """Return whether a JSON document is a calendar, or a list of calendars, in jCal."""
    return _is_calendar(document) or (
        isinstance(document, list) and bool(document) and all(map(_is_calendar, document))
    )


def _is_calendar(document: object) -> bool:
    if not isinstance(document, list) or len(document) < _PARTS_OF_COMPONENT:
        return False
    name = document[0]
    return isinstance(name, str) and name.lower() == "vcalendar"


def to_components(document: Sequence[object], text: str) -> Component:
    """Return a component without a name that holds the calendars.

    What cannot be used is a fault of the component that it is in.

    Args:
        document: What `is_jcal` accepts.
        text: The JSON that it was read from, for the lines of components.

    Raises:
        InvalidCalendarError: The components nest too deeply.
    """
    calendars = [document] if _is_calendar(document) else document
    top = Component("", 0)
    lines = _lines(text)
    for each in calendars:
        _add(each, top, lines, 0)
    return top


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """Yield the name and the line of each component, in their order."""
    line, seen = 1, 0
    for match in _BEGIN.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        yield match[1].upper(), line


def _add(found: object, parent: Component, lines: Iterator[tuple[str, int]], depth: int) -> None:
    if depth == _MAX_DEPTH:
        raise InvalidCalendarError([f"line {parent.line}: components are nested too deeply"])
    try:
        name, properties, components = _parts(found)
    except TypeError as error:
        parent.faults.append(Skipped(parent.line, str(error)))
        return
    component = Component(name, _line_of(name, lines, parent.line))
    parent.components.append(component)
    for each in properties:
        _add_property(each, component)
    for each in components:
        _add(each, component, lines, depth + 1)
    if component.name == "VEVENT" and not component.first("UID"):
        component.properties.append(Property("UID", {}, _digest(found), component.line))


def _parts(found: object) -> tuple[str, list[object], list[object]]:
    if isinstance(found, list) and len(found) >= _PARTS_OF_COMPONENT:
        name, properties, components = found[:_PARTS_OF_COMPONENT]
        is_made = isinstance(properties, list) and isinstance(components, list)
        if isinstance(name, str) and is_made:
            return name.upper(), properties, components
    raise TypeError("not a component like [name, [...], [...]]")


def _line_of(name: str, lines: Iterator[tuple[str, int]], default: int) -> int:
    if not _BEGIN.fullmatch(f'["{name}",['):
        return default
    return next((line for each, line in lines if each == name), default)


def _digest(component: object) -> str:
    """Return a UID for an event without one: all may be on one line, which would name it else."""
    return hashlib.sha256(json.dumps(component).encode()).hexdigest()[:16]


def _add_property(found: object, component: Component) -> None:
    try:
        component.properties.append(_property(found, component.line))
    except (TypeError, ValueError) as error:
        component.faults.append(Skipped(component.line, str(error)))


def _property(found: object, line: int) -> Property:
    if not isinstance(found, list) or len(found) < _PARTS_OF_PROPERTY:
        raise TypeError("not a property like [name, {...}, type, value]")
    name, parameters, kind, *values = found
    if not (isinstance(name, str) and isinstance(parameters, dict) and isinstance(kind, str)):
        raise TypeError("not a property like [name, {...}, type, value]")
    try:
        value = ",".join(_value(each, kind.lower()) for each in values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name.upper()}: {error}") from None
    texts = {key.upper(): _parameter(each) for key, each in parameters.items()}
    if kind.lower() not in _WITHOUT_VALUE:
        texts["VALUE"] = kind.upper()
    return Property(name.upper(), texts, value, line)


def _parameter(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _value(value: object, kind: str) -> str:
    """Return a value as a line of .ics has it (section 3.6)."""
    if kind == "recur" and isinstance(value, dict):
        return _rule(value)
    if kind == "period":
        return _period(value)
    if isinstance(value, list):  # a structured value (section 3.3.1.3)
        return ";".join(_value(each, kind) for each in value)
    if isinstance(value, bool | int | float):
        return str(value).upper()
    if not isinstance(value, str):
        raise TypeError("its value is of a wrong type")
    return _text(value, kind)


def _text(value: str, kind: str) -> str:
    if kind == "text":
        return _ESCAPED.sub(r"\\\g<0>", value).replace("\r\n", "\n").replace("\n", r"\n")
    if kind in _TIMES:
        return _compact(value)
    return value.replace(":", "") if kind == "utc-offset" else value


def _compact(time: str) -> str:
    """Return "2026-12-02T09:00:00" as "20261202T090000"."""
    return time.replace("-", "").replace(":", "")


def _period(value: object) -> str:
    """Return the two times of a period; drafts of the RFC had them in one text."""
    parts = value.split("/") if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) != _PARTS_OF_PERIOD:
        raise TypeError("a period has a start and an end")
    return "/".join(_end(str(each)) for each in parts)


def _end(text: str) -> str:
    return text if text.lstrip("+-").startswith("P") else _compact(text)


def _rule(parts: Mapping[str, object]) -> str:
    said = []
    for name, value in parts.items():
        values = value if isinstance(value, list) else [value]
        texts = [_compact(str(each)) if name.lower() == "until" else str(each) for each in values]
        said.append(f"{name.upper()}={','.join(texts)}")
    return ";".join(said)
