"""Measure how long the HTML page takes to load, to scroll and to act, in a real Chromium."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from selenium import webdriver
from tables import show

sys.path.append(str(Path(__file__).parents[1]))

from report.page_samples import check_rows, rows_of_people, rows_of_rooms

CHROMIUM = "/usr/bin/chromium"

SLOWER = 4
"""How many times as slow the processor is made for all but loading."""

PEOPLE = 30

GOALS = {"load": 200, "scroll, 95 % of the frames": 50}
"""Milliseconds; every other action has ANY_ACTION."""

ANY_ACTION = 500

LOADED = "return performance.getEntriesByType('navigation')[0].loadEventEnd"

SCROLL = """
const done = arguments[0];
const times = [];
let last = performance.now();
const step = () => {
  times.push(performance.now() - last);
  last = performance.now();
  scrollBy(0, times.length % 40 < 20 ? 120 : -120);
  if (times.length < 60) requestAnimationFrame(step);
  else done(times.slice(2).sort((one, other) => one - other).at(-4));
};
requestAnimationFrame(step);
"""

ACT = """
const done = arguments[0];
const find = (selector) => document.querySelector(selector);
const took = async (act) => {
  const begin = performance.now();
  act();
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  return performance.now() - begin;
};
const search = (text) => took(() => {
  find("#text").value = text;
  find("#text").dispatchEvent(new Event("input", { bubbles: true }));
});
const click = (selector) => took(() => find(selector).click());
const keyOf = (card) => card.querySelector("a").hash;
(async () => done({
  "search": await search("interview"),
  "clear the search": await search(""),
  "week": await click("#week"),
  "next week": await click("#later"),
  "day": await click("#week"),
  "choose a calendar": await click("#chips label:nth-child(2) input"),
  "all calendars": await click("#chips input"),
  "choose the 30th conflict": await click(".chunk:nth-child(3) .card:last-child a"),
  "show an event": await click(".event"),
  "link to the last conflict": await took(() => {
    location.hash = keyOf(find(".chunk:last-child .card:last-child"));
  }),
}))();
"""


def measure(events: int = 5_000, rooms: int = 200, rounds: int = 5) -> None:
    """Print the median of some rounds, and the lowest, beside the goal, in milliseconds.

    Args:
        events: How many events the first page has, of 30 people in a quarter.
        rooms: How many rooms the second page has, with 8 events each.
        rounds: How many times each page is measured.
    """
    if not Path(CHROMIUM).exists():
        print(f"\nLeft out: the page, because there is no {CHROMIUM}")
        return
    with TemporaryDirectory() as name, open_browser() as browser:
        folder = Path(name)
        quarter, week = ("--from=2026-10-01", "--to=2026-12-31"), ("--from=2026-11-16",)
        pages = {
            f"{events:,} events of {PEOPLE} people": check_rows(
                folder, rows_of_people(PEOPLE, events), *quarter
            ),
            f"{8 * rooms:,} events of {rooms} rooms": check_rows(
                folder, rows_of_rooms(rooms), *week
            ),
        }
        figures = [measure_page(browser, folder, page, rounds) for page in pages.values()]
    rows = [
        (action, *(page[action] for page in figures), GOALS.get(action, ANY_ACTION))
        for action in figures[0]
    ]
    title = f"The page in ms, median (lowest); all but loading at a {SLOWER}th of the speed"
    show(title, ("what", *pages, "goal"), rows)


def measure_page(browser: webdriver.Chrome, folder: Path, page: str, rounds: int) -> dict[str, str]:
    """Return the median and the lowest time of each action."""
    file = folder / "page.html"
    file.write_text(page, "utf-8")
    samples = [measure_once(browser, file) for _ in range(rounds)]
    times = {action: [sample[action] for sample in samples] for action in samples[0]}
    return {action: f"{median(each):.0f} ({min(each):.0f})" for action, each in times.items()}


def measure_once(browser: webdriver.Chrome, file: Path) -> dict[str, float]:
    """Return what each action took, in milliseconds."""
    slow_down(browser, 1)
    browser.get("about:blank")
    browser.get(file.as_uri())
    load = browser.execute_script(LOADED)
    slow_down(browser, SLOWER)
    scroll = browser.execute_async_script(SCROLL)
    return {"load": load, "scroll, 95 % of the frames": scroll} | browser.execute_async_script(ACT)


def slow_down(browser: webdriver.Chrome, times: int) -> None:
    """Make the browser's processor as many times slower."""
    browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": times})


@contextmanager
def open_browser() -> Iterator[webdriver.Chrome]:
    """Yield a browser with a window of 1280 by 800."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1280,800"):
        options.add_argument(argument)
    # Debian's paths; without them, selenium would download a driver.
    options.binary_location = CHROMIUM
    browser = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield browser
    finally:
        browser.quit()
