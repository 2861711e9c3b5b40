"""Normalize the addresses of people, so that they can be compared."""

from urllib.parse import unquote

# Programs write these if they know no address: Outlook invalid:nomail, scripts the others.
_NONE = {"", "nomail", "noemail", "none", "null", "undefined"}


def normalize_address(text: str) -> str:
    """Return an address in lower case without `mailto:`; "" for a placeholder."""
    address = text.strip().strip('"').lower()
    while address.startswith("mailto:"):
        address = unquote(address.removeprefix("mailto:")).strip().strip("<>")
    return "" if address in _NONE or address.startswith("invalid:") else address
