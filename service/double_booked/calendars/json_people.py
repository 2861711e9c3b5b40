"""The people of an event in JSON and their answers, as Google and Microsoft Graph list them."""

from collections.abc import Mapping
from dataclasses import dataclass

from double_booked.calendars.addresses import normalize_address
from double_booked.calendars.attendance import CountingRules, People, is_google_calendar

_NAMES = ("email", "address", "emailAddress", "displayName", "name", "title", "id")
"""The keys of an object for a person or a place, the one to read first."""

_TENTATIVE = {"tentative", "tentativelyaccepted"}


@dataclass(frozen=True, slots=True)
class Answers:
    """The people of an event.

    Attributes:
        people: The addresses, divided by whether the event occupies their time.
        attendees: The attendees whose time it occupies, as the cell of a table.
        organizer: The organizer, if present and not an attendee; "" otherwise.
    """

    people: People
    attendees: str
    organizer: str


def cell_text(value: object) -> str:
    """Return a value as the cell of a table."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ";".join(map(cell_text, value))
    if isinstance(value, dict):
        return next((cell_text(value[name]) for name in _NAMES if value.get(name)), "")
    return "" if value is None else str(value)


def answers_of(attendees: object, organizer: object, counting: CountingRules) -> Answers:
    """Return the people of an event, divided by whether it occupies their time.

    The organizer takes part; if the organizer is an attendee too, that answer counts.

    Args:
        attendees: A list of objects with `responseStatus` (Google) or `status.response` (Graph),
            or anything else that names people.
        organizer: An object or a text that names a person.
        counting: Which events occupy time.
    """
    listed = attendees if isinstance(attendees, list) else [attendees]
    responses = [_response(attendee) for attendee in listed]
    texts: list[str] = []
    present, absent = dict[str, None](), dict[str, None]()
    for attendee, response in zip(listed, responses, strict=True):
        text, is_present = cell_text(attendee), takes_part(response, counting)
        if is_present:
            texts.append(text)
        if address := normalize_address(text):
            (present if is_present else absent)[address] = None
    leader = cell_text(organizer)
    address = normalize_address(leader)
    if address in present or address in absent or is_google_calendar(address):
        leader = ""
    elif address:
        present[address] = None
    others = tuple(address for address in absent if address not in present)
    have_declined = bool(responses) and not set(responses) - {"declined"}
    people = People(tuple(present), others, have_declined)
    return Answers(people, ";".join(filter(None, texts)), leader)


def owner_takes_part(event: Mapping[str, object], counting: CountingRules) -> bool:
    """Return whether the calendar's owner takes part in an event, by Graph's responseStatus."""
    return takes_part(_word(event.get("responseStatus"), "response"), counting)


def takes_part(response: str, counting: CountingRules) -> bool:
    """Return whether an event occupies the time of a person with this answer."""
    return response != "declined" and (counting.count_tentative or response not in _TENTATIVE)


def _response(attendee: object) -> str:
    if not isinstance(attendee, dict):
        return ""
    return _word(attendee, "responseStatus") or _word(attendee.get("status"), "response")


def _word(item: object, name: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    return value.strip().lower() if isinstance(value, str) else ""
