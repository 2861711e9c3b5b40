"""The page contains its data safely; test_page.py tests it in a browser."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from double_booked.report import html
from double_booked.view.coverage import Coverage, Live
from view.reports import event, report_of

COVERAGE = Coverage("check", 0, UTC, ["a.ics"])


def data_of(page: str) -> Any:
    [data] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page)
    return json.loads(data)


@pytest.mark.parametrize("hostile", ["</script><b>", "<!--<script>", "]]>&lt;'\"", "$data"])
def test_text_of_an_event_never_becomes_markup(hostile: str) -> None:
    page = html.render(
        report_of(event(9, 10, hostile, hostile), event(9, 10, hostile, hostile)), COVERAGE
    )
    assert page.count("</script>") == 2
    assert "<b>" not in page
    assert page.count("<!--") == 0
    assert data_of(page)["names"] == [hostile]


def test_policy_allows_only_the_pages_own_style_and_script() -> None:
    page = html.render(report_of(), COVERAGE)
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)
    allowed = dict(directive.split(" ", 1) for directive in policy.split("; "))
    for name, element in [("style-src", "style"), ("script-src", "script")]:
        [content] = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert allowed.pop(name) == f"'sha256-{digest}'"
    assert set(allowed.values()) == {"'none'"}
    assert "://" not in page


def test_page_of_a_server_may_connect_to_it_and_nowhere_else() -> None:
    page = html.render(report_of(), replace(COVERAGE, live=Live(15)))
    assert "; connect-src 'self'; " in page
