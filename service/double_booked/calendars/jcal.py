"""jCal in, the components of an .ics file out (RFC 7265)."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.ics_lines import Component, Property
from double_booked.calendars.skipped import Skipped

_MAX_DEPTH = 8
"""Maximum depth of components; RFC 5545 nests three."""

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
    """Return whether a JSON document is a calendar in jCal, or a list of calendars."""
    return _is_calendar(document) or (
        isinstance(document, list) and bool(document) and all(map(_is_calendar, document))
    )


def _is_calendar(document: object) -> bool:
    if not isinstance(document, list) or len(document) < _PARTS_OF_COMPONENT:
        return False
    name = document[0]
    return isinstance(name, str) and name.lower() == "vcalendar"


def to_components(document: Sequence[object], text: str) -> Component:
    """Return a component without a name that contains the calendars.

    What cannot be used becomes a fault of the component around it.

    Args:
        document: A document that `is_jcal` accepts.
        text: The JSON of the document, in which the lines of components are found.

    Raises:
        InvalidCalendarError: The components nest too deeply.
    """
    calendars = [document] if _is_calendar(document) else document
    top = Component("", 0)
    lines = _lines(text)
    for calendar in calendars:
        _add(calendar, top, lines, 0)
    return top


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """Yield the name and the line of each component, in their order."""
    line, seen = 1, 0
    for match in _BEGIN.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        yield match[1].upper(), line


def _add(value: object, parent: Component, lines: Iterator[tuple[str, int]], depth: int) -> None:
    """Add a component of jCal to its parent.

    Raises:
        InvalidCalendarError: Components are nested too deeply.
    """
    if depth == _MAX_DEPTH:
        raise InvalidCalendarError([f"line {parent.line}: components are nested too deeply"])
    try:
        name, properties, components = _parts(value)
    except TypeError as error:
        parent.faults.append(Skipped(parent.line, str(error)))
        return
    component = Component(name, _line_of(name, lines, parent.line))
    parent.components.append(component)
    for part in properties:
        _add_property(part, component)
    for part in components:
        _add(part, component, lines, depth + 1)
    if component.name == "VEVENT" and not component.first("UID"):
        component.properties.append(Property("UID", {}, _digest(value), component.line))


def _parts(value: object) -> tuple[str, list[object], list[object]]:
    if isinstance(value, list) and len(value) >= _PARTS_OF_COMPONENT:
        name, properties, components = value[:_PARTS_OF_COMPONENT]
        has_lists = isinstance(properties, list) and isinstance(components, list)
        if isinstance(name, str) and has_lists:
            return name.upper(), properties, components
    raise TypeError("not a component like [name, [...], [...]]")


def _line_of(name: str, lines: Iterator[tuple[str, int]], default: int) -> int:
    if not _BEGIN.fullmatch(f'["{name}",['):
        return default
    return next((line for other, line in lines if other == name), default)


def _digest(component: object) -> str:
    """Return a UID for an event without one, because all events may be on the same line."""
    return hashlib.sha256(json.dumps(component).encode()).hexdigest()[:16]


def _add_property(value: object, component: Component) -> None:
    try:
        component.properties.append(_property(value, component.line))
    except (TypeError, ValueError) as error:
        component.faults.append(Skipped(component.line, str(error)))


def _property(parts: object, line: int) -> Property:
    if not isinstance(parts, list) or len(parts) < _PARTS_OF_PROPERTY:
        raise TypeError("not a property like [name, {...}, type, value]")
    name, parameters, kind, *values = parts
    if not (isinstance(name, str) and isinstance(parameters, dict) and isinstance(kind, str)):
        raise TypeError("not a property like [name, {...}, type, value]")
    try:
        value = ",".join(_value(part, kind.lower()) for part in values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name.upper()}: {error}") from None
    texts = {key.upper(): _parameter(setting) for key, setting in parameters.items()}
    if kind.lower() not in _WITHOUT_VALUE:
        texts["VALUE"] = kind.upper()
    return Property(name.upper(), texts, value, line)


def _parameter(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _value(value: object, kind: str) -> str:
    """Return a value as it is written in .ics (section 3.6).

    Raises:
        TypeError: It is of a type that its kind does not allow.
    """
    if kind == "recur" and isinstance(value, dict):
        return _rule(value)
    if kind == "period":
        return _period(value)
    if isinstance(value, list):  # a structured value (section 3.3.1.3)
        return ";".join(_value(part, kind) for part in value)
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
    """Return a period as "start/end"; drafts of the RFC had both in one text."""
    parts = value.split("/") if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) != _PARTS_OF_PERIOD:
        raise TypeError("a period has a start and an end")
    return "/".join(_end(str(part)) for part in parts)


def _end(text: str) -> str:
    return text if text.lstrip("+-").startswith("P") else _compact(text)


def _rule(parts: Mapping[str, object]) -> str:
    """Return a rule as the value of RRULE (section 3.6.10)."""
    texts = []
    for name, value in parts.items():
        values = map(str, value if isinstance(value, list) else [value])
        joined = ",".join(map(_compact, values) if name.lower() == "until" else values)
        texts.append(f"{name.upper()}={joined}")
    return ";".join(texts)
