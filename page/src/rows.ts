import { make, place } from "./dom.js";
import { type Axis, type Box, LANE, lanesOf, loadOf, merge, pack } from "./layout.js";
import { fillLater } from "./lazy.js";
import {
  type Entry,
  isConflicting,
  nameOf,
  overlapsOf,
  type Span,
  state,
  touches,
  view,
} from "./model.js";
import { timeOf } from "./times.js";

const LOAD_HEIGHT = 20;
const BAND_LABEL = 16;
const NARROWEST_NAMED = 45;

const entryOfButton = new WeakMap<Element, Entry>();

export const entryOf = (element: Element | null) => element && entryOfButton.get(element);

/** Make the row of a calendar, as high as it will be; fill draws the rest. */
export function makeRow(calendar: number, shown: Entry[], axis: Axis, shownSpan: Span) {
  const { capacity = 1, gap = 0 } = view.calendars[calendar];
  const [whole, others] = [true, false].map((isAllDay) =>
    pack(
      shown.filter((entry) => entry.isAllDay === isAllDay),
      axis,
      gap,
    ),
  );
  const top = whole.length && BAND_LABEL + lanesOf(whole) * LANE + 2;
  const lanes = make("div", "", "lanes");
  const height = top + Math.max(whole.length ? 0 : 1, lanesOf(others)) * LANE;
  lanes.style.height = `${height + (capacity > 1 ? LOAD_HEIGHT : 0)}px`;
  const row = make("section", "", "row");
  row.style.containIntrinsicHeight = `auto ${lanes.style.height}`;
  row.ariaLabel = nameOf(calendar);
  row.append(makeHeading(calendar), lanes);
  fillLater(row, () => {
    if (capacity > 1) lanes.append(drawLoad(shown, capacity, axis));
    if (!shown.length) lanes.append(make("p", "free", "free"));
    const inner = make("div", "", "inner");
    inner.append(
      ...axis.ticks.map(({ x }) => spanElement("tick", x, x + 1)),
      ...drawBands(calendar, axis, shownSpan),
      ...drawWhole(whole, calendar, top),
      ...others.map((box) => drawEvent(box, calendar, top)),
      ...drawNow(axis, shownSpan),
    );
    lanes.append(inner);
  });
  return row;
}

/** Draw the band of whole days, which page.css labels for those who see it. */
function drawWhole(whole: Box[], calendar: number, height: number) {
  if (!height) return [];
  const band = make("div", "", "whole");
  band.role = "group";
  band.ariaLabel = "All day";
  band.append(...whole.map((box) => drawEvent(box, calendar, BAND_LABEL)));
  return [place(band, { height: height - 1 })];
}

function makeHeading(calendar: number) {
  const { capacity = 1, free, policy } = view.calendars[calendar];
  const heading = make("h3", nameOf(calendar));
  if (policy) heading.append(make("small", policy, "policy"));
  if (capacity > 1) heading.append(make("small", `capacity ${capacity}`));
  if (free) heading.append(make("small", free));
  return heading;
}

const spanElement = (className: string, left: number, right: number) =>
  place(make("i", "", className), { left, width: right - left });

function drawBands(calendar: number, axis: Axis, { start, end }: Span) {
  const overlaps = view.conflicts
    .filter((conflict) => conflict.calendar === calendar)
    .flatMap(overlapsOf)
    .filter((overlap) => touches(overlap, start, end));
  return merge(overlaps).map((band) => spanElement("band", axis.x(band.start), axis.x(band.end)));
}

function drawNow(axis: Axis, { start, end }: Span) {
  const now = Date.now() / 1_000;
  const isLive = view.kind === "bookings" && now >= start && now < end;
  return isLive ? [spanElement("now", axis.x(now), axis.x(now) + 2)] : [];
}

function drawLoad(shown: Entry[], capacity: number, axis: Axis) {
  const strip = make("div", "", "load");
  for (const { start, end, depth } of loadOf(shown)) {
    const [left, right] = [axis.x(start), axis.x(end)];
    const step = spanElement(
      depth > capacity ? "over" : depth === capacity ? "full" : "",
      left,
      right,
    );
    if (right - left > NARROWEST_NAMED) step.textContent = `${depth} of ${capacity}`;
    strip.append(step);
  }
  return strip;
}

function drawEvent(box: Box, calendar: number, top: number) {
  const { entry, lane, lanes, from, to, bar, barEnd, tailEnd, label, labelWidth } = box;
  const isDouble = isConflicting(entry, calendar);
  const classes = [
    "event",
    isDouble && "conflicting",
    entry.isTentative && "tentative",
    state.chosen && entry.conflicts.includes(state.chosen) && "chosen",
  ];
  const button = place(make("button", "", classes.filter(Boolean).join(" ")), {
    left: from,
    top: top + lane * LANE + 1,
    width: to - from,
    height: lanes * LANE - 2,
  });
  button.tabIndex = -1;
  const status = isDouble ? "double-booked" : "no conflict";
  button.ariaLabel = `${entry.name}, ${timeOf(entry)}, ${status}`;
  button.append(spanElement("bar", bar - from, barEnd - from));
  if (tailEnd > barEnd) button.append(spanElement("tail", barEnd - from, tailEnd - from));
  button.append(place(make("span", entry.name), { left: label - from, width: labelWidth }));
  entryOfButton.set(button, entry);
  return button;
}
