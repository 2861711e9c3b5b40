import { count, find, fromTo, listed, make, makeButton, narrow } from "./dom.js";
import {
  conflictsShown,
  folder,
  INFINITY,
  nameOf,
  overlapsOf,
  state,
  timesOf,
  view,
} from "./model.js";
import { clock, dayAt, dayName, daysText } from "./times.js";

const MOST_BARS = 366;

// Pixels, to keep the chips in one line without measuring them.
const SEARCH_WIDTH = 300;
const MORE_WIDTH = 150;
const CHIP_WIDTH = 50;
const WIDTH_OF_LETTER = 8;

export function drawHeader(): void {
  const { calendars, events, left_out: leftOut = 0, summary } = view;
  document.title = summary;
  find("summary").textContent = summary;
  const facts = [
    periodText(),
    `${count(events.length + leftOut, "event")}, ${count(calendars.length, "calendar")}`,
    view.zone,
    `made ${dayName(view.made)}, ${clock(view.made - (view.made % 60))}`,
    sourcesText(),
  ];
  find("facts").textContent = facts.filter(Boolean).join(" · ");
  const notes = notesOfEvents(leftOut);
  find("note").textContent = notes.join(" ");
  find("note").hidden = !notes.length;
}

function sourcesText(): string {
  const names = view.sources.map((source) => source.slice(folder.length));
  const where = folder && names.length > 1 ? `${folder.slice(0, -1)}: ` : folder;
  return names.length ? `from ${where}${listed(names, 2)}` : "";
}

function periodText(): string {
  const { window: asked, days } = view;
  if (asked) return daysText({ start: asked[0], end: asked[1] });
  const last = days.at(-1);
  return last ? daysText({ start: days[0].start, end: last.end }) : "";
}

function notesOfEvents(leftOut: number): string[] {
  const { events, outside } = view;
  const notes: string[] = [];
  if (view.live?.error) notes.push(`Not up to date: ${view.live.error}.`);
  // Without events, the summary has this and how to see them.
  if (outside && events.length) {
    const days = fromTo(outside.first, outside.last);
    notes.push(`${count(outside.events, "event")} outside of this time (${days}).`);
  }
  if (leftOut) notes.push(`${count(leftOut, "event")} without a conflict not shown.`);
  return notes;
}

// The overview has a bar a day under a slider: one target for pointer and keyboard.

function countConflicts(): number[] {
  const byDay = view.days.map(() => 0);
  for (const { start, end } of conflictsShown().flatMap(overlapsOf)) {
    let day = dayAt(start);
    do byDay[day] += 1;
    while (++day < byDay.length && view.days[day].start < end);
  }
  return byDay;
}

const highest = (numbers: number[]) => Math.max(0, ...numbers);
const share = (number: number, most: number, percent: number, least: number) =>
  `${number && Math.max(least, (percent * number) / most)}%`;

export function drawOverview(): void {
  const { days } = view;
  const byDay = countConflicts();
  const events = days.map((day) => day.events);
  const group = Math.ceil(days.length / MOST_BARS);
  const bars = days.flatMap((_, first) => {
    if (first % group) return [];
    const bar = make("i");
    const [conflicting, all] = [byDay, events].map((numbers) =>
      highest(numbers.slice(first, first + group)),
    );
    bar.style.setProperty("--conflicts", share(conflicting, highest(byDay), 100, 12));
    bar.style.setProperty("--events", share(all, highest(events), 60, 6));
    return [bar];
  });
  find("bars").replaceChildren(...bars);
  find("overview").hidden = days.length < 2;
  const [first, last] = find("ends").children;
  first.textContent = days[0]?.label ?? "";
  last.textContent = days.at(-1)?.label ?? "";
  fitOverview();
}

/** Align the thumb of the slider with the bars. */
export function fitOverview(): void {
  const { length } = view.days;
  const width = find("overview").clientWidth;
  const thumb = Math.max(24, width / length);
  find("bars").classList.toggle("dense", width < 4 * length);
  find("overview").style.setProperty("--thumb", `${thumb}px`);
  find("bars").style.margin = `0 ${(thumb - (width - thumb) / Math.max(1, length - 1)) / 2}px`;
}

// Chips show one calendar, or all.

export function drawChips(filter: () => void): void {
  const byCalendar = view.calendars.map(() => 0);
  for (const conflict of view.conflicts) byCalendar[conflict.calendar] += timesOf(conflict);
  const order = [...byCalendar.keys()].sort((one, other) => byCalendar[other] - byCalendar[one]);
  let room = state.areAllChipsShown ? INFINITY : find("filter").clientWidth;
  if (!narrow.matches) room -= SEARCH_WIDTH;
  const shown = order.filter((calendar) => {
    room -= WIDTH_OF_LETTER * nameOf(calendar).length + CHIP_WIDTH;
    return room > MORE_WIDTH || view.calendars[calendar].name === state.calendar;
  });
  const all = byCalendar.reduce((sum, number) => sum + number, 0);
  const chips = [
    makeChip("all", all, null, filter),
    ...shown.map((calendar) =>
      makeChip(nameOf(calendar), byCalendar[calendar], view.calendars[calendar].name, filter),
    ),
  ];
  if (shown.length < order.length) {
    const showAll = () => {
      state.areAllChipsShown = true;
      drawChips(filter);
    };
    chips.push(makeButton(`${order.length - shown.length} more`, showAll));
  }
  find("chips").replaceChildren(...chips);
  find("chips").hidden = order.length < 2;
}

function makeChip(text: string, conflicts: number, calendar: string | null, filter: () => void) {
  const chip = makeButton(conflicts ? `${text} ${conflicts}` : text, () => {
    state.calendar = calendar;
    filter();
  });
  chip.ariaPressed = String(state.calendar === calendar);
  return chip;
}
