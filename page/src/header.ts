import { find, make } from "./dom.js";
import { conflictsShown, nameOf, overlapsOf, state, timesOf, view } from "./model.js";
import { clock, dayAt, dayName, daysText } from "./times.js";

const MOST_BARS = 366;

export function drawHeader(): void {
  const { facts, live, made, notes = [], summary, zone } = view;
  document.title = summary;
  find("summary").textContent = summary;
  const when = `${dayName(made)}, ${clock(made - (made % 60))}`;
  find("facts").textContent = [...facts, zone, `made ${when}`].join(" · ");
  const failure = live?.error ? [`Not up to date: ${live.error}.`] : [];
  find("note").textContent = [...failure, ...notes].join(" ");
}

// The overview has a bar a day under a slider: one target for pointer and keyboard.

function countConflicts(): number[] {
  const byDay = view.days.map(() => 0);
  for (const { start, end } of conflictsShown(true).flatMap(overlapsOf)) {
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
  const [start, end] = state.days.split(",").map(Number);
  find("overview").style.cssText =
    `--days: ${days.length}; --from: ${dayAt(start)}; --to: ${dayAt(end - 1) + 1}`;
  find("clear").textContent = `Clear ${daysText({ start, end })}`;
  find("clear").hidden = !state.days;
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
    input.addEventListener("change", () => {
      state.calendar = calendar;
      filter();
    });
    const label = make("label", conflicts ? `${text} ${conflicts}` : text);
    label.prepend(input);
    return label;
  };
  const all = byCalendar.reduce((sum, number) => sum + number, 0);
  const one = (calendar: number) =>
    chip(nameOf(calendar), byCalendar[calendar], view.calendars[calendar].name);
  find("chips").replaceChildren(chip("all", all, null), ...order.map(one));
  find("chips").hidden = order.length < 2;
}
