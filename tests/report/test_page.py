"""The page works in a real browser: headless Chromium."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from double_booked.api.scheduling_pb2 import ConflictList, Event, EventList
from double_booked.conflicts import kernel
from double_booked.report import html
from double_booked.view.conflict_report import SourceLocation, build_report
from double_booked.view.coverage import Coverage
from view.reports import event

HOSTILE = "<img src=x onerror='window.harmed=1'></script><script>window.harmed=1</script>"
TIME_TO_DRAW = 1_000
"""Milliseconds that an action may take with 5,000 events; about 100 were measured."""


OFFICE = [
    event(9, 10, "Stand-up", "lab"),
    event(9, 11, "Planning", "hall"),
    event(10, 12, "Interview", "hall", "lab"),
    event(13, 14, HOSTILE, "lab"),
    event(58, 60, "Review", "lab"),
    event(59, 61, "Demo", "lab"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1280,800", "--lang=en"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Debian's paths; without them, selenium would download a driver.
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@pytest.fixture
def shown(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Yield a browser with the page of an office; the test fails if the page logs an error."""
    show(browser, tmp_path, OFFICE)
    yield browser
    assert browser.get_log("browser") == []


def show(browser: webdriver.Chrome, folder: Path, events: list[Event]) -> None:
    request = EventList(events=events)
    request.options.explain = True
    answer = kernel.get_conflicts(request.SerializeToString())
    conflicts = ConflictList.FromString(answer.content)
    report = build_report(
        conflicts, request, lambda position: SourceLocation("team.ics", position + 1)
    )
    page = folder / "page.html"
    page.write_text(html.render(report, Coverage("check", 0, UTC, ["office.json"])), "utf-8")
    browser.get(page.as_uri())


def one(browser: webdriver.Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def texts(browser: webdriver.Chrome, selector: str) -> list[str]:
    return [element.text for element in browser.find_elements(By.CSS_SELECTOR, selector)]


def events_drawn(browser: webdriver.Chrome) -> list[str]:
    drawn = browser.find_elements(By.CLASS_NAME, "event")
    return [(element.get_attribute("aria-label") or "").split(",")[0] for element in drawn]


def press(browser: webdriver.Chrome, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def choose(browser: webdriver.Chrome, name: str, option: str) -> None:
    """Select an option of a list with the keyboard."""
    one(browser, f"#{name}").send_keys(option)


def test_each_resource_has_a_row_with_lanes_for_overlapping_events(
    shown: webdriver.Chrome,
) -> None:
    assert texts(shown, ".row h3") == ["hall\n1 overlap", "lab\nno overlap"]
    tops = {box.text: box.location["y"] for box in shown.find_elements(By.CLASS_NAME, "event")}
    assert tops["Planning"] != tops["Stand-up"]
    hall = shown.find_elements(By.CSS_SELECTOR, "[aria-label=hall] .event")
    assert len({box.location["y"] for box in hall}) == 2
    lab = shown.find_elements(By.CSS_SELECTOR, "[aria-label=lab] .event")
    assert len({box.location["y"] for box in lab}) == 1


def test_conflicts_are_marked_only_on_their_resource(shown: webdriver.Chrome) -> None:
    assert texts(shown, "[aria-label=hall] .conflicting") == ["Planning", "Interview"]
    assert texts(shown, "[aria-label=lab] .conflicting") == []
    [band] = shown.find_elements(By.CLASS_NAME, "band")
    conflict = one(shown, "[aria-label=hall] .event:last-child")
    assert abs(band.location["x"] - conflict.location["x"]) <= 1


def test_click_explains_an_event_and_links_to_its_conflicts(shown: webdriver.Chrome) -> None:
    one(shown, "[aria-label=hall] .conflicting").click()
    explanation = one(shown, "#explanation").text
    assert "Planning\nMon 16 Nov 2026, 09:00-11:00\nteam.ics: line 2" in explanation
    assert "Double-booked: hall\nMon 16 Nov 2026, 10:00-11:00: 1h, 2 at once" in explanation
    one(shown, "#explanation button").click()
    assert one(shown, "#explanation h2").text == "Interview"
    assert shown.switch_to.active_element.text == "Interview"


def test_text_of_events_never_becomes_markup(shown: webdriver.Chrome) -> None:
    [hostile] = [
        box for box in shown.find_elements(By.CLASS_NAME, "event") if box.text.startswith("<")
    ]
    hostile.click()
    assert one(shown, "#explanation h2").text == HOSTILE
    assert shown.execute_script("return window.harmed") is None
    assert shown.find_elements(By.TAG_NAME, "img") == []


def test_page_loads_nothing(shown: webdriver.Chrome) -> None:
    assert shown.execute_script("return performance.getEntriesByType('resource').length") == 0
    blocked = shown.execute_async_script(
        "const done = arguments[0];"
        "document.addEventListener('securitypolicyviolation', (event) =>"
        "  done(event.violatedDirective));"
        "fetch('http://127.0.0.1:9/').catch(() => null);"
    )
    assert blocked == "connect-src"
    shown.get_log("browser")  # the expected refusal


def test_text_and_resource_filter_both_views(shown: webdriver.Chrome) -> None:
    one(shown, "#text").send_keys("STAND")
    assert events_drawn(shown) == ["Stand-up"]
    assert one(shown, "#status").text == "1 of 6 events"
    one(shown, "#text").send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.BACKSPACE)
    choose(shown, "resource", "hall")
    assert events_drawn(shown) == ["Planning", "Interview"]
    one(shown, "[value=table]").click()
    assert texts(shown, "#body tr td:nth-child(5)") == ["Planning, Interview"]
    choose(shown, "resource", "lab")
    assert texts(shown, "#body tr td:nth-child(5)") == ["Review, Demo"]


def test_table_lists_every_overlap(shown: webdriver.Chrome) -> None:
    one(shown, "[value=table]").click()
    assert [re.sub(r"\s+", " ", row) for row in texts(shown, "#body tr")] == [
        "Mon 16 Nov 2026, 10:00-11:00 1h hall 2 Planning, Interview",
        "Wed 18 Nov 2026, 11:00-12:00 1h lab 2 Review, Demo",
    ]
    assert not one(shown, "#timeline").is_displayed()


def test_buttons_go_to_the_next_conflict_and_to_other_days(shown: webdriver.Chrome) -> None:
    assert one(shown, "#range").text == "Mon 16 Nov 2026"
    assert not one(shown, "#previous").is_enabled()
    one(shown, "#next").click()
    assert one(shown, "#range").text == "Wed 18 Nov 2026"
    assert events_drawn(shown) == ["Review", "Demo"]
    one(shown, "#earlier").click()
    assert one(shown, "#range").text == "Tue 17 Nov 2026"
    assert "Nothing to show here." in one(shown, "#rows").text
    choose(shown, "scale", "everything")
    assert len(events_drawn(shown)) == 7  # one of six is on two resources


def test_keyboard_reaches_and_explains_every_event(shown: webdriver.Chrome) -> None:
    one(shown, "#scale").send_keys(Keys.TAB)
    assert shown.switch_to.active_element.text == "Planning"
    press(shown, Keys.ARROW_DOWN)
    assert shown.switch_to.active_element.text == "Stand-up"
    press(shown, Keys.END, Keys.ARROW_LEFT, Keys.HOME, Keys.ARROW_RIGHT, Keys.ENTER)
    assert one(shown, "#explanation h2").text == "Interview"
    press(shown, Keys.TAB)
    assert shown.switch_to.active_element.text.startswith("Planning")


def test_every_control_has_an_accessible_name(
    shown: webdriver.Chrome,
) -> None:
    nodes = shown.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            role, name = node["role"]["value"], node.get("name", {}).get("value", "")
            named.setdefault(role, []).append(name)
    for role in ("button", "searchbox", "combobox", "checkbox", "radio", "region", "search"):
        assert named[role], role
        assert all(named[role]), role
    assert "Planning, Mon 16 Nov 2026, 09:00-11:00, double-booked" in named["button"]
    assert "Stand-up, Mon 16 Nov 2026, 09:00-10:00, no conflict" in named["button"]


CONTRAST = """
const channel = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const luminance = (colour) => {
  const [red, green, blue] = colour.match(/[\\d.]+/g).map((part) => channel(part / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
return [["body", "body"], [".event", ".event"], [".event.conflicting", ".event.conflicting"],
  ["#zone", "body"], ["#status", "form"], ["#explanation h3", "#explanation"],
].map(([text, paper]) => {
  const colours = [getComputedStyle(document.querySelector(text)).color,
    getComputedStyle(document.querySelector(paper)).backgroundColor].map(luminance).sort();
  return (Math.max(...colours) + 0.05) / (Math.min(...colours) + 0.05);
});
"""


def emulate(browser: webdriver.Chrome, **media: Any) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_light_and_dark(shown: webdriver.Chrome, scheme: str) -> None:
    """The contrast is at least 4.5 (WCAG 2.2, success criterion 1.4.3)."""
    emulate(shown, features=[{"name": "prefers-color-scheme", "value": scheme}])
    one(shown, ".conflicting").click()
    paper = shown.execute_script("return getComputedStyle(document.body).backgroundColor")
    contrasts = shown.execute_script(CONTRAST)
    emulate(shown, features=[])
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 31)"}[scheme]
    assert min(contrasts) >= 4.5


def test_printed_page_has_timeline_and_table_without_controls(
    shown: webdriver.Chrome,
) -> None:
    pdf = shown.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert base64.b64decode(pdf).startswith(b"%PDF")
    emulate(shown, media="print")
    displayed = {name: one(shown, name).is_displayed() for name in ("#rows", "#table", "#filter")}
    rows = texts(shown, "#body tr")
    emulate(shown, media="")
    assert displayed == {"#rows": True, "#table": True, "#filter": False}
    assert len(rows) == 2


def test_narrow_window_scrolls_only_vertically(shown: webdriver.Chrome) -> None:
    shown.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": False},
    )
    one(shown, ".conflicting").click()
    width = shown.execute_script("return document.documentElement.scrollWidth")
    shown.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= 360


TIMED = """
const done = arguments[0];
const took = async (act) => {
  const begin = performance.now();
  act();
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  return performance.now() - begin;
};
const change = (id, value, type) => took(() => {
  find(id).value = value;
  find(id).dispatchEvent(new Event(type, { bubbles: true }));
});
(async () => done({
  everything: await change("scale", "0", "change"),
  text: await change("text", "meeting 1", "input"),
  all: await change("text", "", "input"),
  table: await took(() => document.querySelector("[value=table]").click()),
  timeline: await took(() => document.querySelector("[value=timeline]").click()),
  click: await took(() => document.querySelector(".event").click()),
  key: await took(() => document.querySelector(".event").dispatchEvent(
    new KeyboardEvent("keydown", { key: "End", bubbles: true }))),
}))();
"""


@pytest.mark.parametrize("resources", [1, 100])
def test_every_action_is_quick_with_five_thousand_events(
    browser: webdriver.Chrome,
    tmp_path: Path,
    resources: int,
    record_property: Any,
) -> None:
    events = [
        event(number * 0.05, number * 0.05 + 1, f"Meeting {number}", f"room {number % resources}")
        for number in range(5_000)
    ]
    show(browser, tmp_path, events)
    times = browser.execute_async_script(TIMED)
    record_property("milliseconds", json.dumps(times))
    print({action: round(time) for action, time in times.items()})  # noqa: T201 - shown by -rP
    assert len(browser.find_elements(By.CLASS_NAME, "event")) == 5_000
    assert max(times.values()) < TIME_TO_DRAW
