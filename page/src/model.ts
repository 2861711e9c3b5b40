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

export const CARDS_AT_ONCE = 50;
export const INFINITY = Number.POSITIVE_INFINITY;

export let view: View;
export let entries: Entry[] = [];
/** The folder of all sources, with its slash. */
export let folder = "";

export const state = {
  /** Index of the day shown. */
  day: 0,
  isWeek: false,
  /** Name of the only calendar shown. */
  calendar: null as string | null,
  areAllChipsShown: false,
  chosen: null as Conflict | null,
  /** Where a narrow window shows the day: in the chosen card, or above or below the cards. */
  dayIn: "below" as "card" | "above" | "below",
  cards: CARDS_AT_ONCE,
};

export function setView(next: View): void {
  view = next;
  folder = commonFolder(view.sources);
  entries = view.events.map(unpack);
  for (const conflict of view.conflicts) {
    for (const index of (conflict.repeats?.members ?? [conflict.members]).flat()) {
      entries[index].conflicts.push(conflict);
    }
  }
}

function unpack([name, start, length, calendars, source, line, flags, field]: View["events"][0]) {
  const file = view.sources[source].slice(folder.length);
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

function commonFolder([first = "", ...others]: string[]): string {
  let length = first.lastIndexOf("/") + 1;
  while (!others.every((source) => source.startsWith(first.slice(0, length)))) {
    length = first.lastIndexOf("/", length - 2) + 1;
  }
  return first.slice(0, length);
}

export const nameOf = (calendar: number) => view.calendars[calendar].name || "no resource";
export const timesOf = (conflict: Conflict) => conflict.repeats?.times ?? 1;

/** Return the overlaps of a conflict, and of all its repeats. */
export function overlapsOf({ overlaps, repeats }: Conflict): Span[] {
  const starts = repeats?.starts ?? [0];
  return starts.flatMap((from) =>
    overlaps.map(([start, length]) => {
      const shifted = start + from - starts[0];
      return { start: shifted, end: shifted + length };
    }),
  );
}

export const touches = ({ start, end }: Span, from: Instant, to: Instant) =>
  start < to && (end > from || (start === end && start >= from));

export const isConflicting = (entry: Entry, calendar: number) =>
  entry.conflicts.some((conflict) => conflict.calendar === calendar);

export const query = (): string => find("text").value.trim().toLowerCase();

export const isFiltered = () => query() !== "" || state.calendar !== null;

export const isShown = (calendar: number) =>
  state.calendar === null || view.calendars[calendar].name === state.calendar;

export const isFound = (entry: Entry) =>
  entry.calendars.some(isShown) && entry.searched.includes(query());

export function conflictsShown(): Conflict[] {
  const text = query();
  return view.conflicts.filter(
    ({ calendar, members }) =>
      isShown(calendar) && members.some((index) => entries[index].searched.includes(text)),
  );
}
