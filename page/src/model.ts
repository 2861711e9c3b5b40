import { find } from "./dom.js";
import type { Conflict, Instant, View } from "./view.js";

export interface Entry {
  name: string;
  start: Instant;
  end: Instant;
  calendars: number[];
  place: string;
  isAllDay: boolean;
  isTentative: boolean;
  conflicts: Conflict[];
  /** What a search looks for, beside the name of the calendar. */
  searched: string;
}

export interface Span {
  start: Instant;
  end: Instant;
}

export const INFINITY = Number.POSITIVE_INFINITY;

export let view: View;
export let entries: Entry[] = [];

export const state = {
  /** Index of the day shown. */
  day: 0,
  isWeek: false,
  /** Name of the only calendar shown. */
  calendar: null as string | null,
  chosen: null as Conflict | null,
  /** Start and end of the range of days whose conflicts are shown, as the address has them. */
  days: "",
  /** Where a narrow window shows the day: in the chosen card, or above or below the cards. */
  dayIn: "below" as "card" | "above" | "below",
};

export function setView(next: View): void {
  view = next;
  entries = view.events.map(unpack);
  for (const conflict of view.conflicts) {
    for (const index of (conflict.repeats?.members ?? [conflict.members]).flat()) {
      entries[index].conflicts.push(conflict);
    }
  }
}

function unpack([name, start, length, calendars, source, line, flags, field]: View["events"][0]) {
  const file = view.sources[source].slice(view.folder?.length);
  const place = file + (line ? `:${line}` : "") + (field ? `: ${field}` : "");
  return {
    name: view.names[name],
    start,
    end: start + length,
    calendars,
    place,
    isAllDay: (flags & 1) > 0,
    isTentative: (flags & 2) > 0,
    conflicts: [],
    searched: `${view.names[name]}\n${place}`.toLowerCase(),
  };
}

export const nameOf = (calendar: number) => view.calendars[calendar].name || "no resource";
export const timesOf = (conflict: Conflict) => conflict.repeats?.times ?? 1;

/** Return the overlaps of a conflict, and of all its repeats. */
export function overlapsOf({ overlaps, repeats }: Conflict): Span[] {
  const starts = repeats?.starts ?? [0];
  return starts.flatMap((from) =>
    overlaps.map(([first, length]) => {
      const start = first + from - starts[0];
      return { start, end: start + length };
    }),
  );
}

export const touches = ({ start, end }: Span, from: Instant, to: Instant) =>
  start < to && (end > from || (start === end && start >= from));

/** Return the test whether a span has some of a range of days, as the address has them. */
export const isIn = (days: string) => (span: Span) =>
  !days || touches(span, ...(days.split(",").map(Number) as [Instant, Instant]));

export const isInRange = (span: Span) => isIn(state.days)(span);

/** Return how many times a conflict occurs in the range of days. */
export const timesShown = (conflict: Conflict) =>
  Math.ceil(overlapsOf(conflict).filter(isInRange).length / conflict.overlaps.length);

export const isConflicting = (entry: Entry, calendar: number) =>
  entry.conflicts.some((conflict) => conflict.calendar === calendar);

export const query = (): string => find("text").value.trim().toLowerCase();

export const isFiltered = () => query() !== "" || state.calendar !== null;

export const isShown = (calendar: number) =>
  state.calendar === null || view.calendars[calendar].name === state.calendar;

/** Return whether the filters show an event in the row and the cards of a calendar. */
export function isFoundOn(entry: Entry, calendar: number): boolean {
  const searched = `${entry.searched}\n${nameOf(calendar).toLowerCase()}`;
  return isShown(calendar) && searched.includes(query());
}

export const isFound = (entry: Entry) =>
  entry.calendars.some((calendar) => isFoundOn(entry, calendar));

/** Return the conflicts that the filters show, also those outside of the range of days. */
export const conflictsFound = () =>
  view.conflicts.filter(({ calendar, members }) =>
    members.some((index) => isFoundOn(entries[index], calendar)),
  );
