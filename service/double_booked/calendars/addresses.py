"""Addresses of people, in the one form in which they are compared."""

from urllib.parse import unquote

# What programs write where they know no address: Outlook invalid:nomail, scripts the others.
_NONE = {"", "nomail", "noemail", "none", "null", "undefined"}


def normalize_address(text: str) -> str:
    """Return an address without `mailto:`, in small letters; "" for what stands for none."""
    address = text.strip().strip('"').lower()
    while address.startswith("mailto:"):
        address = unquote(address.removeprefix("mailto:")).strip().strip("<>")
    return "" if address in _NONE or address.startswith("invalid:") else address
