"""What was downloaded last, with what a server needs to say that nothing has changed."""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Validators:
    """What names a state of a calendar on its server (RFC 9110, section 8.8).

    Attributes:
        etag: The ETag header; "" without.
        modified: The Last-Modified header; "" without.
    """

    etag: str = ""
    modified: str = ""


def cache_folder() -> Path:
    """Return the folder of this program under the user's cache folder (XDG Base Directory)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "double-booked"


class Cache:
    """Keeps the last content of each address in a folder that only the user can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, address: str) -> tuple[Validators, bytes] | None:
        """Return what was kept of an address; None if there is nothing usable."""
        try:
            head, _, content = self._path(address).read_bytes().partition(b"\n")
            found = json.loads(head)
            if found.pop("digest") != _digest(content):
                return None
            return Validators(**found), content
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None  # it is missing, cut off, or of another version

    def keep(self, address: str, validators: Validators, content: bytes) -> None:
        """Keep the content of an address; a folder that cannot be written keeps nothing."""
        head = json.dumps(asdict(validators) | {"digest": _digest(content)}).encode()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(head + b"\n" + content)
            Path(file.name).replace(self._path(address))
        except OSError:
            return

    def _path(self, address: str) -> Path:
        """Return a name that does not show the address, which may hold a secret."""
        return self._folder / _digest(address.encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
