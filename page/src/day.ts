import { cardOf } from "./cards.js";
import { find, findAll, fromTo, keepFocus, make, narrow, place } from "./dom.js";
import { type Axis, hoursOf, makeAxis } from "./layout.js";
import { fill, replace } from "./lazy.js";
import {
  type Entry,
  entries,
  INFINITY,
  isConflicting,
  isFiltered,
  isFound,
  isFoundOn,
  isShown,
  query,
  state,
  touches,
  view,
} from "./model.js";
import { entryOf, makeRow } from "./rows.js";
import { dayAt, local } from "./times.js";
import type { Day } from "./view.js";

export function daysShown(): Day[] {
  if (!state.isWeek) return view.days.slice(state.day, state.day + 1);
  const monday = state.day - ((local(view.days[state.day].start).getUTCDay() + 6) % 7);
  return view.days.slice(Math.max(0, monday), monday + 7);
}

function spanShown() {
  const days = daysShown();
  return { start: days[0].start, end: days[days.length - 1].end };
}

export function drawDay(): void {
  find("details").hidePopover(); // its event is replaced
  keepFocus(draw);
}

function draw(): void {
  find("day").hidden = !view.days.length;
  if (!view.days.length) return;
  const span = spanShown();
  const shown = entries.filter((entry) => touches(entry, span.start, span.end) && isFound(entry));
  drawTitle();
  placeDay();
  const axis = makeAxis(daysShown(), hoursOf(daysShown(), shown), find("axis").clientWidth);
  drawAxis(axis);
  const byCalendar = view.calendars.map((): Entry[] => []);
  for (const entry of shown) {
    for (const calendar of entry.calendars) {
      if (isFoundOn(entry, calendar)) byCalendar[calendar].push(entry);
    }
  }
  const rows = orderRows(byCalendar).map((calendar) =>
    makeRow(calendar, byCalendar[calendar], axis, span),
  );
  replace(find("rows"), rows.length ? rows : [make("p", "No events.")], 10);
  makeReachable();
}

function drawTitle(): void {
  const days = daysShown();
  const label = fromTo(days.map((day) => day.label));
  const zones = [...new Set(days.flatMap((day) => day.zone.split("/")))].join("/");
  const title = `${label} (${zones})`;
  // Screen readers read it whenever it is set.
  if (find("title").textContent !== title) find("title").textContent = title;
  find("when").max = view.days.length - 1;
  find("when").value = state.day;
  find("when").ariaValueText = label;
  find("earlier").ariaDisabled = neighbourDay(-1) < 0;
  find("later").ariaDisabled = neighbourDay(1) < 0;
  for (const id of ["earlier", "later", "week"]) find(id).hidden = view.days.length < 2;
  find("week").ariaPressed = String(state.isWeek);
  find("parts").classList.toggle("wide", state.isWeek || !view.conflicts.length);
}

/** Show the day beside the cards; in a narrow window in the card that was opened, or above. */
function placeDay(): void {
  const [day, parts, card] = [find("day"), find("parts"), cardOf(state.chosen)];
  const isInCard = narrow.matches && state.dayIn === "card" && card;
  if (isInCard) card.append(day);
  else if (narrow.matches && state.dayIn === "above") parts.prepend(day);
  else if (parts.lastElementChild !== day) parts.append(day);
}

function drawAxis(axis: Axis): void {
  const labels = axis.ticks.map(({ x, label }) => place(make("span", label), { left: x }));
  find("axis").replaceChildren(...labels);
}

/** Return the calendars of the rows: that of the chosen conflict, then by conflicting events. */
function orderRows(byCalendar: Entry[][]): number[] {
  const areFreeShown = view.kind === "bookings" && !query();
  const rank = byCalendar.map((shown, calendar) =>
    calendar === state.chosen?.calendar
      ? INFINITY
      : shown.filter((entry) => isConflicting(entry, calendar)).length,
  );
  return [...byCalendar.keys()]
    .filter((calendar) => isShown(calendar) && (areFreeShown || byCalendar[calendar].length))
    .sort((one, other) => rank[other] - rank[one] || one - other);
}

/** Return the next day in a direction, or -1; of a filter, the next that an event touches. */
export function neighbourDay(direction: 1 | -1): number {
  const { start, end } = spanShown();
  const found = entries.filter(isFound);
  const isNext = (day: Day) =>
    !isFiltered() || found.some((entry) => touches(entry, day.start, day.end));
  return direction < 0
    ? view.days.findLastIndex((day) => day.end <= start && isNext(day))
    : view.days.findIndex((day) => day.start >= end && isNext(day));
}

/** Show a day with an event that is found, unless one is shown already. */
export function showFound(): void {
  const { start, end } = spanShown();
  const found = entries.filter(isFound);
  if (found.length && !found.some((entry) => touches(entry, start, end))) {
    state.day = dayAt(found[0].start);
  }
}

// Keyboard: the rows are one tab stop; arrow keys move within them

const buttons = () => findAll(".event");

function makeReachable(): void {
  const all = buttons();
  const stop = all.find((button) => button.classList.contains("chosen")) ?? all[0];
  if (stop && !all.some((button) => button.tabIndex === 0)) stop.tabIndex = 0;
}

function neighbour(button: HTMLElement, key: string): HTMLElement | undefined {
  const all = buttons();
  const at = all.indexOf(button);
  const near: Record<string, HTMLElement | undefined> = {
    Home: all[0],
    End: all.at(-1),
    ArrowRight: all[at + 1],
    ArrowLeft: all[at - 1],
  };
  if (key in near) return near[key];
  const row = button.closest(".row");
  const other = key === "ArrowDown" ? row?.nextElementSibling : row?.previousElementSibling;
  if (!other) return;
  fill(other);
  const startOf = (one: Element) => entryOf(one)?.start ?? 0;
  const distance = (one: Element) => Math.abs(startOf(one) - startOf(button));
  return findAll(".event", other).sort((a, b) => distance(a) - distance(b))[0];
}

export function moveInRows(press: KeyboardEvent): void {
  const button = (press.target as Element).closest<HTMLElement>(".event");
  if (!button || !/^(Arrow|Home$|End$)/.test(press.key)) return;
  press.preventDefault();
  press.stopPropagation();
  const next = neighbour(button, press.key);
  if (!next) return;
  button.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
