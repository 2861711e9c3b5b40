// Times are written in the zone of the view. A day of the view has its offsets from UTC; for
// other days the browser's own zones are used.

import { fromTo } from "./dom.js";
import { type Entry, type Span, view } from "./model.js";
import type { Instant, Seconds } from "./view.js";

export const HOUR = 3_600;
const DAY = 86_400;
const UNITS: [Seconds, string][] = [
  [DAY, "d"],
  [HOUR, "h"],
  [60, "m"],
  [1, "s"],
];

export const dayAt = (instant: Instant) =>
  Math.max(
    0,
    view.days.findLastIndex((day) => day.start <= instant),
  );

const dayOf = (instant: Instant) =>
  view.days.findLast(({ start, end }) => start <= instant && instant <= end);

function offsetAt(instant: Instant): Seconds {
  const day = dayOf(instant);
  if (day) {
    return (day.offsets.findLast(([from]) => from <= instant) ?? day.offsets[0])[1];
  }
  return browserOffset(instant) ?? view.days[0]?.offsets[0][1] ?? 0;
}

// Making a formatter takes longer than anything else here; the zone of a page never changes.
let formatter: Intl.DateTimeFormat | undefined;

function browserOffset(instant: Instant): Seconds | null {
  try {
    formatter ??= new Intl.DateTimeFormat("en", {
      timeZone: view.zone.replace(/^UTC(?=[+-])/, ""),
      timeZoneName: "longOffset",
    });
    const text = formatter.format(instant * 1_000); // ends like "GMT+01:00", or with "GMT"
    const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)/.exec(text) ?? ["", "+", "0", "0"];
    return Number(`${sign}1`) * (Number(hours) * HOUR + Number(minutes) * 60);
  } catch {
    return null; // a zone that this browser does not know
  }
}

export const local = (instant: Instant) => new Date((instant + offsetAt(instant)) * 1_000);

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
  offsetAt(instant - HOUR) > offsetAt(instant) || offsetAt(instant) > offsetAt(instant + HOUR);

/** Return the time, with the zone if the clock shows it twice. */
export const tickLabel = (instant: Instant) =>
  clock(instant) + (isRepeated(instant) ? zoneName(instant) : "");

function zoneName(instant: Instant): string {
  const day = dayOf(instant);
  const names = day?.zone.split("/");
  if (day && names?.length === day.offsets.length) {
    return ` ${names[day.offsets.findLastIndex(([from]) => from <= instant)]}`;
  }
  const offset = offsetAt(instant);
  const time = new Date(Math.abs(offset) * 1_000).toISOString().slice(11, 16);
  return ` ${offset < 0 ? "-" : "+"}${time}`;
}

/** Write a span like "09:00-10:30". Its start has the day unless that is `known`. */
export function spanText({ start, end }: Span, known = shortDay(start)): string {
  const first = shortDay(start);
  const last = shortDay(Math.max(start, end - 0.001));
  const isClear = offsetAt(start) === offsetAt(end) && !isRepeated(start) && !isRepeated(end);
  const zone = isClear ? () => "" : zoneName;
  const from = (first === known ? "" : `${first}, `) + clock(start) + zone(start);
  if (start === end) return from;
  const stop = shortDay(end) === last ? clock(end) : "24:00";
  return `${from}-${last === first ? "" : `${last}, `}${stop}${zone(end)}`;
}

export const daysText = ({ start, end }: Span, name = dayName) =>
  fromTo(name(start), name(Math.max(start, end - 1)));

export const timeOf = (entry: Entry, known = "") =>
  entry.isAllDay ? daysText(entry, shortDay) : spanText(entry, known);

export function lengthText(seconds: Seconds): string {
  let rest = seconds;
  const parts = UNITS.map(([unit, name]) => {
    const number = unit === 1 ? Math.round(rest * 1_000) / 1_000 : Math.floor(rest / unit);
    rest -= number * unit;
    return number ? `${number}${name}` : "";
  });
  return parts.join("") || "0s";
}
