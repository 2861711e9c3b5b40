// Times are written in the zone of the view, which has its offsets from UTC.

import { fromTo } from "./dom.js";
import { type Entry, type Span, view } from "./model.js";
import type { Instant } from "./view.js";

export const HOUR = 3_600;

export const dayAt = (instant: Instant) =>
  Math.max(
    0,
    view.days.findLastIndex((day) => day.start <= instant),
  );

const offsetAt = (instant: Instant) =>
  view.offsets.findLast(([from]) => from <= instant) ?? view.offsets[0];

const eastAt = (instant: Instant) => offsetAt(instant)[1];

export const local = (instant: Instant) => new Date((instant + eastAt(instant)) * 1_000);

export function dayName(instant: Instant): string {
  const [weekday, day, month, year] = local(instant).toUTCString().split(/,? /);
  return `${weekday} ${Number(day)} ${month} ${year}`;
}

/** Write a day without its year if that is the year in which the view was made. */
export const shortDay = (instant: Instant) =>
  dayName(instant).replace(` ${new Date(view.made * 1_000).getUTCFullYear()}`, "");

export function clock(instant: Instant): string {
  const time = local(instant).toISOString().slice(-13, -5);
  return time.endsWith(":00") ? time.slice(0, 5) : time;
}

/** Return whether the clock shows this time twice: it is set back within the hour. */
const isRepeated = (instant: Instant) =>
  eastAt(instant - HOUR) > eastAt(instant) || eastAt(instant) > eastAt(instant + HOUR);

/** Return the time, with the zone if the clock shows it twice. */
export const tickLabel = (instant: Instant) =>
  clock(instant) + (isRepeated(instant) ? zoneName(instant) : "");

const zoneName = (instant: Instant) => ` ${offsetAt(instant)[2]}`;

/** Write a span like "09:00-10:30". Its start has the day unless that is `known`. */
export function spanText({ start, end }: Span, known = shortDay(start)): string {
  const first = shortDay(start);
  const last = shortDay(Math.max(start, end - 0.001));
  const isClear = eastAt(start) === eastAt(end) && !isRepeated(start) && !isRepeated(end);
  const zone = isClear ? () => "" : zoneName;
  const from = (first === known ? "" : `${first}, `) + clock(start) + zone(start);
  if (start === end) return from;
  const stop = shortDay(end) === last ? clock(end) : "24:00";
  return `${from}-${last === first ? "" : `${last}, `}${stop}${zone(end)}`;
}

export const daysText = ({ start, end }: Span) =>
  fromTo([start, Math.max(start, end - 1)].map(shortDay));

export const timeOf = (entry: Entry, known = "") =>
  entry.isAllDay ? daysText(entry) : spanText(entry, known);
