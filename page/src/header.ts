import { find, fromTo, make, narrow, sum } from "./dom.js";
import {
  conflictsFound,
  entries,
  isFound,
  isIn,
  nameOf,
  overlapsOf,
  type Span,
  state,
  timesOf,
  view,
} from "./model.js";
import { clock, dayAt, dayName, shortDay } from "./times.js";

export function drawHeader(): void {
  const { facts, live, made, notes = [], summary, zone } = view;
  document.title = summary;
  find("summary").textContent = summary;
  const when = `${dayName(made)}, ${clock(made - (made % 60))}`;
  find("facts").textContent = [...facts, zone, `made ${when}`].join(" · ");
  const failure = live?.error ? [`Not up to date: ${live.error}.`] : [];
  find("note").textContent = [...failure, ...notes].join(" ");
}

// The overview has a bar for each day, or for a few, under a slider: one target for pointer and keyboard.

function countByBar(spans: Span[], days: number): number[] {
  const byBar = Array(Math.ceil(view.days.length / days)).fill(0);
  for (const { start, end } of spans) {
    let bar = Math.floor(dayAt(start) / days);
    do byBar[bar] += 1;
    while (++bar < byBar.length && view.days[bar * days].start < end);
  }
  return byBar;
}

const share = (number: number, all: number[], percent: number, least: number) =>
  `${number && Math.max(least, (percent * number) / Math.max(...all))}%`;

export function drawOverview(): void {
  const { days } = view;
  // A bar has at least a pixel: a browser may draw nothing of one that has less.
  const each = Math.ceil(days.length / (narrow.matches ? 183 : 366)) || 1;
  const conflicts = countByBar(conflictsFound().flatMap(overlapsOf), each);
  const events = countByBar(entries.filter(isFound), each);
  const bars = events.map((number, index) => {
    const bar = make("i");
    const red = share(conflicts[index], conflicts, 100, 12);
    bar.style.cssText = `--conflicts: ${red}; --events: ${share(number, events, 60, 6)}`;
    return bar;
  });
  find("bars").replaceChildren(...bars);
  find("overview").hidden = days.length < 2;
  const ends = [days[0], days.at(-1)].map((day) => make("span", day?.label));
  find("ends").replaceChildren(...ends);
  drawRange();
}

/** Mark a range of days, by default that which was chosen. */
export function drawRange(range = state.days): void {
  const days = view.days.filter(isIn(range));
  const from = view.days.indexOf(days[0]);
  find("overview").style.cssText =
    `--days: ${view.days.length}; --from: ${from}; --to: ${from + days.length}`;
  find("clear").textContent = range && `Clear ${fromTo(days.map(({ start }) => shortDay(start)))}`;
  find("clear").hidden = !range;
}

// Chips show one calendar, or all. They are radio buttons: one tab stop, with arrow keys.

export function drawChips(filter: () => void): void {
  const byCalendar = view.calendars.map(() => 0);
  for (const conflict of view.conflicts) byCalendar[conflict.calendar] += timesOf(conflict);
  const order = [...byCalendar.keys()].sort((one, other) => byCalendar[other] - byCalendar[one]);
  const chip = (text: string, conflicts: number, calendar: string | null) => {
    const input = make("input");
    input.type = "radio";
    input.name = "calendar";
    input.value = text;
    input.checked = state.calendar === calendar;
    input.onchange = () => {
      state.calendar = calendar;
      filter();
    };
    const label = make("label", conflicts ? `${text} ${conflicts}` : text);
    label.prepend(input);
    return label;
  };
  const one = (calendar: number) =>
    chip(nameOf(calendar), byCalendar[calendar], view.calendars[calendar].name);
  find("chips").replaceChildren(chip("all", sum(byCalendar), null), ...order.map(one));
  find("chips").hidden = order.length < 2;
}
