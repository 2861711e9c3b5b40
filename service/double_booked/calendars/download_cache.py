"""A cache of downloads, with the validators by which a server confirms that they are current."""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of a response (RFC 9110, section 8.8).

    Attributes:
        etag: The ETag header; "" if missing.
        modified: The Last-Modified header; "" if missing.
    """

    etag: str = ""
    modified: str = ""


def cache_folder() -> Path:
    """Return the folder of this program in the user's cache folder (XDG Base Directory)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "double-booked"


class Cache:
    """Keeps the last content of each address in a folder that only the user can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, address: str) -> tuple[Validators, bytes] | None:
        """Return the validators and the content kept for an address; None if nothing is usable."""
        try:
            head, _, content = self._path(address).read_bytes().partition(b"\n")
            fields = json.loads(head)
            if fields.pop("digest") != _digest(content):
                return None
            return Validators(**fields), content
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None  # it is missing, cut off, or of another version

    def keep(self, address: str, validators: Validators, content: bytes) -> None:
        """Keep the content of an address; do nothing if the folder cannot be written."""
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
        """Return a path that does not show the address, which may contain a secret."""
        return self._folder / _digest(address.encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
