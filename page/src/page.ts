import { cardOf, cards, conflictOf, drawCards, hashOf, markChosen, movesOf } from "./cards.js";
import { drawDay, moveInRows, neighbourDay, showFound } from "./day.js";
import {
  count,
  find,
  findAll,
  keepFocus,
  make,
  makeButton,
  makeText,
  narrow,
  notify,
} from "./dom.js";
import { drawChips, drawHeader, drawOverview, drawRange } from "./header.js";
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
/** The range of days that is being chosen, its first day, and how far it must at least go. */
let [draft, firstDay, leastDays] = ["", -1, 0];
let width = innerWidth;

function filter(): void {
  showFound();
  draw();
}

function draw(): void {
  const found = entries.filter((entry) => isFound(entry) && isInRange(entry));
  find("found").textContent = isFiltered() ? count(found.length, "event") : "";
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
  if (!view.days.some(isInRange)) state.days = "";
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
  const [first] = view.conflicts;
  // A narrow window has room for the day only in a card that was opened.
  if (!narrow.matches) state.chosen = first ?? null;
  state.day = dayAt(isNow ? now : (first?.overlaps[0][0] ?? entries[0]?.start ?? 0));
}

/** Show when the server last read what the view shows, and move the line of now. */
function keep(made: Instant): void {
  view.made = made;
  drawHeader();
  if (!find("day").contains(document.activeElement)) drawDay();
}

/** Read the view again from the server that keeps it up to date. */
async function poll(): Promise<void> {
  try {
    // Not by the browser's cache: the server lets nothing be stored.
    const response = await fetch("view.json", { headers: { "If-None-Match": etag } });
    const read = Date.parse(response.headers.get("Last-Modified") ?? "") / 1_000;
    if (response.status === 304) keep(read || view.made);
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
  if (days === state.days) return;
  state.days = days;
  const first = view.days.findIndex(isInRange);
  if (first < 0) {
    state.days = "";
    notify("The days of this link are not here");
  } else if (!isInRange(view.days[state.day])) state.day = first;
  steps.clear();
  draw();
}

function beginRange(day: number, least = 0): void {
  [draft, firstDay, leastDays] = ["", day, least];
}

/** Extend the range of days that a pointer or a key has begun, and show the day. */
function slide(): void {
  const day = Number(find("when").value);
  const [first, last] = [day, firstDay].sort((one, other) => one - other);
  if (first >= 0 && (draft || last - first > leastDays)) {
    draft = `${view.days[first].start},${view.days[last].end}`;
    drawRange(draft);
  }
  state.dayIn = draft ? "below" : "above";
  goTo(day);
}

/** Begin a range at the day under the pointer; a hand that shakes moves it by some pixels. */
function press({ clientX }: PointerEvent): void {
  const { left, width } = find("bars").getBoundingClientRect();
  const { length } = view.days;
  const day = Math.floor(((clientX - left) / width) * length);
  beginRange(Math.min(Math.max(day, 0), length - 1), (4 * length) / width);
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

/** Choose the next or the previous card, and focus it; the first follows the last. */
function step(direction: 1 | -1): void {
  const all = cards();
  const at = all.findIndex((card) => conflictOf(card) === state.chosen) + direction;
  const conflict = conflictOf(all.at(Math.max(-1, at) % all.length) ?? null);
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
    link.onclick = (click) => {
      click.preventDefault();
      open(conflict);
    };
    return link;
  });
  const lines = [timeOf(entry), entry.calendars.map(nameOf).join(", "), entry.place];
  const moves = entry.conflicts.flatMap((conflict) => movesOf(conflict, entry));
  const texts = [...lines, ...new Set(moves)].map((text) => makeText("p", text));
  const close = makeButton("Close", () => details.hidePopover());
  details.replaceChildren(name, ...texts, ...conflicts, close);
  details.showPopover({ source: button });
}

// What people do

function onKey(press: KeyboardEvent): void {
  const { key } = press;
  if (press.ctrlKey || press.altKey || press.metaKey || press.target === find("text")) return;
  if (key === "/") {
    find("text").focus();
    press.preventDefault();
  } else if (key === "[") goTo(neighbourDay(-1));
  else if (key === "]") goTo(neighbourDay(1));
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
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
  on("text", "input", filter);
  on("when", "pointerdown", press);
  on("when", "keydown", ({ shiftKey }: KeyboardEvent) => {
    if (!shiftKey || firstDay < 0) beginRange(shiftKey ? state.day : -1);
    leastDays = 0;
  });
  on("when", "input", slide);
  on("when", "change", () => {
    if (draft) location.hash = `days=${draft}`;
  });
  on("clear", "click", () => {
    beginRange(-1);
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
  addEventListener("resize", () => {
    if (width === innerWidth) return; // the bar of a phone's browser comes or goes
    width = innerWidth;
    drawDay();
  });
  narrow.onchange = drawOverview;
  addEventListener("beforeprint", () => {
    findAll(".chunk, .row").forEach(fill);
    for (const more of findAll(".members button")) more.click();
  });
}

listen();
load(JSON.parse(find("data").textContent));
if (view.live) setInterval(poll, view.live.every * 1_000);
