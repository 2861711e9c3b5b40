"""Whose time an event takes, and whether it takes any."""

from collections.abc import Iterable
from dataclasses import dataclass

from double_booked.calendars.ics_lines import Component, Property
from double_booked.calendars.ics_values import text_of

_BUSY_STATUS = "X-MICROSOFT-CDO-BUSYSTATUS"


@dataclass(frozen=True, slots=True)
class Counting:
    """Which events take time.

    Attributes:
        count_tentative: Whether tentative events do.
    """

    count_tentative: bool = True


@dataclass(frozen=True, slots=True)
class People:
    """The addresses that an event lists.

    Attributes:
        present: Those whose time it takes.
        absent: Those who are listed and whose time it does not take.
    """

    present: tuple[str, ...]
    absent: tuple[str, ...]


def takes_time(component: Component, counting: Counting) -> bool:
    """Return whether an event takes time at all."""
    status, transparent, busy = (
        text_of(component.first(name)).upper() for name in ("STATUS", "TRANSP", _BUSY_STATUS)
    )
    if status == "CANCELLED" or transparent == "TRANSPARENT" or busy == "FREE":
        return False
    attendees = component.all("ATTENDEE")
    if attendees and all(map(_has_declined, attendees)):
        return False
    is_tentative = status == "TENTATIVE" or busy == "TENTATIVE"
    return counting.count_tentative or not is_tentative


def people_of(component: Component) -> People:
    """Return the attendees of an event, by whether they take part."""
    attendees = component.all("ATTENDEE")
    return People(
        _addresses(each for each in attendees if not _has_declined(each)),
        _addresses(each for each in attendees if _has_declined(each)),
    )


def address_of(attendee: Property) -> str:
    """Return the address of an ATTENDEE or ORGANIZER, in small letters."""
    address = attendee.value.strip()
    scheme, _, rest = address.partition(":")
    return (rest if scheme.lower() == "mailto" else address).lower()


def _has_declined(attendee: Property) -> bool:
    return attendee.parameters.get("PARTSTAT", "").upper() == "DECLINED"


def _addresses(attendees: Iterable[Property]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(address_of, attendees)))
