"""Decide which events occupy time, and whose time."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from double_booked.calendars.addresses import normalize_address
from double_booked.calendars.ics_lines import Component, Property
from double_booked.calendars.ics_values import text_value

_BUSY_STATUS = "X-MICROSOFT-CDO-BUSYSTATUS"
# What the organizer intends; it counts only where a program writes no status of its own.
_INTENDED_STATUS = "X-MICROSOFT-CDO-INTENDEDSTATUS"
_ALL_DAY = "X-MICROSOFT-CDO-ALLDAYEVENT"
# Exchange reports a day on which someone works elsewhere as free.
_FREE = {"FREE", "WORKINGELSEWHERE"}

# Google writes these in events of shared and imported calendars. They name calendars, not people.
_GOOGLE_CALENDAR = re.compile(
    r"unknownorganizer@calendar\.google\.com|.*@(group(\.v)?|import)\.calendar\.google\.com"
)


@dataclass(frozen=True, slots=True)
class CountingRules:
    """Which events occupy time.

    Attributes:
        count_tentative: Whether tentative events do, and events whose attendee answered so.
        count_all_day: Whether events of whole days do.
    """

    count_tentative: bool = True
    count_all_day: bool = True


@dataclass(frozen=True, slots=True)
class People:
    """The addresses that an event lists, in lower case.

    Attributes:
        present: The people whose time it occupies.
        absent: The other people.
        have_declined: Whether all attendees have declined; an organizer who is not an attendee may
            still be present.
    """

    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    have_declined: bool = False


def occupies_time(component: Component, counting: CountingRules, *, is_of_dates: bool) -> bool:
    """Return whether an event occupies anybody's time.

    Args:
        component: The VEVENT.
        counting: Which events occupy time.
        is_of_dates: Whether its start is a date.
    """
    status, busy = _word(component, "STATUS"), _busy_status(component)
    is_free = status == "CANCELLED" or _word(component, "TRANSP") == "TRANSPARENT" or busy in _FREE
    is_all_day = is_of_dates or _word(component, _ALL_DAY) == "TRUE"
    return not (
        is_free
        or (is_tentative(component) and not counting.count_tentative)
        or (is_all_day and not counting.count_all_day)
        or (_have_declined(component) and not people_of(component, counting).present)
    )


def is_tentative(component: Component) -> bool:
    """Return whether an event is written as tentative, whatever its attendees answered."""
    return "TENTATIVE" in {_word(component, "STATUS"), _busy_status(component)}


def people_of(component: Component, counting: CountingRules) -> People:
    """Return the people of an event, divided by whether it occupies their time.

    The organizer takes part; if the organizer is an attendee too, that answer counts. Exchange and
    Outlook do not list the organizer as an attendee.
    """
    present, absent = dict[str, None](), dict[str, None]()
    for attendee, address in _with_addresses(component, "ATTENDEE"):
        is_present = _takes_part(attendee) and _is_counted(attendee, counting)
        (present if is_present else absent)[address] = None
    for _, address in _with_addresses(component, "ORGANIZER"):
        if address not in absent and not is_google_calendar(address):
            present[address] = None
    others = tuple(address for address in absent if address not in present)
    return People(tuple(present), others, _have_declined(component))


def owner_is_absent(people: People, owners: Collection[str], me: Collection[str]) -> bool:
    """Return whether an event occupies no time of the owner of its calendar.

    Args:
        people: The people of the event.
        owners: The names of the calendar, one of which may be the address of its owner.
        me: The addresses of the owner, in lower case; if one takes part, the owner is present.
    """
    if any(address in owners for address in people.absent):
        return True
    if any(address in owners or address in me for address in people.present):
        return False
    return people.have_declined or any(address in me for address in people.absent)


def is_google_calendar(address: str) -> bool:
    """Return whether an address is one that Google gives to calendars."""
    return _GOOGLE_CALENDAR.fullmatch(address) is not None


def address_of(person: Property) -> str:
    """Return the address of an ATTENDEE or ORGANIZER; "" if a program knew no address.

    The parameter EMAIL (RFC 7986, section 6.2) takes precedence over the value, in which Apple
    writes the path of an account.
    """
    address = normalize_address(person.parameters.get("EMAIL", ""))
    return address if "@" in address else normalize_address(person.value)


def _word(component: Component, name: str) -> str:
    return text_value(component.first(name)).strip().upper()


def _busy_status(component: Component) -> str:
    return _word(component, _BUSY_STATUS) or _word(component, _INTENDED_STATUS)


def _parameter(attendee: Property, name: str) -> str:
    return attendee.parameters.get(name, "").strip().strip('"').upper()


def _takes_part(attendee: Property) -> bool:
    """Return whether an attendee neither declined, nor delegated, nor is only informed (ROLE)."""
    is_informed = _parameter(attendee, "ROLE") == "NON-PARTICIPANT"
    return not is_informed and _parameter(attendee, "PARTSTAT") not in {"DECLINED", "DELEGATED"}


def _is_counted(attendee: Property, counting: CountingRules) -> bool:
    return counting.count_tentative or _parameter(attendee, "PARTSTAT") != "TENTATIVE"


def _have_declined(component: Component) -> bool:
    """Return whether an attendee declined, and no attendee takes part."""
    attendees = component.all("ATTENDEE")
    if not attendees or any(map(_takes_part, attendees)):
        return False
    return any(_parameter(attendee, "PARTSTAT") == "DECLINED" for attendee in attendees)


def _with_addresses(component: Component, name: str) -> Iterator[tuple[Property, str]]:
    """Yield the properties of a name that have an address, with the address."""
    for person in component.all(name):
        if address := address_of(person):
            yield person, address
