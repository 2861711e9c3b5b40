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
  const searched = [view.names[name], place, ...calendars.map(nameOf)].join("\n").toLowerCase();
  return {
    name: view.names[name],
    start,
    end: start + length,
    calendars,
    place,
    isAllDay: (flags & 1) > 0,
    isTentative: (flags & 2) > 0,
    conflicts: [],
    searched,
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

/** Return whether a span has some of the range of days that was chosen. */
export const isInRange = (span: Span) =>
  !state.days || touches(span, ...(state.days.split(",").map(Number) as [Instant, Instant]));

/** Return how many times a conflict occurs in the range of days. */
export const timesShown = (conflict: Conflict) =>
  Math.ceil(overlapsOf(conflict).filter(isInRange).length / conflict.overlaps.length);

export const isConflicting = (entry: Entry, calendar: number) =>
  entry.conflicts.some((conflict) => conflict.calendar === calendar);

export const query = (): string => find("text").value.trim().toLowerCase();

export const isFiltered = () => query() !== "" || state.calendar !== null;

export const isShown = (calendar: number) =>
  state.calendar === null || view.calendars[calendar].name === state.calendar;

export const isFound = (entry: Entry) =>
  entry.calendars.some(isShown) && entry.searched.includes(query());

/** Return the conflicts that all filters show; the overview also has those on other days. */
export function conflictsShown(isOnAnyDay = false): Conflict[] {
  const text = query();
  return view.conflicts.filter(
    (conflict) =>
      isShown(conflict.calendar) &&
      conflict.members.some((index) => entries[index].searched.includes(text)) &&
      (isOnAnyDay || overlapsOf(conflict).some(isInRange)),
  );
}
