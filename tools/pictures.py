"""Take the picture of the HTML page, docs/report.png: `pictures.py`. Needs Chromium."""

import base64
import hashlib
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium import webdriver

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "report.png"
PAGE = ROOT / "service" / "double_booked" / "report" / "page"

MADE = 1_794_817_800
"""Seconds since 1970 of the time that the picture shows as that of making: it must not change."""

AFTER_HEADER = 33
"""Bytes of the signature and the header of a PNG file (W3C PNG, 5.2 and 11.2.1)."""


def main() -> None:
    """Write the picture."""
    with TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(render(), "utf-8")
        picture = photograph(page)
    PICTURE.write_bytes(mark(picture, digest()))


def render() -> str:
    """Return the page of the team's week."""
    command = [sys.executable, "-m", "double_booked", "check", "examples/team", "--exit-zero"]
    week = ["--from=2026-11-16", "--to=2026-11-21", "--timezone=Europe/Berlin"]
    done = subprocess.run(
        [*command, *week, "--suggest=2", "--format=html"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return re.sub(r'"made":\d+', f'"made":{MADE}', done.stdout)


def photograph(page: Path) -> bytes:
    """Return a screenshot of a page as PNG."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--lang=en"):
        options.add_argument(argument)
    # Debian's paths; without them, selenium would download a driver.
    options.binary_location = "/usr/bin/chromium"
    browser = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        size = {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(page.as_uri())
        picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        return base64.b64decode(picture["data"])
    finally:
        browser.quit()


def digest() -> str:
    """Return the digest of what draws the page."""
    parts = [path.read_bytes() for path in sorted(PAGE.iterdir()) if path.is_file()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def mark(picture: bytes, source: str) -> bytes:
    """Write the digest into a PNG file, as the text "Source"."""
    content = b"tEXtSource\0" + source.encode()
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return picture[:AFTER_HEADER] + chunk + picture[AFTER_HEADER:]


if __name__ == "__main__":
    main()
