// Where things of the day are drawn, in pixels. Nothing here touches the page.

import { narrow } from "./dom.js";
import { type Entry, INFINITY, type Span, touches } from "./model.js";
import { HOUR, tickLabel } from "./times.js";
import type { Day, Instant, Seconds } from "./view.js";

export const LANE = 26; // a target of 24 pixels (WCAG 2.2, 2.5.8) and a gap
const NARROWEST = 24;
const LONGEST_LABEL = 280;
const LETTERS = 24; // of a longer name, at least so many are shown

export interface Axis {
  width: number;
  ticks: { x: number; label: string }[];
  x(instant: Instant): number;
}

export interface Box {
  entry: Entry;
  lane: number;
  from: number;
  to: number;
  bar: number;
  barEnd: number;
  tailEnd: number;
  label: number;
  labelWidth: number;
  /** How many lanes it takes: a second one for a name below the bar. */
  lanes: number;
}

interface Hours {
  from: Seconds;
  to: Seconds;
}

/** Return the hours of a day in which anything starts or ends, and one more on both sides. */
export function hoursOf(days: Day[], shown: Entry[]): Hours {
  let [from, to] = [INFINITY, 0];
  for (const day of days) {
    for (const entry of shown) {
      if (entry.isAllDay || !touches(entry, day.start, day.end)) continue;
      const start = Math.max(entry.start, day.start);
      const end = Math.min(entry.end, day.end);
      if (start === day.start && end === day.end) continue;
      from = Math.min(from, start - day.start);
      to = Math.max(to, end - day.start);
    }
  }
  if (from > to) return { from: 0, to: Math.max(...days.map((day) => day.end - day.start)) };
  return {
    from: Math.max(0, Math.floor(from / HOUR) - 1) * HOUR,
    to: (Math.ceil(to / HOUR) + 1) * HOUR,
  };
}

/** Return an axis on which each day has a column of the same hours. */
export function makeAxis(days: Day[], hours: Hours, width: number): Axis {
  const each = width / days.length;
  const columns = days.map(({ start, end }, number) => ({
    from: start + hours.from,
    to: Math.max(Math.min(start + hours.to, end), start + hours.from + 1),
    left: number * each,
  }));
  const x = (instant: Instant) => {
    const { from, to, left } = columns.findLast((column) => column.from <= instant) ?? columns[0];
    return left + each * Math.min(1, Math.max(0, (instant - from) / (to - from)));
  };
  const ticks =
    days.length > 1
      ? days.map(({ label }, number) => ({ x: number * each, label: shortDay(label) }))
      : hourTicks(columns[0], x, width, days[0].zone.includes("/") ? 80 : 50);
  return { width, ticks, x };
}

const shortDay = (label: string) => label.split(" ", 2).join(" ");

function hourTicks({ from, to }: Hours, x: Axis["x"], width: number, room: number) {
  const step = Math.ceil((room * (to - from)) / HOUR / width) * HOUR;
  const ticks = [];
  for (let time = from; x(time) < width - room + 14; time += step) {
    ticks.push({ x: x(time), label: tickLabel(time) });
  }
  return ticks;
}

// The bold font of .event in page.css.
const labelFont = () => `600 ${narrow.matches ? 12 : 13}px system-ui, sans-serif`;
const measured = new Map<string, number>();
const canvas = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;

function labelWidth(name: string): number {
  const key = `${narrow.matches} ${name}`;
  let width = measured.get(key);
  if (width === undefined) {
    canvas.font = labelFont();
    width = Math.ceil(canvas.measureText(name).width) + 4;
    measured.set(key, width);
  }
  return width;
}

/** Place a name in its bar, right of it, left of it, or below it: where there is room for it. */
function placeLabel(bar: number, barEnd: number, tailEnd: number, name: string, width: number) {
  const full = labelWidth(name);
  const least = Math.min(full, labelWidth(`${name.slice(0, LETTERS)}…`));
  const labelled = Math.min(full, Math.max(least, LONGEST_LABEL), width);
  const room = labelled + 4;
  const place = (from: number, to: number, label: number, lanes = 1, width = labelled) => ({
    from,
    to,
    label,
    lanes,
    labelWidth: width,
  });
  const inside = barEnd - bar - 8;
  if (inside >= labelled) return place(bar, tailEnd, bar + 4, 1, Math.min(full, inside));
  if (tailEnd + room <= width) return place(bar, tailEnd + room, tailEnd + 4);
  if (bar >= room) return place(bar - room, tailEnd, bar - room);
  if (inside >= least) return place(bar, tailEnd, bar + 4, 1, inside);
  const from = Math.min(bar, width - labelled);
  return place(from, Math.max(tailEnd, from + labelled), from, 2);
}

export const lanesOf = (boxes: Box[]) =>
  Math.max(0, ...boxes.map(({ lane, lanes }) => lane + lanes));

/** Put events into lanes by what is drawn, name included: nothing covers anything else. */
export function pack(shown: Entry[], axis: Axis, gap: Seconds): Box[] {
  const ends: number[] = [];
  return shown.map((entry) => {
    const bar = Math.min(axis.x(entry.start), axis.width - 5);
    const barEnd = Math.max(bar + 5, axis.x(entry.end));
    const tailEnd = gap ? Math.max(barEnd, axis.x(entry.end + gap)) : barEnd;
    const box = placeLabel(bar, barEnd, tailEnd, entry.name, axis.width);
    const from = Math.max(0, Math.min(box.from, axis.width - NARROWEST));
    const to = Math.max(box.to, from + NARROWEST);
    let lane = 0;
    while (ends.slice(lane, lane + box.lanes).some((end) => end + 4 > from)) lane++;
    for (let taken = lane; taken < lane + box.lanes; taken++) ends[taken] = to;
    return { ...box, entry, lane, from, to, bar, barEnd, tailEnd };
  });
}

/** Return spans in order, those that touch as one: a band each could be thousands of elements. */
export function merge(spans: Span[]): Span[] {
  const bands: Span[] = [];
  for (const { start, end } of spans.sort((one, other) => one.start - other.start)) {
    const last = bands.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else bands.push({ start, end });
  }
  return bands;
}

/** Return how many events are present at once, in steps. */
export function loadOf(shown: Entry[]): (Span & { depth: number })[] {
  const changes = shown
    .flatMap(({ start, end }) => [
      [start, 1],
      [end, -1],
    ])
    .sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  let depth = 0;
  return changes.flatMap(([start, change], index) => {
    depth += change;
    const end = changes[index + 1]?.[0] ?? start;
    return depth && end > start ? [{ start, end, depth }] : [];
  });
}
