"""Test that the contract only grows, so that clients of the original keep working."""

import subprocess
import sysconfig
from pathlib import Path

from server.test_service import ORIGINAL

PROTO = Path(__file__).parents[2] / "proto"
BUF = Path(sysconfig.get_path("scripts")) / "buf"


def breaking(before: str, folder: Path) -> str:
    """Return what buf reports in proto/ that breaks clients of an earlier contract."""
    earlier = folder / "double_booked/api/scheduling.proto"
    earlier.parent.mkdir(parents=True)
    earlier.write_text(before)
    command = [BUF, "breaking", PROTO, "--against", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_the_original_contract_is_unchanged(tmp_path: Path) -> None:
    assert breaking(ORIGINAL, tmp_path) == ""


def test_a_breaking_change_is_found(tmp_path: Path) -> None:
    other = ORIGINAL.replace("string title = 2", "int32 title = 2")
    assert 'Field "2" with name "title" on message "Event"' in breaking(other, tmp_path)
