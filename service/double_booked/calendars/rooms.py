"""Find the rooms that a LOCATION names, and compare the names of rooms."""

import re

from double_booked.api.scheduling_pb2 import EventList

_SITES = (
    r"zoom\.us|zoom\.com|zoomgov\.com|meet\.google\.com|hangouts\.google\.com|webex\.com"
    r"|teams\.microsoft\.com|teams\.live\.com|join\.skype\.com|gotomeeting\.com|meet\.jit\.si"
    r"|whereby\.com"
)
_LINK = re.compile(
    rf"(?<![\w+.-])[a-z][a-z0-9+.-]{{0,30}}://\S*[^\s;]|(?<!\S)(?:[\w-]+\.)*(?:{_SITES})(?:/\S*[^\s;])?(?![^\s;])",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")
# Programs and kinds of meetings that need no room.
_ONLINE = re.compile(
    "teams|zoom|meet|webex|skype|hangouts?|jitsi|gotomeeting|whereby|facetime|bluejeans|online"
    "|virtual|remote"
)
# Words that calendar programs write beside them, in the most common languages. Digits are the
# number of a meeting.
_BESIDE = re.compile(
    r"microsoft|ms|google|cisco|meetings?|call|video|videocall|conference|conferencing|web|chat"
    r"|link|url|join|app|id|on|in|at|by|via|with|per|for|business"
    r"|besprechung|videokonferenz|konferenz|anruf|über|réunion|visio|visioconférence|en|sur|par"
    r"|reunión|reunion|videollamada|por|riunione|su|di|de|da|vergadering|møte|möte|spotkanie"
)


def rooms_of(location: str) -> tuple[str, ...]:
    """Return the rooms that a location names, each once, as it spells them.

    Outlook separates rooms by semicolons. Links, and texts like "Microsoft Teams Meeting", are not
    rooms.

    Args:
        location: The text of LOCATION, without its escapes.
    """
    rooms: dict[str, str] = {}
    for part in _LINK.sub("\0", location).split(";"):
        room = part.replace("\0", " ").strip(" \t\n,|-()<>") if "\0" in part else part.strip()
        if room and not _is_online(room, has_link="\0" in part):
            rooms.setdefault(room_key(room), room)
    return tuple(rooms.values())


def room_key(name: str) -> str:
    """Return a key that is equal for all spellings of the name of a room."""
    return name.strip().casefold()


def _is_online(text: str, *, has_link: bool) -> bool:
    words = set(_WORD.findall(text.casefold()))
    if {"microsoft", "teams"} <= words:  # in every language; "Microsoft Teams Room 2" is a room
        return not any("room" in word or "raum" in word for word in words)
    others = {word for word in words if not _BESIDE.fullmatch(word)}
    online = {word for word in others if _ONLINE.fullmatch(word)}
    if online:
        return all(word.isdigit() for word in others - online)
    return has_link and not others


def unify_spelling(request: EventList) -> None:
    """Replace the names of resources that differ only in case or outer blanks by the first one.

    Args:
        request: The events and options, which are changed in place.
    """
    spellings: dict[str, str] = {}
    for event in request.events:
        names = [spellings.setdefault(room_key(name), name.strip()) for name in event.resources]
        if names != list(event.resources):
            event.resources[:] = dict.fromkeys(names)
    capacity = request.options.capacity
    for name in list(capacity):
        spelling = spellings.get(room_key(name), name)
        if spelling not in capacity:
            capacity[spelling] = capacity.pop(name)
