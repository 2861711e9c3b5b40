"""Test that the committed API is generated from proto/."""

import subprocess
import sys
from filecmp import cmpfiles
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "service/double_booked/api"


def test_the_committed_api_matches_the_proto(tmp_path: Path) -> None:
    generate = ROOT / "tools/generate_api.py"
    subprocess.run([sys.executable, generate, tmp_path], check=True, capture_output=True)
    generated = tmp_path / "double_booked/api"
    names = {path.name for path in generated.iterdir()}
    committed = {path.name for path in COMMITTED.glob("*_pb2*")}
    assert names == committed
    assert set(cmpfiles(generated, COMMITTED, names, shallow=False)[0]) == names
