"""Conflicts as one HTML page that needs no network and no server."""

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from string import Template

from double_booked.view.conflict_report import ConflictReport
from double_booked.view.coverage import Coverage
from double_booked.view.document import make_view


def render(report: ConflictReport, coverage: Coverage) -> str:
    """Return the page; its data are JSON that its script reads, so no text becomes markup.

    Args:
        report: The events and conflicts.
        coverage: What the report covers.
    """
    style, script = _asset("page.css"), _asset("page.js")
    view = make_view(report, coverage)
    data = json.dumps(view, separators=(",", ":"))
    connections = "'self'" if coverage.live else "'none'"
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        f"connect-src {connections}; base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        # JSON has "<" only in strings. Escaped, no string can end the script element.
        data=data.replace("<", "\\u003c"),
        summary=escape(str(view["summary"])),
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")


def _hash(content: str) -> str:
    """Return the source that allows only this content (Content Security Policy 3, 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
