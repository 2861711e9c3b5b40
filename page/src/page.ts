import { cardOf, cards, conflictOf, drawCards, hashOf, markChosen, movesOf } from "./cards.js";
import { drawDay, moveInRows, neighbourDay, showFound } from "./day.js";
import { count, find, keepFocus, make, makeButton, narrow, notify } from "./dom.js";
import { drawChips, drawHeader, drawOverview } from "./header.js";
import { fill } from "./lazy.js";
import {
  type Entry,
  entries,
  isFiltered,
  isFound,
  isInRange,
  nameOf,
  setView,
  state,
  view,
} from "./model.js";
import { entryOf } from "./rows.js";
import { overlapShown, steps } from "./steps.js";
import { dayAt, timeOf } from "./times.js";
import type { Conflict, Instant, View } from "./view.js";

const CONFLICTS_LINKED = 3;

let etag = "";
let openedKey = "";
let filteredDays = "";
/** The day at which a range of days begins, and how many days away it must at least end. */
let [firstDay, leastDays] = [-1, 0];

function filter(): void {
  if (view.days.length) showFound();
  find("found").textContent = isFiltered() ? count(entries.filter(isFound).length, "event") : "";
  draw();
}

function draw(): void {
  drawOverview();
  drawCards();
  drawDay();
}

/** Draw a view, also one that replaces another: what is chosen, filtered and focused stays. */
function load(next: View): void {
  find("details").hidePopover(); // gives the focus back to its event
  keepFocus(() => drawView(next));
}

function drawView(next: View): void {
  const [isFirst, shown, key] = [!view, view?.days[state.day]?.start, state.chosen?.key];
  setView(next);
  state.chosen = view.conflicts.find((conflict) => conflict.key === key) ?? null;
  if (!view.calendars.some(({ name }) => name === state.calendar)) state.calendar = null;
  state.isWeek = isFirst ? view.kind === "bookings" : state.isWeek;
  if (isFirst) begin();
  else state.day = dayAt(shown ?? 0);
  for (const part of [find("filter"), find("keys")]) part.hidden = !view.events.length;
  drawHeader();
  drawChips(filter);
  draw();
  if (isFirst) followHash();
}

function begin(): void {
  const now = Date.now() / 1_000;
  const isNow = view.kind === "bookings" && now < (view.days.at(-1)?.end ?? 0);
  state.chosen = view.conflicts[0] ?? null;
  state.day = dayAt(isNow ? now : (state.chosen?.overlaps[0][0] ?? entries[0]?.start ?? 0));
}

/** Show that the view is still right, and move the line of now. */
function keep(made: Instant): void {
  if (!view.live?.error) view.made = made;
  drawHeader();
  if (!find("day").contains(document.activeElement)) drawDay();
}

/** Read the view again from the server that keeps it up to date. */
async function poll(): Promise<void> {
  try {
    // Not by the browser's cache: the server lets nothing be stored.
    const response = await fetch("view.json", { headers: { "If-None-Match": etag } });
    if (response.status === 304) keep(Date.parse(response.headers.get("Date") ?? "") / 1_000);
    else if (!response.ok) throw new Error(response.statusText);
    else {
      load(await response.json());
      etag = response.headers.get("ETag") ?? "";
    }
  } catch (error) {
    etag = "";
    view.live = { every: view.live?.every ?? 0, error: String(error) };
    drawHeader();
  }
}

// A conflict and a range of days are chosen by the fragment of the address, so that a link shows
// them again

function followHash(): void {
  const address = new URLSearchParams(location.hash.slice(1));
  showRange(address.get("days") ?? "");
  const key = address.get("conflict");
  if (key === null) return;
  const conflict = view.conflicts.find((one) => one.key === key);
  if (!conflict) {
    state.chosen = null;
    openedKey = "";
    markChosen();
    drawDay();
    notify("The conflict of this link is not here");
  } else if (key !== openedKey) open(conflict);
}

/** Show the conflicts of a range of days. */
function showRange(days: string): void {
  if (days === filteredDays) return;
  filteredDays = state.days = days;
  steps.clear();
  const day = view.days[state.day];
  if (day && !isInRange(day)) state.day = dayAt(Number.parseFloat(days));
  draw();
}

/** Extend the range of days that a pointer or a key has begun, and show the day. */
function slide(): void {
  const day = Number(find("when").value);
  const [first, last] = [day, firstDay].sort((one, other) => one - other);
  if (first >= 0 && (state.days !== filteredDays || last - first > leastDays)) {
    state.days = `${view.days[first].start},${view.days[last].end}`;
    drawOverview();
  }
  state.dayIn = state.days === filteredDays ? "above" : "below";
  goTo(day);
}

/** Begin a range at the day under the pointer; a hand that shakes moves it by some pixels. */
function press({ clientX }: PointerEvent): void {
  const { left, width } = find("bars").getBoundingClientRect();
  const { length } = view.days;
  const day = Math.floor(((clientX - left) / width) * length);
  [firstDay, leastDays] = [Math.min(Math.max(day, 0), length - 1), (4 * length) / width];
}

function choose(conflict: Conflict): void {
  state.chosen = conflict;
  state.dayIn = "card";
  reveal(conflict);
  state.day = dayAt(overlapShown(conflict).start);
  markChosen();
  drawDay();
  const nearest = { block: "nearest" } as const;
  cardOf(conflict)?.scrollIntoView(nearest);
  find("day").scrollTop = 0;
  if (narrow.matches) find("title").scrollIntoView(nearest);
}

/** Draw the card of a conflict, also if a filter hides it. */
function reveal(conflict: Conflict): void {
  if (!cardOf(conflict)) {
    state.calendar = null;
    state.days = "";
    find("text").value = "";
    drawChips(filter);
    filter();
  }
  fill(cardOf(conflict) as Element);
}

function open(conflict: Conflict): void {
  openedKey = conflict.key;
  choose(conflict);
  location.hash = hashOf(conflict);
}

function goTo(day: number): void {
  if (day < 0) return;
  state.day = day;
  drawDay();
}

/** Choose the next or the previous card, and focus it. */
function step(direction: 1 | -1): void {
  const all = cards();
  const at = all.findIndex((card) => conflictOf(card) === state.chosen);
  const conflict = conflictOf(all[at + direction] ?? all[0]);
  if (!conflict) return;
  open(conflict);
  cardOf(conflict)?.querySelector("a")?.focus({ preventScroll: true });
}

// Details of an event

function showDetails(entry: Entry, button: Element): void {
  const details = find("details");
  const name = make("h3", entry.name);
  name.id = "detail-name";
  const conflicts = entry.conflicts.slice(0, CONFLICTS_LINKED).map((conflict) => {
    const link = make("a", `Conflict of ${nameOf(conflict.calendar)}`);
    link.href = hashOf(conflict);
    link.addEventListener("click", (click) => {
      click.preventDefault();
      details.hidePopover();
      open(conflict);
    });
    return link;
  });
  const lines = [timeOf(entry), entry.calendars.map(nameOf).join(", "), entry.place];
  const moves = entry.conflicts.flatMap((conflict) => movesOf(conflict, entry));
  const texts = [...lines, ...new Set(moves)].map((text) => make("p", text));
  const close = makeButton("Close", () => details.hidePopover());
  details.replaceChildren(name, ...texts, ...conflicts, close);
  details.showPopover({ source: button });
}

// What people do

function onKey(press: KeyboardEvent): void {
  const target = press.target as Element;
  if (press.ctrlKey || press.altKey || press.metaKey || target.matches("input")) return;
  const inCards = target === document.body || target.closest("#cards");
  if (press.key === "/") {
    find("text").focus();
    press.preventDefault();
  } else if (press.key === "[") goTo(neighbourDay(-1));
  else if (press.key === "]") goTo(neighbourDay(1));
  else if (inCards && press.key === "j") step(1);
  else if (inCards && press.key === "k") step(-1);
}

function onCard(click: MouseEvent): void {
  const target = click.target as Element;
  const conflict = conflictOf(target.closest(".card"));
  if (!conflict || click.ctrlKey || click.metaKey || target.closest("button:not(.steps *), #day"))
    return;
  click.preventDefault();
  open(conflict);
}

// biome-ignore lint/suspicious/noExplicitAny: the kind of event is that of its name
function on(id: string, kind: string, act: (event: any) => void): void {
  find(id).addEventListener(kind, act);
}

function listen(): void {
  on("filter", "submit", (submit: Event) => submit.preventDefault());
  on("text", "input", filter);
  on("when", "pointerdown", press);
  on("when", "keydown", ({ shiftKey }: KeyboardEvent) => {
    firstDay = shiftKey ? (firstDay < 0 ? state.day : firstDay) : -1;
    leastDays = 0;
  });
  on("when", "input", slide);
  on("when", "change", () => {
    if (state.days !== filteredDays) location.hash = `days=${state.days}`;
  });
  on("clear", "click", () => {
    location.hash = "";
    find("when").focus();
  });
  on("earlier", "click", () => goTo(neighbourDay(-1)));
  on("later", "click", () => goTo(neighbourDay(1)));
  on("week", "click", () => {
    state.isWeek = !state.isWeek;
    drawDay();
  });
  on("cards", "click", onCard);
  on("rows", "click", (click: MouseEvent) => {
    const button = (click.target as Element).closest(".event");
    const entry = entryOf(button);
    if (button && entry) showDetails(entry, button);
  });
  on("rows", "keydown", moveInRows);
  addEventListener("keydown", onKey);
  addEventListener("hashchange", followHash);
  addEventListener("resize", drawDay);
  addEventListener("beforeprint", () => {
    for (const part of [...find("cards").children, ...find("rows").children]) fill(part);
    for (const more of find("cards").querySelectorAll(".members button")) more.click();
  });
}

listen();
load(JSON.parse(find("data").textContent));
if (view.live) setInterval(poll, view.live.every * 1_000);
